"""A check that was canceled, or that nobody waits for any more, looks at no further picture."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kiosk.vision import protocol as p
from kiosk.vision.frames import FrameSegment
from kiosk.vision.worker import Worker

CHECK, PHOTO = 7, 8
HANG_S = 60.0


@pytest.fixture
def worker() -> Iterator[Worker]:
    """One whose camera must not be asked; nothing of it runs."""
    ours, theirs = socket.socketpair()
    segment = FrameSegment()
    made = Worker(theirs, segment.fd)

    def never(*_: object) -> None:
        pytest.fail("it goes on before the camera")

    made._camera = cast("Any", SimpleNamespace(gone=False, newer_than=never, let_waiting_go=lambda: None))
    yield made
    for each in (ours, theirs, segment):
        each.close()


@pytest.mark.parametrize("ends", [p.Cancel, lambda number: p.Forget(number + 1)])
def test_nobody_waits_and_nobody_is_looked_at(worker: Worker, ends: Callable[[int], p.ToWorker]) -> None:
    worker._handle_message(ends(CHECK))
    worker._handle_message(ends(PHOTO))
    found = worker._watch_person(p.Verify(CHECK, b"", p.Challenge("left"), HANG_S), cast("Any", None))
    assert (found.decision, found.reason) == ("unavailable", "canceled")
    assert worker._watch_until_good(p.TakePhoto(PHOTO, ("licence",), HANG_S), cast("Any", None)) is None
