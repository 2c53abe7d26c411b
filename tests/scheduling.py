"""Which process runs what, and what comes first: a plugin for ``./test``, which runs several files at a time.

A file stays together with its fixtures. What takes minutes comes first, the stories of the whole machine before all
others: begun last, it would keep one process busy while the others have nothing left to do.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

LONG = (
    "tests/kiosk/machine/",
    "tests/matrix/kill/",
    "tests/matrix/wipe/",
    "tests/matrix/",
    "tests/kiosk/hub_link/test_machine_gm.py",
    "tests/kiosk/catalogue/",
    "tests/screens/",
    "tests/devices/test_adding_a_device.py",
    "tests/hub/",
)
"""Beginnings of paths, the longest first; the rest follows as it was collected."""


def rank(path: str) -> int:
    """When its turn is."""
    return next((place for place, start in enumerate(LONG) if path.startswith(start)), len(LONG))


class LongFirst(LoadFileScheduling):
    """Hands out whole files in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)
