"""What waits for a picture is let go of when a visit ends, however long it would have waited."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from devices.camera.driver import CameraSettings
from kiosk.vision.capture import CameraThread
from kiosk.vision.frames import FrameSegment, FrameWriter

HANG_S = 60.0


@pytest.fixture
def camera() -> CameraThread:
    """A camera that never gives a picture: its thread is not started."""
    segment = FrameSegment()
    return CameraThread(CameraSettings(driver="opencv", source="0"), FrameWriter(segment.fd), lambda _status: None)


def test_who_waits_for_a_picture_is_let_go_of(camera: CameraThread) -> None:
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(camera.newer_than(0, 10 * HANG_S)), daemon=True)
    waiting.start()
    camera.let_waiting_go()
    waiting.join(HANG_S)
    assert found == [None]


def test_camera_that_hangs_is_not_called_forgotten(camera: CameraThread) -> None:
    camera.begin_forgetting()
    assert not camera.forgotten(0.05)
