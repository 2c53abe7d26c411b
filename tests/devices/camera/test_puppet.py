"""The synthetic people: drawn the same every time, unlike each other, seen as faces, small enough for a card."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from devices.camera.sim import portraits
from devices.camera.sim.emulator import CameraStream
from devices.camera.sim.people import PHOTO_MAX_BYTES, card_photo, faces_of
from devices.camera.sim.puppet import FaceSpec, render
from devices.camera.sim.scene import NOISE_PICTURES, Scene
from kiosk.vision.faces import FaceDetector, FaceMesh, yaw_deg

ANNA = FaceSpec(8, "female", 30)
BERT = FaceSpec(3, "male", 43)


def seen_yaw(picture):
    (face,) = [f for f in FaceDetector().detect(picture) if f.score > 0.75]
    return yaw_deg(FaceMesh().points(picture, face))


@pytest.mark.parametrize("spec", [ANNA, BERT, FaceSpec(21, "male", 68), FaceSpec(14, "female", 60)])
def test_head_is_seen_and_its_turn_is_followed_to_both_sides(spec):
    yaws = [seen_yaw(render(spec, asked)) for asked in (-26, 0, 26)]
    assert yaws[0] < -15 < -5 < yaws[1] < 5 < 15 < yaws[2]


def test_same_spec_same_picture_other_spec_other_picture():
    assert np.array_equal(render(ANNA, 5), render(ANNA, 5))
    assert not np.array_equal(render(ANNA), render(BERT))


def test_blink_shuts_the_eyes():
    detector, mesh = FaceDetector(), FaceMesh()

    def opening(blink):
        picture = render(ANNA, blink=blink)
        points = mesh.points(picture, detector.detect(picture)[0])
        return np.linalg.norm(points[159] - points[145]) / np.linalg.norm(points[33] - points[133])

    assert opening(1.0) < 0.85 * opening(0.0)


def test_card_photo_fits_a_card_and_shows_a_face():
    data = card_photo(ANNA)
    assert len(data) <= PHOTO_MAX_BYTES
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (126, 102, 3)
    assert picture[:6, :6].mean() > 245
    assert FaceDetector().detect(cv2.resize(picture, None, fx=3, fy=3))[0].score > 0.75


def test_portraits_are_written_beside_the_people_file(tmp_path, capsys):
    people = tmp_path / "people.toml"
    people.write_text('[[person]]\nid = "anna"\nface = {seed = 8, sex = "female", age = 30}\n[[person]]\nid = "x"\n')
    assert faces_of(people) == {"anna": ANNA}
    assert portraits.main([str(people)]) == 0
    assert (tmp_path / "anna.webp").read_bytes()[8:12] == b"WEBP"
    assert not (tmp_path / "x.webp").exists()
    assert "1 photos" in capsys.readouterr().out


def test_turn_takes_its_time_and_stays_in_range():
    scene = Scene(person=ANNA)
    scene.turn(90.0)
    assert abs(scene.yaw_deg(scene.turned_at)) < 1
    assert 0 < scene.yaw_deg(scene.turned_at + 0.35) < 40
    assert scene.yaw_deg(scene.turned_at + 1.0) == 40.0


@pytest.mark.parametrize("swing", [-40, -20, 0, 20, 40])
def test_turned_flat_photo_hardly_turns_the_mesh(swing):
    scene = Scene(photo=ANNA)
    scene.photo_since = 0.0
    now = np.arcsin(swing / 40) / (2 * np.pi) * 2.4
    assert abs(seen_yaw(scene.draw(now, 0))) < 12


def test_no_wide_brush_is_blurred_byte_by_byte(monkeypatch):
    wide, blur = [], cv2.GaussianBlur

    def blurred(what, size, sigma, **more):
        wide.extend([what.dtype] if sigma > 10 else [])
        return blur(what, size, sigma, **more)

    monkeypatch.setattr(cv2, "GaussianBlur", blurred)
    render(FaceSpec(97, "female", 44))
    assert len(wide) > 5
    assert set(wide) == {np.dtype(np.float32)}


def test_who_stands_still_is_packed_once_and_looks_different_from_picture_to_picture(monkeypatch):
    packed, encode = [], cv2.imencode
    monkeypatch.setattr(cv2, "imencode", lambda *what: packed.append(what) or encode(*what))
    stream, shown = CameraStream(Scene(person=ANNA, noise=2.0)), []
    for stream._number in range(3 * NOISE_PICTURES):
        shown.append(stream.encoded())
    assert len(packed) == NOISE_PICTURES
    assert all(one != other for one, other in pairwise(shown))
