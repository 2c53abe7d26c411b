"""Which process runs what, and what comes first: a plugin for ``./test``, which runs several files at a time.

A file stays together with its fixtures. Those that need the whole stage (hub, network, every emulated device, a dozen
processes) stay together too, so that it is set up once. What takes minutes comes first: begun last, it would keep one
process busy while the others have nothing left to do.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

ONE_STAGE = "tests/kiosk/machine/"
LONG = (
    ONE_STAGE,
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

    def _split_scope(self, nodeid: str) -> str:
        return ONE_STAGE if nodeid.startswith(ONE_STAGE) else super()._split_scope(nodeid)
