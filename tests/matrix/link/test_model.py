"""The model of the link finds nothing in the design, each seeded mistake, and stands for code that exists."""

from __future__ import annotations

import importlib
from functools import reduce

import pytest

from tests.matrix.link.model import CAUGHT_AS, STANDS_FOR, Mistake, Setting, explore


@pytest.mark.parametrize("cases", [(0, 0, 1), (0, 1, 2), (0, 0, 1, 1)])
def test_nothing_is_lost_doubled_reordered_held_or_stuck(cases: tuple[int, ...]) -> None:
    result = explore(Setting(cases))
    assert (result.wrong, result.trace) == ("", [])
    assert result.states > 2_000


@pytest.mark.parametrize("mistake", CAUGHT_AS)
def test_a_seeded_mistake_is_found(mistake: Mistake) -> None:
    result = explore(Setting(mistake=mistake))
    assert result.wrong in CAUGHT_AS[mistake]
    assert result.trace[0] == "file"


@pytest.mark.parametrize(("step", "place"), [(step, place) for step, code in STANDS_FOR.items() for place in code])
def test_each_transition_stands_for_code_that_exists(step: str, place: str) -> None:
    module, _, names = place.partition(":")
    assert callable(reduce(getattr, names.split("."), importlib.import_module(module))), step
