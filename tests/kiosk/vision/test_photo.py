"""Certificate photographs: what is wrong is said one thing at a time, what is right is cropped as the document asks."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import msgspec
import numpy as np
import pytest
from PIL import Image

from devices.camera.sim.puppet import FaceSpec, render
from kiosk.vision.faces import FaceDetector, FaceMesh
from kiosk.vision.photo import BEST_OF, Judge, PhotoProfile, PhotoShoot, _expression, _length_mm, profiles
from tests.kiosk.vision.test_face_check import worker

SIZE = (1280, 960)
WHITE = np.full((SIZE[1], SIZE[0], 3), 246, np.uint8)
HALL = np.full((SIZE[1], SIZE[0], 3), (150, 170, 160), np.uint8)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(FaceDetector(), FaceMesh(), profiles()["travel_document"])


def person(
    seed: int = 12, *, yaw: float = 0, scale: float = 0.3, centre: tuple[float, float] = (0.5, 0.54),
    background: np.ndarray = WHITE,
) -> np.ndarray:  # fmt: skip
    return render(FaceSpec(seed=seed), yaw, 0, 0, scale, SIZE, background=background, centre=centre)


def patterned() -> np.ndarray:
    picture = WHITE.copy()
    picture[:, ::8] = 180
    return picture


FRINGE = (54, 103, 67, 109, 10, 338, 297, 332, 284, 293, 334, 296, 336, 9, 107, 66, 105, 63)
BEARD = (
    58,
    172,
    136,
    150,
    149,
    176,
    148,
    152,
    377,
    400,
    378,
    379,
    365,
    397,
    288,
    434,
    422,
    335,
    406,
    182,
    106,
    202,
    214,
)


def with_hair(*outline: int, light: float = 1.0) -> np.ndarray:
    """Black hair over the face, within these marks."""
    picture = person()
    marks = FaceMesh().points(picture, FaceDetector().detect(picture)[0])
    cv2.fillPoly(picture, [np.round(marks[list(outline), :2]).astype(np.int32)], (20, 16, 14))
    return (picture * light).astype(np.uint8)


def lit_from_one_side() -> np.ndarray:
    light = np.where(np.arange(SIZE[0]) < SIZE[0] / 2, 1.0, 0.45)
    return (person() * light[None, :, None]).astype(np.uint8)


@pytest.mark.parametrize(
    ("wrong", "picture"),
    [
        ("", person),
        ("", lambda: person(background=np.full_like(WHITE, 255))),
        ("no_face", lambda: WHITE),
        (
            "several_faces",
            lambda: person(5, centre=(0.75, 0.5), scale=0.25, background=person(12, centre=(0.3, 0.5), scale=0.25)),
        ),
        ("look_straight", lambda: person(yaw=20)),
        ("step_back", lambda: person(scale=0.42)),
        ("come_closer", lambda: cv2.resize(person(scale=0.2), (640, 480))),
        ("to_the_middle", lambda: person(centre=(0.12, 0.54))),
        ("background", lambda: person(background=HALL)),
        ("background", lambda: person(background=patterned())),
        ("too_dark", lambda: (person() * 0.2).astype(np.uint8)),
        ("", lambda: with_hair(*FRINGE)),
        ("", lambda: with_hair(*BEARD)),
        ("too_dark", lambda: with_hair(*FRINGE, light=0.3)),
        ("too_bright", lambda: cv2.add(person(), (90, 90, 90, 0))),
        ("uneven", lit_from_one_side),
        ("hold_still", lambda: cv2.GaussianBlur(person(), (0, 0), 9)),
    ],
)
def test_the_worst_fault_is_named(judge: Judge, wrong: str, picture: Callable[[], np.ndarray]) -> None:
    assert judge.judge(picture()).wrong == wrong


@pytest.mark.parametrize(("marks", "word"), [((159, 145), "eyes_open"), ((386, 374), "eyes_open")])
def test_one_eye_that_is_shut_is_enough(marks: tuple[int, int], word: str) -> None:
    picture, mesh = person(), FaceMesh()
    found = mesh.points(picture, FaceDetector().detect(picture)[0])
    assert _expression(picture, found) == ""
    found[marks[0]] = found[marks[1]]
    assert _expression(picture, found) == word
    found = mesh.points(picture, FaceDetector().detect(picture)[0])
    found[14, 1] += 60
    assert _expression(picture, found) == "mouth_closed"


def test_one_picture_is_cut_for_every_document_as_each_asks_for_it() -> None:
    wanted = [profiles()[name] for name in sorted(profiles())]
    shoot = PhotoShoot(Judge(FaceDetector(), FaceMesh(), *wanted), *wanted)
    picture, taken = person(), None
    for number in range(40):
        if (taken := shoot.look(picture, number * 0.1)) is not None:
            break
    assert number == 8 + BEST_OF - 1, "steady for 0.8 s first, then five, of which one is kept"
    assert taken is not None
    for profile, data in zip(wanted, taken, strict=True):
        is_as_asked(profile, data)
    shoot.wipe()
    assert shoot.progress == 0


def is_as_asked(profile: PhotoProfile, data: bytes) -> None:
    """Size, resolution, and the length of the head in the middle of what is allowed."""
    photo = Image.open(io.BytesIO(data))
    assert (photo.size, photo.info["dpi"]) == ((profile.width_px, profile.height_px), (profile.dpi, profile.dpi))
    seen = Judge(FaceDetector(), FaceMesh(), profile)
    pixels = cv2.cvtColor(np.asarray(photo), cv2.COLOR_RGB2BGR)
    face = seen._detector.detect(pixels)[0]
    chin = seen._mesh.points(pixels, face)[152][1]
    below_mm = (profile.height_px - chin) / profile.height_px * profile.height_mm
    length_mm = profile.height_mm - below_mm - sum(profile.crown_mm) / 2
    assert profile.head_length_mm[0] <= length_mm <= profile.head_length_mm[1]
    marks = seen._mesh.points(pixels, face)
    width_mm = (marks[454][0] - marks[234][0]) / profile.width_px * profile.width_mm
    assert profile.head_width_mm[0] - 0.1 <= width_mm <= profile.head_width_mm[1] + 0.1
    assert pixels[2, 2].min() > 235, "the backdrop is the cloth's own white: nothing was painted"


@pytest.mark.parametrize(("slimness", "length_mm"), [(0.7, 31.5), (0.66, 32.4), (0.6, 33.0), (0.8, 29.0), (0.9, 28.0)])
def test_a_heads_width_is_kept_too_where_its_shape_allows_it(slimness: float, length_mm: float) -> None:
    """Of a travel document: 28 to 33 mm long, 21 to 24 mm wide."""
    assert _length_mm(profiles()["travel_document"], slimness) == pytest.approx(length_mm, abs=0.05)


@pytest.mark.parametrize(("scale", "centre", "fits"), [(0.3, (0.5, 0.54), True), (0.3, (0.5, 0.62), False)])
def test_a_picture_is_taken_for_all_or_for_none(scale: float, centre: tuple[float, float], fits: bool) -> None:
    """What the ID card's lower edge leaves in, the longer one of another document may cut off."""
    small = msgspec.structs.replace(profiles()["id_card"], height_mm=26.0)
    picture = person(scale=scale, centre=centre)
    alone = Judge(FaceDetector(), FaceMesh(), small).judge(picture)
    both = Judge(FaceDetector(), FaceMesh(), small, profiles()["travel_document"]).judge(picture)
    assert (alone.wrong, both.wrong) == ("", "" if fits else "to_the_middle")
    assert len(both.crops) == (2 if fits else 0)


async def test_a_person_is_told_of_the_cloth_and_photographed_before_it(camera) -> None:
    camera.do("person", id="zhao")
    camera.do("closer", scale=0.25)
    told: list[str] = []

    def follow(progress) -> None:
        if progress.word == "background" and "background" not in told:
            camera.do("backdrop", white=True)
        told.append(progress.word)

    try:
        async with worker(camera.settings()) as vision:
            taken = await vision.take_photo(("travel_document", "id_card"), follow, 25.0)
    finally:
        camera.do("backdrop", white=False)
        camera.do("closer", scale=0.3)
    assert [Image.open(io.BytesIO(each)).size for each in taken] == [(390, 567), (358, 441)], told[-3:]
    assert "background" in told
    assert told[-1] == "good"
