"""What waits for a picture is let go of when a visit ends, however long it would have waited."""

from __future__ import annotations

import threading
import weakref
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import numpy as np
import pytest

from devices.camera import status
from devices.camera.driver import CameraSettings
from devices.contract import TryAgain
from devices.vocabulary import DeviceStatus
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


def test_picture_over_which_a_camera_failed_is_gone_when_it_is_called_forgotten() -> None:
    """The fault kept the frames that it came through for as long as the camera was left alone: up to five seconds."""
    pictures: list[weakref.ref[np.ndarray]] = []
    said: list[DeviceStatus] = []
    is_held: list[bool] = []
    failed = threading.Event()

    def told(found: DeviceStatus) -> None:
        said.append(found)
        failed.set()

    def set_up() -> None:
        if pictures:
            raise SystemExit  # ends the thread

    def read(_deadline: object) -> NoReturn:
        picture = np.zeros((480, 640, 3), np.uint8)
        pictures.append(weakref.ref(picture))
        raise TryAgain(status.FROZEN)

    def pause() -> None:
        is_held.append(pictures[0]() is not None)

    segment = FrameSegment()
    camera = CameraThread(CameraSettings(driver="opencv", source="0"), FrameWriter(segment.fd), told)
    driver = SimpleNamespace(setup=set_up, read=read, pause=pause, teardown=lambda: None, idle_interval_s=HANG_S)
    camera._driver = cast("Any", driver)
    camera.want("preview", on=True)
    camera.start()
    assert failed.wait(HANG_S)
    camera.begin_forgetting()
    assert camera.forgotten(HANG_S)
    assert [each.error for each in said] == [status.FROZEN]
    assert is_held == [False]
