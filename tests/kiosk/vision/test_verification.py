"""One check from its first picture to its decision, with what the nets would say written down: no camera, no model."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.vision import faces
from kiosk.vision.faces import Face
from kiosk.vision.protocol import Challenge, FaceResult, Thresholds
from kiosk.vision.verification import HOLD_FRAMES, Nets, Verification, shown_box

FACE = Face(0.9, 60, 40, 140, 160, ((80.0, 80.0), (120.0, 80.0)))
FRAME = np.zeros((200, 200, 3), np.uint8)
TURN_LEFT = (*[0.0] * 3, *[20.0] * 2, 0.0, *[0.0] * HOLD_FRAMES)
"""Degrees: frontal, turned as asked, back, held still."""
HELD_FROM = 5


class Says:
    """All three nets: one face, turned so far, of this person."""

    def __init__(self) -> None:
        self.yaw_deg, self.person = 0.0, 0.0
        self.given: list[np.ndarray] = []

    def detect(self, _picture: np.ndarray) -> list[Face]:
        return [FACE]

    def points(self, _picture: np.ndarray, _face: Face) -> np.ndarray:
        return np.array([self.yaw_deg])

    def embed(self, _picture: np.ndarray, _face: Face) -> np.ndarray:
        self.given.append(np.full(128, self.person / np.sqrt(128)))
        return self.given[-1]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Says:
    monkeypatch.setattr(faces, "yaw_deg", lambda mesh: float(mesh[0]))
    return Says()


def check(says: Any) -> Verification:
    """With the photo of a person who is at distance 0 from ``person`` 0."""
    begun = Verification(Nets(says, says, says), Challenge("left"), Thresholds(), mirror=True)
    noise = np.random.default_rng(8).integers(0, 255, (126, 102, 3), np.uint8)
    assert begun.take_photo(cv2.imencode(".png", noise)[1].tobytes()) is None
    return begun


def looked(says: Says, begun: Verification, *, first: float = 0.0, held: float = 0.0) -> FaceResult:
    """``first`` and ``held``: how far who turns and who holds still is from the photo."""
    for number, yaw_deg in enumerate(TURN_LEFT):
        says.yaw_deg, says.person = yaw_deg, held if number >= HELD_FROM else first
        if (result := begun.look(FRAME, 0.1 * number)) is not None:
            return result
    raise AssertionError("no decision")


@pytest.mark.parametrize(
    ("away", "decision", "reason"),
    [(0.3, "pass", ""), (0.55, "ask", "not_alike"), (0.7, "fail", "not_alike")],
)
def test_who_turned_and_held_still_is_compared_with_the_photo(
    says: Says, away: float, decision: str, reason: str
) -> None:
    result = looked(says, check(says), first=away, held=away)
    assert (result.decision, result.reason, result.frames_used) == (decision, reason, 1 + HOLD_FRAMES)
    assert result.distance == pytest.approx(away)


def test_who_takes_the_place_before_the_camera_after_the_turn_does_not_pass(says: Says) -> None:
    result = looked(says, check(says), first=0.9, held=0.0)
    assert (result.decision, result.reason, result.distance) == ("fail", "several_faces", None)


def test_every_number_of_a_face_is_overwritten_at_the_end(says: Says) -> None:
    begun = check(says)
    looked(says, begun, first=0.3, held=0.3)
    assert [bool(numbers.any()) for numbers in says.given] == [False, *[True] * (1 + HOLD_FRAMES)]
    says.given[0][:] = 1.0
    begun.wipe()
    assert not any(numbers.any() for numbers in says.given), "the photo's too"


def test_the_frame_stands_around_the_face_as_the_person_sees_it() -> None:
    left, top, right, bottom = shown_box(Face(0.9, 20, 40, 60, 80, FACE.eyes), 200, 100, mirror=False)
    assert (left, top, right, bottom) == pytest.approx((0.1, 0.4, 0.3, 0.8))
    mirrored = shown_box(Face(0.9, 20, 40, 60, 80, FACE.eyes), 200, 100, mirror=True)
    assert mirrored == pytest.approx((0.7, 0.4, 0.9, 0.8))
