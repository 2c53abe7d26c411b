"""Papers under the document camera: what is wrong is said one thing at a time, what is right is cut out straight."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from devices.camera.driver import CameraSettings
from devices.camera.sim.document_camera import LINES, DocumentCameraSim, Mat, written
from kiosk.vision.client import VisionWorker
from kiosk.vision.document import BEST_OF, DocumentShoot, document_profiles, judge
from kiosk.vision.frames import FrameReader
from kiosk.vision.reading import ENGINE, Reader
from tests.kiosk.vision.test_face_check import until, worker

SIZE = (1280, 960)
PROFILES = document_profiles()


def seen(form: str = "a4", *, paper: Image.Image | None = None, lines: tuple[str, ...] = LINES, **mat: Any) -> Any:
    """What the camera sees of a paper that lies so."""
    scene = Mat()
    scene.change(paper=paper or written(form, lines), **mat)
    return cv2.imdecode(np.frombuffer(scene.encoded(), np.uint8), cv2.IMREAD_COLOR)


def empty() -> Any:
    return cv2.imdecode(np.frombuffer(Mat().encoded(), np.uint8), cv2.IMREAD_COLOR)


def licence(*, spot: bool = False) -> Image.Image:
    """A tinted card with a white portrait field; ``spot``: a lamp's reflection with a hard rim on its words."""
    paper = Image.new("RGB", (640, 404), (200, 222, 238))
    draw = ImageDraw.Draw(paper)
    draw.rectangle((430, 60, 600, 260), fill=(255, 255, 255))
    draw.ellipse((480, 100, 550, 180), fill=(90, 60, 50))
    draw.rectangle((460, 190, 570, 260), fill=(60, 60, 120))
    for row in range(6):
        draw.rectangle((40, 50 + row * 50, 360, 62 + row * 50), fill=(20, 20, 20))
    if spot:
        draw.ellipse((100, 50, 260, 210), fill=(255, 255, 255))
    return paper


def bent() -> Any:
    """Seen aslant, as by a camera that does not hang straight."""
    to = np.array([[60, 40], [1200, 0], [1280, 960], [0, 920]], np.float32)
    flat = np.array([[0, 0], [1280, 0], [1280, 960], [0, 960]], np.float32)
    return cv2.warpPerspective(seen(), cv2.getPerspectiveTransform(flat, to), SIZE, borderValue=(40, 40, 40))


@pytest.mark.parametrize(
    ("wrong", "picture", "profile"),
    [
        ("", seen, "a4"),
        ("", seen, "paper"),
        ("", partial(seen, "booklet"), "booklet"),
        ("", partial(seen, "card", turn_deg=-30), "card"),
        ("", partial(seen, "card", turn_deg=90), "card"),
        ("", partial(seen, paper=licence()), "card"),
        ("", bent, "a4"),
        ("", partial(seen, blur_px=1.0), "a4"),
        ("", lambda: cv2.resize(seen(), (1920, 1440)), "a4"),
        ("no_paper", empty, "paper"),
        ("not_whole", partial(seen, shift=(330, 0)), "paper"),
        ("not_whole", partial(seen, shift=(0, -200)), "paper"),
        ("covered", partial(seen, hand=True), "paper"),
        ("too_dark", partial(seen, dark=True), "paper"),
        ("glare", partial(seen, glare=(0.4, 0.2, 0.14)), "paper"),
        ("glare", partial(seen, glare=(0.8, 0.85, 0.1)), "paper"),
        ("glare", partial(seen, paper=licence(spot=True)), "card"),
        ("blurry", partial(seen, blur_px=2.5), "paper"),
        ("blurry", partial(seen, "card", blur_px=4.0), "card"),
        ("blank", partial(seen, lines=()), "paper"),
        ("wrong_shape", partial(seen, "a4"), "card"),
        ("too_small", lambda: cv2.resize(seen("card"), (640, 480)), "card"),
    ],
)
def test_the_worst_fault_is_named(wrong: str, picture: Callable[[], Any], profile: str) -> None:
    sheet, page, _ = judge(picture(), PROFILES[profile])
    assert (sheet.wrong, page is None) == (wrong, bool(wrong))


def test_two_papers_are_one_too_many() -> None:
    picture = empty()
    for left in (80, 680):
        picture[200:600, left : left + 500] = 235
        picture[300:320, left + 60 : left + 400] = 20
    assert judge(picture, PROFILES["paper"])[0].wrong == "one_page"


@pytest.mark.parametrize("turn_deg", [0.0, 7.0, -9.0])
def test_the_page_is_cut_out_straight_and_nothing_is_painted(turn_deg: float) -> None:
    _, page, _ = judge(seen("card", turn_deg=turn_deg), PROFILES["card"])
    assert page is not None
    wanted = cv2.cvtColor(np.asarray(written("card", LINES)), cv2.COLOR_RGB2BGR)
    assert page.shape[1] / page.shape[0] == pytest.approx(85.6 / 53.98, rel=0.01)
    alike = cv2.matchTemplate(cv2.resize(page, (640, 404))[8:-8, 8:-8], wanted[8:-8, 8:-8], cv2.TM_CCOEFF_NORMED).item()
    assert alike > 0.88, "its rule and its words lie where they were printed"


def test_it_must_lie_still_first() -> None:
    shoot, picture = DocumentShoot(PROFILES["a4"]), seen()
    assert shoot.look(picture, 0.0) is None
    assert shoot.wrong == "hold_still"
    for tenth in range(1, 6):
        assert shoot.look(picture, tenth / 10) is None
    assert shoot.look(seen(shift=(30, 0)), 0.6) is None
    assert (shoot.wrong, shoot.progress) == ("hold_still", 0.0)
    looks = 0
    while shoot.look(picture, 1.0 + looks / 8) is None:
        looks += 1
        assert looks < 40
    assert looks == 6 + BEST_OF - 1, "still for 0.6 s since the second look, then three"


async def test_over_the_wire_every_instruction_comes_and_afterwards_nothing_is_left() -> None:
    sim = DocumentCameraSim(0)
    settings = CameraSettings(driver="opencv", kind="document_camera", source=sim.server.url, lost_after_s=60.0)
    told: list[str] = []

    def help_out(progress: Any) -> None:
        told.append(progress.word)
        follow = {
            "no_paper": lambda: sim.lay("a4"),
            "glare": lambda: sim.glare(on=False),
            "blurry": lambda: sim.blur(0),
            "covered": lambda: sim.hand(on=False),
        }
        follow.get(progress.word, lambda: None)()

    sim.glare()
    sim.hand()
    sim.blur(4.0)
    async with worker_of_papers(settings) as papers:
        assert papers.pid is None, "nobody has needed it yet"
        await papers.preview(on=True)
        taken = await papers.take_page("a4", help_out, 90.0)
        assert taken, f"no page was taken; told: {told}"
        assert list(dict.fromkeys(told))[-1] in ("hold_still", "good")
        assert {"glare", "blurry"} <= set(told)
        page = cv2.imdecode(np.frombuffer(taken.picture, np.uint8), cv2.IMREAD_COLOR)
        assert page is not None
        assert page.shape[0] / page.shape[1] == pytest.approx(297 / 210, rel=0.01)
        assert FrameReader(papers.frames_name).latest() is not None
        assert await papers.forget()
        assert FrameReader(papers.frames_name).latest() is None
        await until(lambda: sim.state()["watchers"] == 0)
        sim.server.unplug()
        assert await papers.take_page("a4", lambda _: None, 60.0) is None
        sim.server.replug()
        assert await papers.take_page("a4", lambda _: None, 90.0), "it came back and is looked through again"


def worker_of_papers(settings: CameraSettings) -> Any:
    """As ``worker``, for papers."""
    return worker(settings, made=lambda *parts: VisionWorker(*parts, looks_at="papers"))


async def test_the_words_of_a_page_are_read_where_there_is_a_reader() -> None:
    pytest.importorskip(ENGINE, reason="the reader of words is an extra: pip install tongban[ocr]")
    sim = DocumentCameraSim(0)
    settings = CameraSettings(driver="opencv", kind="document_camera", source=sim.server.url, lost_after_s=60.0)
    sim.lay("a4", ["机动车销售统一发票", "发票号码 12345678", "开票日期 2027年01月05日"])
    async with worker_of_papers(settings) as papers:
        taken = await papers.take_page("a4", lambda _: None, 90.0, reads=True)
    assert taken
    assert "12345678" in "".join(taken.lines)
    assert "2027" in "".join(taken.lines)


def test_without_the_package_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.vision.reading.ENGINE", "no_such_package")
    assert Reader().lines(np.full((100, 100, 3), 255, np.uint8)) == []


def test_a_large_page_is_read_at_the_size_of_its_words() -> None:
    """The nets would take gigabytes for a picture of the largest document cameras, more than the worker may have."""
    seen: list[tuple[int, ...]] = []
    reader = Reader()
    reader._engine = SimpleNamespace(text_det=lambda page: (seen.append(page.shape), 0.0))
    assert reader.lines(np.full((5344, 3778, 3), 255, np.uint8)) == []
    assert reader.lines(np.full((300, 200, 3), 255, np.uint8)) == []
    assert seen == [(2000, 1414, 3), (300, 200, 3)]
