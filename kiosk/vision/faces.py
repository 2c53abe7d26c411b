"""Faces in a picture: where (BlazeFace), which way (468-point mesh). OpenCV's dnn runs both nets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kiosk.vision.model_files import VENDORED, vendored

INPUT_PX = 128
MESH_PX = 192
OUTER_EYES = (33, 263)
"""Mesh points of the outer eye corners: the person's right, the person's left."""


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face; pixels of the picture it was found in."""

    score: float
    left: float
    top: float
    right: float
    bottom: float
    eyes: tuple[tuple[float, float], tuple[float, float]]
    """Centres of the person's right and left eye."""

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def overlap(self, other: Face) -> float:
        """Intersection over union of both boxes, 0..1."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        both = max(0.0, wide) * max(0.0, high)
        return both / (self.width * self.height + other.width * other.height - both)


def _net(path: Path) -> cv2.dnn.Net:
    # The default engine of OpenCV 5 gives silently wrong numbers on some nets and refuses two outputs.
    return cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)


def _anchors() -> np.ndarray:
    """Anchor centres of the short-range model: 16 x 16 cells twice, then 8 x 8 cells six times; 0..1."""
    grids = []
    for cells, repeats in ((16, 2), (8, 6)):
        y, x = np.mgrid[0:cells, 0:cells]
        grids.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2) + 0.5, repeats, axis=0) / cells)
    return np.concatenate(grids).astype(np.float32)


class FaceDetector:
    """BlazeFace short range: faces of at least about 12 % of the picture's width."""

    def __init__(self, folder: Path = VENDORED) -> None:
        self._net = _net(vendored("face_detection_short_range.tflite", folder))
        self._anchors = _anchors()

    def detect(self, picture: np.ndarray, min_score: float = 0.5) -> list[Face]:
        """All faces of a BGR picture, best first."""
        high, wide = picture.shape[:2]
        side = max(high, wide)
        blob = cv2.dnn.blobFromImage(self._letterbox(picture), 1 / 127.5, mean=(127.5,) * 3, swapRB=True)
        self._net.setInput(blob)
        scores, boxes = self._net.forward(["classificators", "regressors"])
        scores = 1.0 / (1.0 + np.exp(-np.clip(scores.reshape(-1), -80, 80)))
        keep = np.flatnonzero(scores >= min_score)
        values = boxes.reshape(-1, 8, 2)[keep] / INPUT_PX
        values[:, 0] += self._anchors[keep]
        values[:, 2:] += self._anchors[keep][:, None]
        values *= side
        values[:, [0, *range(2, 8)]] -= ((side - wide) / 2, (side - high) / 2)
        return self._merged(scores[keep], values)

    def forget(self) -> None:
        """Overwrite what the net still holds of the last picture."""
        self.detect(np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8))

    @staticmethod
    def _letterbox(picture: np.ndarray) -> np.ndarray:
        high, wide = picture.shape[:2]
        side = max(high, wide)
        top, left = (side - high) // 2, (side - wide) // 2
        square = cv2.copyMakeBorder(picture, top, side - high - top, left, side - wide - left, cv2.BORDER_CONSTANT)
        return cv2.resize(square, (INPUT_PX, INPUT_PX), interpolation=cv2.INTER_AREA)

    @staticmethod
    def _merged(scores: np.ndarray, values: np.ndarray) -> list[Face]:
        """Weighted non-maximum suppression, as the model's authors do it."""
        found: list[Face] = []
        faces = [_face(float(score), value) for score, value in zip(scores, values, strict=True)]
        waiting = list(np.argsort(-scores))
        while waiting:
            best = waiting[0]
            group = [i for i in waiting if faces[i].overlap(faces[best]) > 0.3] or [best]
            weight = scores[group] / scores[group].sum()
            found.append(_face(float(scores[best]), np.tensordot(weight, values[group], 1)))
            waiting = [i for i in waiting if i not in group]
        return found


def _face(score: float, value: np.ndarray) -> Face:
    (x, y), (w, h) = value[0], value[1]
    eyes = ((float(value[2][0]), float(value[2][1])), (float(value[3][0]), float(value[3][1])))
    return Face(score, float(x - w / 2), float(y - h / 2), float(x + w / 2), float(y + h / 2), eyes)


class FaceMesh:
    """468 points of one face, with depth."""

    def __init__(self, folder: Path = VENDORED) -> None:
        self._net = _net(vendored("face_landmark.tflite", folder))

    def points(self, picture: np.ndarray, face: Face) -> np.ndarray | None:
        """(468, 3) pixels of the picture, depth in the same unit (nearer is smaller); None when it sees no face."""
        to_crop = self._crop_matrix(face)
        crop = cv2.warpAffine(picture, to_crop, (MESH_PX, MESH_PX), flags=cv2.INTER_LINEAR)
        self._net.setInput(cv2.dnn.blobFromImage(crop, 1 / 255.0, swapRB=True))
        mesh, flag = self._forward()
        if 1.0 / (1.0 + np.exp(-flag)) < 0.5:
            return None
        back = cv2.invertAffineTransform(to_crop)
        scale = float(np.hypot(back[0, 0], back[1, 0]))
        flat = mesh[:, :2] @ back[:, :2].T + back[:, 2]
        return np.concatenate([flat, mesh[:, 2:] * scale], axis=1)

    def forget(self) -> None:
        """Overwrite what the net still holds of the last picture."""
        self._net.setInput(np.zeros((1, 3, MESH_PX, MESH_PX), np.float32))
        self._forward()

    def _forward(self) -> tuple[np.ndarray, float]:
        small, large = sorted(self._net.forward(self._net.getUnconnectedOutLayersNames()), key=lambda x: x.size)
        return large.reshape(468, 3), float(small.reshape(-1)[0])

    @staticmethod
    def _crop_matrix(face: Face) -> np.ndarray:
        """The square of 1.5 x the box, turned so that the eyes are level, onto the net's input."""
        (x1, y1), (x2, y2) = face.eyes
        angle = float(np.degrees(np.arctan2(y2 - y1, x2 - x1)))
        centre = ((face.left + face.right) / 2, (face.top + face.bottom) / 2)
        matrix = cv2.getRotationMatrix2D(centre, angle, MESH_PX / (1.5 * max(face.width, face.height)))
        matrix[:, 2] += MESH_PX / 2 - np.array(centre)
        return matrix


def yaw_deg(mesh: np.ndarray) -> float:
    """How far the head is turned, from the depth of the outer eye corners; positive to the person's own left."""
    right, left = mesh[OUTER_EYES[0]], mesh[OUTER_EYES[1]]
    return float(np.degrees(np.arctan2(left[2] - right[2], left[0] - right[0])))
