"""Where the model files are, and their digests. Nothing is downloaded at run time."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

VENDORED = Path(__file__).parent / "models"

MEDIAPIPE_VERSION = "0.10.21"
"""The wheel that the vendored files come from."""

SHA256 = {
    "face_detection_short_range.tflite": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    "face_landmark.tflite": "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
}
"""Vendored MediaPipe files (Apache-2.0) and their SHA-256."""

DLIB_FILES = ("dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat")
"""dlib weights (CC0) of the package face_recognition_models."""


class ModelMissingError(Exception):
    """A model file is not there or not what it should be; names the file."""


def vendored(name: str, folder: Path = VENDORED) -> Path:
    """The path of a vendored file. Raises ModelMissingError when it is absent or altered."""
    path = folder / name
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[name]:
        raise ModelMissingError(name)
    return path


def dlib_weights(name: str, folder: Path | None = None) -> Path:
    """The path of a dlib weight file. Raises ModelMissingError when the package is not installed."""
    # The package is located, never imported: its __init__ needs pkg_resources.
    if folder is None:
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or spec.origin is None:
            raise ModelMissingError(name)
        folder = Path(spec.origin).parent / "models"
    if not (folder / name).is_file():
        raise ModelMissingError(name)
    return folder / name
