"""Whose face: dlib's 128 numbers per face, and the gate that an ID photo must pass before it is compared."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kiosk.vision.faces import Face, FaceDetector
from kiosk.vision.model_files import DLIB_FILES, dlib_weights

# A compiled module that tells type checkers nothing about itself.
dlib: Any = importlib.import_module("dlib")

ENGINE = "dlib-resnet-v1"
ID_PHOTO_SCALE = 3
"""A 102 x 126 card photo is enlarged by this before it is looked at."""

_CHIP_PX = 150


class FaceEmbedder:
    """dlib's face net with its 5-point alignment. A call takes about 130 ms and holds the GIL."""

    def __init__(self, folder: Path | None = None) -> None:
        net, points = (str(dlib_weights(name, folder)) for name in DLIB_FILES)
        self._net = dlib.face_recognition_model_v1(net)
        self._points = dlib.shape_predictor(points)

    def embed(self, picture: np.ndarray, face: Face) -> np.ndarray:
        """128 numbers of the face in a BGR picture; Euclidean distance tells two faces apart."""
        rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        box = dlib.rectangle(*(round(v) for v in (face.left, face.top, face.right, face.bottom)))
        shape = self._points(rgb, box)
        result = np.array(self._net.compute_face_descriptor(rgb, shape), np.float64)
        rgb[:] = 0
        return result

    def forget(self) -> None:
        """Overwrite what the net still holds of the last face."""
        self._net.compute_face_descriptor(np.zeros((_CHIP_PX, _CHIP_PX, 3), np.uint8))


class PhotoError(Exception):
    """The ID photo cannot be compared."""


def prepare_id_photo(data: bytes, detector: FaceDetector) -> tuple[np.ndarray, Face]:
    """Decode, enlarge and check an ID photo (WebP, PNG, JPEG, BMP). Raises PhotoError."""
    try:
        small = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:
        # It says that it has more pixels than OpenCV was told to take (devices.camera.driver).
        raise PhotoError("too large") from None
    if small is None:
        raise PhotoError("not a picture")
    if min(small.shape[:2]) < 60:
        raise PhotoError("too small")
    scale = ID_PHOTO_SCALE if small.shape[1] < 300 else 1
    large = cv2.resize(small, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    small[:] = 0
    faces = [face for face in detector.detect(large) if face.score >= 0.75]
    if len(faces) != 1:
        raise PhotoError("not exactly one face")
    if cv2.Laplacian(cv2.cvtColor(large, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var() < 4.0:
        raise PhotoError("blurred")
    return large, faces[0]


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Euclidean distance of two embeddings: 0 is the same picture, above 0.6 is another person."""
    return float(np.linalg.norm(one - other))
