"""The short chaos run: kills, cuts and clock jumps end in every case once, and seeded mistakes do not pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub.fixtures import RunningHub
from tests.matrix.link.chaos import Report, Run, new_seed


def chaos(hub: RunningHub, folder: Path, **named) -> Report:
    return Run(hub, folder, **{"seed": new_seed(), "kiosk_kills": 0, "hub_kills": 0, **named}).go()


def test_sixty_cases_over_a_bad_line_with_kills_and_clock_jumps(hub: RunningHub, tmp_path: Path) -> None:
    report = chaos(hub, tmp_path, cases=60, kiosk_kills=2, hub_kills=1)
    assert report.is_whole, report
    assert report.facts["kiosk kills"] >= 1
    assert report.facts["requests"] > 60


@pytest.mark.parametrize(
    ("mistake", "found", "kills"),
    [("ack first", "lost", 0), ("no order", "out of order", 0), ("new key", "duplicated", 4)],
)
def test_a_seeded_mistake_does_not_pass(hub: RunningHub, tmp_path: Path, mistake: str, found: str, kills: int) -> None:
    """A kill must fall between a commit and its word to show some of them: that takes one seed, or a few."""
    runs = (
        chaos(hub, tmp_path, cases=40, mistake=mistake, kiosk_kills=kills, seed=seed, quiet_s=8) for seed in range(6)
    )
    assert any(report.wrong[found] for report in runs)
