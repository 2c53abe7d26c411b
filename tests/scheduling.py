"""Which process runs what, and what comes when: a plugin for ``./test``, which runs several files at a time.

A file stays together with its fixtures. Stories of the whole machine compute all the time, most other files wait: one
kind after the other would crowd the processors first and leave them idle then, so they are mixed. A story that is begun
last would keep one process busy while the others have nothing left to do: none is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

LONG = ("tests/matrix/", "tests/kiosk/machine/", "tests/kiosk/hub_link/test_machine_gm.py", "tests/screens/")
"""Beginnings of paths; the longest first."""
_LAST_BEGINS = 0.8
"""Of all others, so much is begun before the last long one."""


def turns(files: Iterable[str]) -> dict[str, float]:
    """When the turn of each file is, from 0 to 1."""
    every = list(dict.fromkeys(files))
    long = sorted((path for path in every if path.startswith(LONG)), key=_rank)
    short = [path for path in every if not path.startswith(LONG)]
    return {path: _LAST_BEGINS * at / len(long) for at, path in enumerate(long)} | {
        path: (at + 0.5) / len(short) for at, path in enumerate(short)
    }


def _rank(path: str) -> int:
    return next(place for place, start in enumerate(LONG) if path.startswith(start))


def share(files: list[Path]) -> list[Path]:
    """What this process of several begins with, so that each begins elsewhere; nothing where it is the only one."""
    process, count = os.environ.get("PYTEST_XDIST_WORKER", ""), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    return files[int(process.removeprefix("gw")) :: int(count)] if process else []


class AsCollected(LoadFileScheduling):
    """Hands out whole files in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)
