"""After a visit nothing of it is left in the worker's memory: read from outside, byte by byte."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import trio

from kiosk import hardening
from kiosk.vision import client
from kiosk.vision.client import VisionWorker, new_challenge
from kiosk.vision.embedding import FaceEmbedder, prepare_id_photo
from kiosk.vision.faces import FaceDetector
from kiosk.vision.frames import FrameReader
from tests.privileges import looks_into_others
from tests.waiting import times_slower

TRIES = 3


def writable_regions(pid: int):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            memory.seek(start)
            try:
                yield memory.read(end - start)
            except OSError:
                continue


def found(pid: int, needles: dict[str, bytes]) -> set[str]:
    return {name for data in writable_regions(pid) for name, needle in needles.items() if needle in data}


def rows_of(picture: np.ndarray, name: str) -> dict[str, bytes]:
    """Three pieces of the face, 20 pixels each."""
    high, wide = picture.shape[:2]
    left = wide // 2 - 10
    rows = (high * 2 // 5, high // 2, high * 3 // 5)
    return {f"{name} row {y}": picture[y, left : left + 20].tobytes() for y in rows}


@looks_into_others
async def test_forget_leaves_no_portrait_no_frame_and_no_embedding(camera, photos, monkeypatch):
    for name, value in hardening.environment().items():
        monkeypatch.setenv(name, value)
    own_s = client.FORGET_TIMEOUT_S
    for _ in range(TRIES):
        slower = times_slower()
        monkeypatch.setattr(client, "FORGET_TIMEOUT_S", slower * own_s)
        if await forgets_in_time(camera, photos["zhao"]):
            return
        # The machine was too busy, and the process was ended with all that it held: safe, but nothing to look at.
    pytest.fail(f"never in time, at {slower:.0f} times slower than by itself")


async def forgets_in_time(camera, photo: bytes) -> bool:
    """A visit before the camera; when its end is confirmed, nothing of it is found."""
    large, face = prepare_id_photo(photo, FaceDetector())
    numbers = FaceEmbedder().embed(large, face)
    needles = {"photo": photo[300:360], "photo start": photo[40:100], "embedding": numbers[20:28].tobytes()}
    needles |= rows_of(large, "decoded photo")
    needles |= rows_of(cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR), "small photo")
    camera.do("person", id="zhao")
    vision = VisionWorker(camera.settings(lost_after_s=60.0))
    async with trio.open_nursery() as nursery:
        await vision.start(nursery)
        challenge = new_challenge()
        with trio.CancelScope() as scope:

            def stop_in_the_middle(progress):
                if progress.instruction.startswith("turn_"):
                    scope.cancel()

            await vision.verify_face(photo, challenge, stop_in_the_middle, 15.0)
        result = await vision.verify_face(photo, challenge, camera.citizen(challenge), 15.0)
        assert result.decision == "pass"
        picture = await vision.snapshot()
        needles |= rows_of(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR), "snapshot")
        needles["snapshot bytes"] = picture[len(picture) // 2 :][:60]
        # The camera is frozen so that the picture the test knows is the one the worker holds.
        await vision.preview(True)
        camera.do("freeze")
        reader = FrameReader(vision.frames_name)
        with trio.fail_after(60.0):
            # Pictures from before the freeze may still be on their way.
            while not {"preview row 240", "frame row 240"} <= found(vision.pid, needles):
                await trio.sleep(0.3)
                mirrored = reader.latest()[1]
                needles |= rows_of(mirrored, "preview") | rows_of(np.ascontiguousarray(mirrored[:, ::-1]), "frame")
        pid = vision.pid
        if not await vision.forget():
            assert vision.pid != pid
            await vision.stop()
            camera.do("thaw")
            return False
        assert vision.pid == pid
        assert found(vision.pid, needles) == set()
        result = await vision.verify_face(b"", challenge, lambda _: None, 5.0)
        assert result.reason == "poor_photo", "the worker still works"
        await vision.stop()
    return True
