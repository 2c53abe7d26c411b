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

MADE_POINTS = (
    # Money taken, nothing filed; the old one in the box, the new one not begun; the new one being written.
    ("T01 made", "payment phone has paid#1"),
    ("T01 made", "licence_printer after swallow_old#1"),
    ("T01 made", "licence_printer amid write#1"),
    # The person's own document inside, written.
    ("E06", "endorsement_writer before hand_out#1"),
    # The bolt drawn, nothing said yet.
    ("H07", "lock_board after open_door#1"),
    # The person's permit inside, read.
    ("E11", "travel_document_reader before eject#1"),
    # The blank under the writer, not written; the card going to the gate.
    ("H14 made", "card after reader#1"),
    ("H14 made", "card before gate#1"),
    ("H08", "page_printer amid print_pages#1"),
)


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


@pytest.mark.parametrize(("service", "point"), MADE_POINTS)
def test_killed_while_paying_or_making_nothing_is_without_an_end(sweep: Sweep, service: str, point: str) -> None:
    assert sweep.run(service, point).broken == ()
