"""The whole face check over the real wire: simulated camera, HTTP, worker process, client."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from devices.vocabulary import DeviceState
from kiosk.vision.client import Challenge, FaceResult, Thresholds, VisionWorker, new_challenge
from kiosk.vision.frames import FrameReader
from tests.waiting import HANG_S

TIMEOUT_S = 90.0


@asynccontextmanager
async def worker(settings, seen=None, made: Any = VisionWorker):
    vision = made(settings, Thresholds(), (lambda _: None) if seen is None else seen.append)
    async with trio.open_nursery() as nursery:
        await vision.start(nursery)
        try:
            yield vision
        finally:
            await vision.stop()


async def until(condition, timeout_s=HANG_S):
    with trio.fail_after(timeout_s):
        while not condition():
            await trio.sleep(0.02)


async def check(vision, camera, photo, side=None, *, turns=True) -> tuple[FaceResult, list[str]]:
    challenge = new_challenge()
    other = {"left": "right", "right": "left"}[challenge.side]
    follow = camera.citizen(challenge, other if side == "wrong" else None, turns=turns)
    result = await vision.verify_face(photo, challenge, follow, TIMEOUT_S)
    return result, follow.told


async def test_right_person_who_turns_as_asked_passes(camera, photos):
    camera.do("person", id="zhao")
    async with worker(camera.settings()) as vision:
        result, told = await check(vision, camera, photos["zhao"])
    assert (result.decision, result.reason) == ("pass", "")
    assert result.distance < 0.45
    assert result.frames_used >= 3
    assert told[-1] == "hold_still"


async def test_another_person_never_passes_and_too_far_is_told_to_come_closer(camera, photos):
    camera.do("person", id="zhao")
    camera.do("closer", scale=0.17)
    async with worker(camera.settings()) as vision:
        challenge = Challenge("left")
        follow = camera.citizen(challenge)

        def come(progress):
            follow(progress)
            if progress.instruction == "come_closer":
                camera.do("closer", scale=0.3)

        result = await vision.verify_face(photos["li"], challenge, come, TIMEOUT_S)
    assert "come_closer" in follow.told
    assert result.decision in ("fail", "ask")
    assert result.distance > 0.5


async def test_turning_to_the_wrong_side_does_not_count(camera, photos):
    camera.do("person", id="zhao")
    async with worker(camera.settings()) as vision:
        result, told = await check(vision, camera, photos["zhao"], side="wrong")
    assert (result.decision, result.reason) == ("fail", "wrong_side")
    assert "back_to_centre" not in told


async def test_waved_flat_photo_of_the_right_person_does_not_pass(camera, photos):
    camera.do("photo", id="zhao")
    async with worker(camera.settings()) as vision:
        result, told = await check(vision, camera, photos["zhao"], turns=False)
    assert (result.decision, result.reason) == ("fail", "not_live")
    assert "back_to_centre" not in told


async def test_second_person_in_the_picture_is_told_so(camera, photos):
    camera.do("person", id="zhao")
    camera.do("two_people", id="li")
    async with worker(camera.settings()) as vision:
        told = []
        with trio.move_on_after(TIMEOUT_S) as scope:
            await vision.verify_face(
                photos["zhao"],
                new_challenge(),
                lambda p: (told.append(p.instruction), p.instruction == "one_person_only" and scope.cancel()),
                TIMEOUT_S,
            )
        assert "one_person_only" in told
        camera.do("person", id="zhao")
        result, _ = await check(vision, camera, photos["zhao"])
        assert result.decision == "pass", "a canceled check must not disturb the next one"


async def test_empty_hall_ends_as_no_face(camera, photos):
    async with worker(camera.settings()) as vision:
        result = await vision.verify_face(photos["zhao"], new_challenge(), lambda _: None, 1.0)
    assert (result.decision, result.reason) == ("fail", "no_face")


async def test_camera_unplugged_in_the_middle_is_unavailable_and_comes_back(camera, photos):
    camera.do("person", id="zhao")
    statuses = []
    async with worker(camera.settings(lost_after_s=0.6), statuses) as vision:
        await until(lambda: vision.status.device is DeviceState.ONLINE)
        unplugged = []

        def pull(progress):
            if progress.instruction.startswith("turn_") and not unplugged:
                unplugged.append(camera.do("unplug"))

        result = await vision.verify_face(photos["zhao"], new_challenge(), pull, TIMEOUT_S)
        assert (result.decision, result.reason) == ("unavailable", "camera_lost")
        assert vision.status.device is DeviceState.OFFLINE
        camera.do("replug")
        await until(lambda: vision.status.device is DeviceState.ONLINE)
    assert [s.device for s in statuses] == [DeviceState.ONLINE, DeviceState.OFFLINE, DeviceState.ONLINE]


async def test_frozen_camera_is_noticed_while_somebody_looks_at_it(camera):
    camera.do("person", id="zhao")
    async with worker(camera.settings(lost_after_s=0.5)) as vision:
        await vision.preview(True)
        await until(lambda: vision.status.device is DeviceState.ONLINE)
        camera.do("freeze")
        await until(lambda: vision.status.error == "camera_frozen")
        assert vision.status.device is DeviceState.HARDWARE_ERROR
        camera.do("thaw")
        await until(lambda: vision.status.device is DeviceState.ONLINE)


async def test_killed_worker_is_unavailable_then_started_again(camera, photos):
    camera.do("person", id="zhao")
    statuses = []
    async with worker(camera.settings(), statuses) as vision:
        first = []

        def kill(progress):
            if progress.instruction.startswith("turn_") and not first:
                first.append(vision.pid)
                os.kill(vision.pid, signal.SIGKILL)

        result = await vision.verify_face(photos["zhao"], new_challenge(), kill, TIMEOUT_S)
        assert (result.decision, result.reason) == ("unavailable", "worker_lost")
        await until(lambda: vision.status.error == "vision_worker_lost")
        result, _ = await check(vision, camera, photos["zhao"])
        assert result.decision == "pass"
        assert vision.pid != first[0]
    assert [s.device for s in statuses][:3] == [DeviceState.ONLINE, DeviceState.OFFLINE, DeviceState.ONLINE]


async def test_missing_model_is_unavailable_and_never_passes(camera, photos, tmp_path, monkeypatch):
    altered = "import kiosk.vision.model_files as m\nm.SHA256['face_landmark.tflite'] = '0' * 64\n"
    (tmp_path / "sitecustomize.py").write_text(altered)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    camera.do("person", id="zhao")
    async with worker(camera.settings()) as vision:
        result, _ = await check(vision, camera, photos["zhao"])
        assert (result.decision, result.reason) == ("unavailable", "model_missing")
        assert vision.missing_model == "face_landmark.tflite"
        assert await vision.snapshot(boxes=True), "the camera's picture needs no model"


@pytest.mark.parametrize("photo", [b"", b"WLf\x00" * 256, "white"], ids=["empty", "undecoded", "without a face"])
async def test_id_photo_that_cannot_be_compared_goes_to_a_person(camera, photo):
    if photo == "white":
        import cv2
        import numpy as np

        photo = cv2.imencode(".png", np.full((126, 102, 3), 250, np.uint8))[1].tobytes()
    async with worker(camera.settings()) as vision:
        result = await vision.verify_face(photo, new_challenge(), lambda _: None, TIMEOUT_S)
    assert (result.decision, result.reason) == ("ask", "poor_photo")


async def test_preview_is_mirrored_and_stops_when_not_wanted(camera):
    camera.do("person", id="zhao")
    async with worker(camera.settings()) as vision:
        await vision.preview(True)
        reader = FrameReader(vision.frames_name)
        await until(lambda: reader.latest() is not None)
        number, picture = reader.latest()
        await until(lambda: reader.latest()[0] > number + 3)
        assert picture.shape == (480, 640, 3)
        await vision.forget()
        assert reader.latest() is None
        await until(lambda: camera.do("state")["watchers"] == 0)


async def test_worker_ends_with_its_parent(camera):
    async with worker(camera.settings()) as vision:
        await until(lambda: vision.pid is not None)
        pid = vision.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
