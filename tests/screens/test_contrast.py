"""Every text stands out from what is really behind it on the glass: 4.5 : 1, measured on the pixels around it."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from kiosk.catalogue.loader import load
from kiosk.catalogue.model import NO_LINE
from kiosk.pages import Action, Chip, LineCards, Page, Settings, Tiles
from kiosk.text import Text, same
from screens.panel import absolute
from screens.words import Words
from tests.screens.gallery import CHIPS, LINES, LOOKS, home, pages, tile
from tests.screens.harness import tree

PAGES = pages()
LEAST = 4.5
LINE_NAMES = (*load().lines, "")
HELP = Action(id="help", label=Text("帮助", "Help"), icon="question")


def pixels(presenter) -> np.ndarray:
    """The glass as it stands, rows from the bottom, RGB."""
    from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glFinish, glReadPixels

    window = presenter._window
    window.dispatch("on_draw")
    glFinish()
    width, height = window.system_size
    read = np.frombuffer(bytes(glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE)), np.uint8)
    return read.reshape(height, width, 4)[:, :, :3]


def light(colours: np.ndarray) -> np.ndarray:
    parts = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return parts @ np.array([0.2126, 0.7152, 0.0722])


def around(glass: np.ndarray, label: Words) -> np.ndarray:
    """Pixels just outside the letters: before, behind, above and beneath their middle."""
    x, y = (round(v) for v in absolute(label))
    wide, high = (round(v) for v in label.texture_size)
    box = glass[y : y + high, max(0, x - 2) : x + wide + 2]
    rows, columns = (slice(side // 3, side - side // 3) for side in box.shape[:2])
    return np.concatenate([box[rows, 0], box[rows, -1], box[0, columns], box[-1, columns]]).astype(float) / 255


def least_contrast(glass: np.ndarray, label: Words) -> float:
    ink, back = light(np.array(label.colour[:3])), light(around(glass, label))
    dark, bright = np.minimum(ink, back), np.maximum(ink, back)
    return float(np.percentile((bright + 0.05) / (dark + 0.05), 2))


def assert_readable(presenter, page: Page, settings: Settings) -> None:
    presenter._put(page, settings)
    for index in range(presenter._drawn.count):
        if index:
            presenter._turn(index)
        presenter.tick(12, 120)
        glass = pixels(presenter)
        for root in (presenter._surface.page, *presenter._surface.lives):
            for label in (w for w in tree(root) if isinstance(w, Words) and w.text.strip() and w.texture_size[0]):
                found = least_contrast(glass, label)
                assert found >= LEAST, f"{label.text!r}: {found:.2f}"


@pytest.mark.parametrize("look", ["zh", "elder"])
@pytest.mark.parametrize("name", [name for name in PAGES if name != "face"])
def test_every_text_of_every_page_can_be_read(presenter, name, look):
    assert_readable(presenter, PAGES[name], LOOKS[look])


@pytest.mark.parametrize("look", ["zh", "elder", "low"])
@pytest.mark.parametrize("line", LINE_NAMES)
@pytest.mark.parametrize("name", ["choice", "many_steps"])
def test_every_line_can_be_read_in_every_look(presenter, name, line, look):
    warning, fault = (Chip(icon="x", text=same("离线受理"), level=level) for level in ("warn", "error"))
    page = replace(PAGES[name], line=load().lines.get(line, NO_LINE), chips=(*CHIPS, warning, fault), help=HELP)
    assert_readable(presenter, page, LOOKS[look])


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_not_offered_can_be_read_with_its_reason(presenter, look):
    reason = Text("读卡器没有连接，请到 3 号窗口", "The card reader is not connected: counter 3")

    def off(action: Action) -> Action:
        return replace(action, enabled=False, reason=reason)

    cards = LineCards(cards=tuple(replace(card, action=off(card.action)) for card in LINES.cards))
    searching = tile("a", "进度查询", "Progress", "progress", "common", enabled=False, reason=reason)
    paper = tile("b", "户籍证明", "Paper", "file-text", "household", enabled=False, reason=reason)
    blocks = (cards, Tiles(wide=True, columns=2, tiles=(searching,)), Tiles(tiles=(paper,)))
    assert_readable(presenter, replace(home(), blocks=blocks), LOOKS[look])
    bar = (Action(id=style, label=same("办理"), style=style) for style in ("exit", "secondary", "primary"))
    assert_readable(presenter, replace(PAGES["choice"], actions=tuple(map(off, bar))), LOOKS[look])
