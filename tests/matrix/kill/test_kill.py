"""The short kill matrix: one service at the points where most can go wrong. ``make kill-matrix`` sweeps them all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.demo.stage import staged
from tests.matrix.kill.sweep import Sweep

POINTS = (
    "before commit of outbox.put#1",
    "after commit of outbox.put#1",
    "hub has answered#1",
    "after commit of journal.begin#1",
    "printer job sent#1 (power)",
    "printer half sent#1",
    "printer confirmed#1 (power)",
)


PAID_POINTS = ("payment ordered#1", "payment phone has paid#1")
"""Where money has been asked for or taken and nothing is filed yet."""


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    with staged(folder, lambda what: None) as stage:
        found = Sweep(stage)
        yield found
        found.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("point", POINTS)
def test_killed_here_nothing_is_lost_and_nothing_done_twice(sweep: Sweep, point: str) -> None:
    assert sweep.run("T01", point).broken == ()


@pytest.mark.parametrize("point", PAID_POINTS)
def test_killed_while_paying_no_money_is_without_an_end(sweep: Sweep, point: str) -> None:
    assert sweep.run("T01 paid", point).broken == ()
