"""One face check, picture by picture: the challenge, the same-person rule, the distance, the decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from kiosk.vision import faces
from kiosk.vision.embedding import ENGINE, FaceEmbedder, PhotoError, distance, prepare_id_photo
from kiosk.vision.faces import Face, FaceDetector, FaceMesh
from kiosk.vision.liveness import Phase, Sight, TurnChallenge
from kiosk.vision.protocol import Box, Challenge, FaceProgress, FaceResult, Thresholds

FACE_SCORE = 0.75
SAME_PERSON_DISTANCE = 0.45
"""First and last picture of a challenge must be this close."""
HOLD_FRAMES = 3


@dataclass(slots=True)
class Nets:
    """The loaded models."""

    detector: FaceDetector = field(default_factory=FaceDetector)
    mesh: FaceMesh = field(default_factory=FaceMesh)
    embedder: FaceEmbedder = field(default_factory=FaceEmbedder)

    def forget(self) -> None:
        """Overwrite what the nets hold of the last face."""
        self.detector.forget()
        self.mesh.forget()
        self.embedder.forget()


def decide(measured: float, thresholds: Thresholds) -> FaceResult:
    """Three ways: the same person, ask a person, another person."""
    if measured <= thresholds.pass_distance:
        return FaceResult("pass", measured, "", ENGINE)
    if measured <= thresholds.fail_distance:
        return FaceResult("ask", measured, "not_alike", ENGINE)
    return FaceResult("fail", measured, "not_alike", ENGINE)


class Verification:
    """Feed pictures with ``look``; it returns the result when there is one. Call ``wipe`` at the end, always."""

    def __init__(self, nets: Nets, challenge: Challenge, thresholds: Thresholds, *, mirror: bool) -> None:
        self._nets, self._thresholds, self._mirror = nets, thresholds, mirror
        self._turn = TurnChallenge(challenge)
        self._before: Face | None = None
        self._photo: np.ndarray | None = None
        self._live: list[np.ndarray] = []
        self._restarts = 0
        self.progress = FaceProgress("look_straight")

    def take_photo(self, data: bytes) -> FaceResult | None:
        """Look at the ID photo first: one that cannot be compared goes to a person at once."""
        try:
            picture, face = prepare_id_photo(data, self._nets.detector)
        except PhotoError:
            return FaceResult("ask", None, "poor_photo", ENGINE)
        self._photo = self._nets.embedder.embed(picture, face)
        picture[:] = 0
        return None

    def look(self, frame: np.ndarray, at_s: float) -> FaceResult | None:
        """One live picture (not mirrored) at a monotonic time."""
        found = [face for face in self._nets.detector.detect(frame) if face.score >= FACE_SCORE]
        phase = self._turn.step(self._sight(frame, found, at_s))
        if self._turn.restarts != self._restarts:
            self._restarts = self._turn.restarts
            self._drop_live()
        self.progress = FaceProgress(
            self._turn.instruction, self._turn.progress, self._box(found, frame), self._turn.left_s
        )
        if phase is Phase.FAILED:
            return FaceResult("fail", None, self._turn.reason, ENGINE, len(self._live))
        if len(found) != 1:
            return None
        if phase is Phase.TURN and not self._live:
            self._live.append(self._nets.embedder.embed(frame, found[0]))
        if phase is Phase.HOLD and self._turn.instruction == "hold_still":
            self._live.append(self._nets.embedder.embed(frame, found[0]))
            self._turn.progress = 0.75 + 0.25 * (len(self._live) - 1) / HOLD_FRAMES
            if len(self._live) > HOLD_FRAMES:
                return self._result()
        return None

    def out_of_time(self) -> FaceResult:
        """The result when the time was over before the challenge was."""
        if self.progress.instruction == "one_person_only":
            return FaceResult("fail", None, "several_faces", ENGINE)
        return FaceResult("fail", None, "too_slow" if self._before else "no_face", ENGINE, len(self._live))

    def wipe(self) -> None:
        """Overwrite every number that came from a face."""
        self._drop_live()
        if self._photo is not None:
            self._photo[:] = 0
        self._photo = self._before = None

    def _drop_live(self) -> None:
        for numbers in self._live:
            numbers[:] = 0
        self._live.clear()

    def _sight(self, frame: np.ndarray, found: list[Face], at_s: float) -> Sight:
        if len(found) != 1:
            return Sight(at_s, len(found))
        face, before = found[0], self._before
        self._before = face
        mesh = self._nets.mesh.points(frame, face)
        yaw = None if mesh is None else faces.yaw_deg(mesh)
        if mesh is not None:
            mesh[:] = 0
        return Sight(at_s, 1, face.width / frame.shape[1], face.overlap(before) if before else 1.0, yaw)

    def _result(self) -> FaceResult:
        assert self._photo is not None
        first, *held = self._live
        used = len(self._live)
        mean_held = np.mean(held, axis=0)
        if distance(first, mean_held) >= SAME_PERSON_DISTANCE:
            return FaceResult("fail", None, "several_faces", ENGINE, used)
        result = decide(distance(np.mean(self._live, axis=0), self._photo), self._thresholds)
        return FaceResult(result.decision, result.distance, result.reason, ENGINE, used)

    def _box(self, found: list[Face], frame: np.ndarray) -> Box | None:
        if not found:
            return None
        return shown_box(found[0], frame.shape[1], frame.shape[0], mirror=self._mirror)


def shown_box(face: Face, width_px: int, height_px: int, *, mirror: bool) -> Box:
    """The face's box as shares of the shown preview, cut to the picture."""
    left, right = (max(0.0, min(1.0, v / width_px)) for v in (face.left, face.right))
    top, bottom = (max(0.0, min(1.0, v / height_px)) for v in (face.top, face.bottom))
    return (1 - right, top, 1 - left, bottom) if mirror else (left, top, right, bottom)


def with_boxes(frame: np.ndarray, found: Iterable[Face]) -> np.ndarray:
    """A copy with a green frame around each face."""
    out = frame.copy()
    for face in found:
        start, end = (round(face.left), round(face.top)), (round(face.right), round(face.bottom))
        cv2.rectangle(out, start, end, (96, 176, 32), max(2, frame.shape[1] // 240), cv2.LINE_AA)
    return out
