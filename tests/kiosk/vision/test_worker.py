"""A check that nobody waits for any more looks at no further picture; a worker that cannot go on ends, and says why."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from kiosk.vision import client
from kiosk.vision import protocol as p
from kiosk.vision.client import VisionWorker
from kiosk.vision.frames import FrameSegment
from kiosk.vision.worker import Worker
from tests.kiosk.vision.conftest import Camera
from tests.waiting import comes_true

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


FAILS = {
    "out_of_memory": "bytearray(8 << 30)",  # zeros that no memory is needed for yet
    "thread_failed": "1 / 0",
    "signal_6": "__import__('os').abort()",
    "exit_1": "__import__('os')._exit(1)",
}


@pytest.mark.attack(1)
@pytest.mark.parametrize("why", FAILS)
async def test_worker_that_cannot_go_on_ends_and_says_why(
    camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """A picture that wants all of the computer's memory, or a thread that fails, left a process that saw nothing."""
    altered = f"import kiosk.vision.capture as c\nc.CameraThread._grab_picture = lambda _: {FAILS[why]}\n"
    (tmp_path / "sitecustomize.py").write_text(altered)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(client, "BACKOFF_S", (0.01, 0.01))
    told: list[str] = []
    vision = VisionWorker(camera.settings(), on_lost=told.append)
    async with trio.open_nursery() as nursery:
        await vision.start(nursery)
        await vision.preview(on=True)
        await comes_true(lambda: told, "the worker to end")
        await vision.stop()
    assert f"({why})" in told[0]
    assert why in vision.status.detail
