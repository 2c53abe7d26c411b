"""The short form of ``make fuzz``: no input to a parser of foreign bytes ends in anything but its documented errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fuzz import run
from tests.fuzz.mutator import Mutator
from tests.fuzz.parsers import PARSERS, Parser

# Pillow says what it thinks of a damaged picture.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
COUNT = 200
DEAR = {"catalogue": 60}
"""Each of these inputs costs the check of a whole catalogue; ``make fuzz`` tries as many as of the others."""
EACH = [pytest.param(name, marks=pytest.mark.attack(parser.door)) for name, parser in PARSERS.items()]


@pytest.mark.parametrize("name", EACH)
def test_no_input_ends_a_parser(name: str, record_property: Callable[[str, object], None]) -> None:
    count = DEAR.get(name, COUNT)
    figures = run.feed(name, count, seed=20270112)
    assert (figures.inputs, figures.crashes, figures.hangs) == (count, 0, 0), figures.first
    record_property("peak_mb", round(figures.peak_mb))


def test_same_seed_gives_the_same_inputs() -> None:
    one, same, other = (Mutator([b'{"a": [1, 2]}', b"x" * 100], seed) for seed in (7, 7, 8))
    made = [one.next() for _ in range(500)]
    assert made == [same.next() for _ in range(500)]
    assert made != [other.next() for _ in range(500)]


def failing(raw: bytes) -> object:
    if len(raw) % 2:
        raise ZeroDivisionError
    while raw:
        pass
    return raw


def test_the_check_is_able_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = iter([b"odd", b"odd", b"even"])
    parser = Parser(1, lambda _: ([], failing))
    monkeypatch.setitem(PARSERS, "bad", parser)
    monkeypatch.setattr(run, "HANG_S", 0.2)
    monkeypatch.setattr(Mutator, "next", lambda _: next(inputs))
    figures = run.feed("bad", 3, seed=1)
    assert (figures.inputs, figures.crashes, figures.hangs) == (3, 2, 1)
    assert figures.first[0].startswith("ZeroDivisionError")
