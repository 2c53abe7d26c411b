"""The nets give the numbers they gave when they were chosen; missing or altered files are named."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.vision import fetch_models, model_files
from kiosk.vision.embedding import FaceEmbedder, PhotoError, distance, prepare_id_photo
from kiosk.vision.faces import FaceDetector, FaceMesh, yaw_deg
from kiosk.vision.protocol import Thresholds
from kiosk.vision.verification import decide

GOLDEN = Path(__file__).parent / "golden"
"""A synthetic face turned 20 degrees to its own left, and what the nets said about it."""


@pytest.fixture(scope="module")
def golden():
    return cv2.imread(str(GOLDEN / "face.png")), json.loads((GOLDEN / "face.json").read_text())


def test_golden_detection_and_mesh(golden):
    picture, expected = golden
    (face,) = FaceDetector().detect(picture)
    assert face.score == pytest.approx(expected["score"], abs=0.01)
    assert [face.left, face.top, face.right, face.bottom] == pytest.approx(expected["box"], abs=1.0)
    mesh = FaceMesh().points(picture, face)
    assert np.abs(mesh[expected["points"]] - expected["mesh"]).max() < 0.5
    assert yaw_deg(mesh) == pytest.approx(expected["yaw_deg"], abs=0.5)


def test_golden_embedding(golden):
    picture, expected = golden
    (face,) = FaceDetector().detect(picture)
    assert distance(FaceEmbedder().embed(picture, face), np.array(expected["embedding"])) < 0.02


def test_net_that_forgot_still_gives_the_golden_numbers(golden):
    picture, expected = golden
    detector, mesh = FaceDetector(), FaceMesh()
    detector.forget()
    mesh.forget()
    (face,) = detector.detect(picture)
    assert yaw_deg(mesh.points(picture, face)) == pytest.approx(expected["yaw_deg"], abs=0.5)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x00" * 1024], ids=["empty", "text", "zeros"])
def test_unreadable_id_photo_is_refused(data):
    with pytest.raises(PhotoError):
        prepare_id_photo(data, FaceDetector())


@pytest.mark.parametrize(
    ("measured", "decision"), [(0.0, "pass"), (0.5, "pass"), (0.501, "ask"), (0.6, "ask"), (0.601, "fail")]
)
def test_three_way_decision(measured, decision):
    assert decide(measured, Thresholds()).decision == decision


def test_altered_or_absent_file_is_named(tmp_path):
    name = "face_landmark.tflite"
    with pytest.raises(model_files.ModelMissingError, match=name):
        model_files.vendored(name, tmp_path)
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(model_files.ModelMissingError, match=name):
        model_files.vendored(name, tmp_path)
    with pytest.raises(model_files.ModelMissingError, match="resnet"):
        FaceEmbedder(tmp_path)


def test_files_are_extracted_from_a_wheel_and_compared(tmp_path, capsys):
    wheel = tmp_path / "mediapipe.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in model_files.SHA256:
            archive.write(model_files.vendored(name), f"mediapipe/modules/x/{name}")
    into = tmp_path / "models"
    into.mkdir()
    assert fetch_models.main(["--wheel", str(wheel), "--into", str(into)]) == 0
    assert {p.name for p in into.iterdir()} == set(model_files.SHA256)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in model_files.SHA256:
            archive.writestr(f"mediapipe/modules/x/{name}", b"altered")
    assert fetch_models.main(["--wheel", str(wheel), "--into", str(into)]) == 1
    assert "face_landmark.tflite" in capsys.readouterr().out
    assert model_files.vendored("face_landmark.tflite", into)
