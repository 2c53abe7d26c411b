"""A circle before the camera, on a document or under a finger stays a circle on the glass, whatever room it has."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kiosk.journey.steps.sign import drawn
from kiosk.pages import Page, Paragraph, Picture, Preview, SignaturePad
from kiosk.text import same
from tests.screens.gallery import EXIT, LOOKS, NEXT, steps
from tests.screens.harness import frames, middle, showing

CIRCLE = (255, 0, 255)
FRAMES = [(640, 480), (1280, 720), (480, 640), (720, 1280), (600, 600)]


def circle(width: int, height: int) -> Image.Image:
    image = Image.new("RGB", (width, height), "#203040")
    radius = min(width, height) // 4
    middle = (width // 2 - radius, height // 2 - radius, width // 2 + radius, height // 2 + radius)
    ImageDraw.Draw(image).ellipse(middle, fill=CIRCLE)
    return image


class Camera:
    """A still circle before it."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._frame = np.ascontiguousarray(np.asarray(circle(*size))[:, :, ::-1])

    def latest(self) -> tuple[int, np.ndarray]:
        return 1, self._frame


def extent_of(path, colour=CIRCLE) -> tuple[int, int]:
    """Width and height of what has ``colour`` on the glass, px."""
    pixels = np.asarray(Image.open(path)).astype(int)
    seen = (np.abs(pixels - np.array(colour)).sum(axis=2) < 90).nonzero()
    assert len(seen[0]) > 500, "the circle must be on the glass"
    return int(np.ptp(seen[1])) + 1, int(np.ptp(seen[0])) + 1


def assert_round(path) -> None:
    width, height = extent_of(path)
    assert abs(width / height - 1) < 0.03, f"{width} x {height} px"


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", FRAMES)
async def test_circle_before_the_camera_stays_a_circle(presenter, monkeypatch, tmp_path, size, look):
    monkeypatch.setattr(presenter, "_open_frames", lambda _name: Camera(size))
    blocks = (Preview(frames="x", instruction=same("看正前方"), show_box=True),)
    page = Page(kind="face", title=same("人脸核验"), steps=steps(1), blocks=blocks, actions=(EXIT,))
    async with showing(presenter, page, LOOKS[look]):
        await frames(8)
        presenter.screenshot(tmp_path / "face.png")
    assert_round(tmp_path / "face.png")


@pytest.mark.parametrize("size", FRAMES)
async def test_circle_on_a_document_stays_a_circle(presenter, tmp_path, size):
    stream = BytesIO()
    circle(*size).save(stream, "PNG")
    blocks = (Picture(data=stream.getvalue(), label=same("样张")),)
    page = Page(kind="camera", title=same("摄像头"), blocks=blocks, actions=(EXIT,))
    async with showing(presenter, page):
        presenter.screenshot(tmp_path / "picture.png")
    assert_round(tmp_path / "picture.png")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("words", [1, 12])
async def test_circle_drawn_with_a_finger_is_filed_as_a_circle(presenter, tmp_path, look, words):
    declaration = Paragraph(text=same("本人已核对以上信息，承诺内容真实，愿意承担法律责任。" * words))
    pad = SignaturePad(name="ink", label=same("申请人签名"), error=same("请再签一次"))
    page = Page(kind="sign", title=same("请签名"), steps=steps(3), blocks=(declaration, pad), actions=(EXIT, NEXT))
    async with showing(presenter, page, LOOKS[look]) as shown:
        if presenter._drawn.count > 1:
            presenter._turn(presenter._drawn.count - 1)
        x, y = middle(next(t for t in presenter._surface.targets if t.drags))
        shown.hand.down(x + 120, y)
        for angle in np.linspace(0, 2 * np.pi, 60):
            shown.hand.move(x + 120 * np.cos(angle), y + 120 * np.sin(angle))
        shown.hand.up(x + 120, y)
        await frames(4)
        strokes = presenter.values()["ink"]
    assert len(strokes[0]) > 50
    picture = np.asarray(Image.open(BytesIO(drawn(strokes))).convert("L"))
    ys, xs = (picture < 128).nonzero()
    assert abs(np.ptp(xs) / np.ptp(ys) - 1) < 0.03
