"""Panels of other pixels, sizes and shapes: what is shown there can be read and hit, or the machine does not start."""

from __future__ import annotations

import subprocess
import sys
from math import hypot
from types import SimpleNamespace
from typing import cast

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kiosk.clock import Clock
from kiosk.commands import run as run_command
from kiosk.config import Config, ConfigError, DemoConfig, ScreenConfig
from kiosk.pages import Settings
from screens import presenter as presenting
from screens import theme
from screens.glass import Glass
from screens.presenter import KivyPresenter
from screens.words import Words
from tests.screens.gallery import LOOKS, pages, shipped_pages
from tests.screens.harness import tree
from tests.screens.test_rules import inside_its_panel, lie_apart, sheets

PAGES, SHIPPED = pages(), shipped_pages()
GOOD = [
    (1080, 1920, 27), (1080, 1920, 21.5), (1080, 1920, 18.8), (768, 1366, 19), (768, 1366, 32), (2160, 3840, 27),
    (2160, 3840, 55), (1200, 1920, 24), (1080, 1920, 43), (3840, 2160, 49),
]  # fmt: skip
BAD = [
    (1920, 1080, 27), (1366, 768, 18.5), (1280, 1024, 19), (1920, 1080, 32), (1080, 1920, 15.6), (768, 1366, 10.1),
    (1024, 768, 15), (1080, 1920, 0), (0, 1920, 27), (1080, 1920, -27),
]  # fmt: skip


@pytest.fixture
def on_glass(presenter, monkeypatch):
    def put(width: int, height: int, inches: float) -> Glass:
        glass = Glass(width, height, inches, 700)
        monkeypatch.setattr(presenter, "_glass", glass)
        return glass

    return put


@pytest.mark.parametrize("panel", GOOD)
@pytest.mark.parametrize("look", LOOKS)
def test_text_and_keys_keep_their_millimetres(presenter, on_glass, panel, look):
    width, height, inches = panel
    glass = on_glass(*panel)
    assert glass.problem == ""
    mm = inches * 25.4 / hypot(width, height) * min(width / theme.WIDTH, height / theme.HEIGHT)  # of a page's pixel
    least = 6.4 if LOOKS[look].elder else 4.8
    for name in ("home", "form_two", "complaint_text", "choice", "error"):
        presenter._put(PAGES[name], LOOKS[look])
        for target in presenter._surface.targets:
            assert min(target.width, target.height) * mm >= 20 - 0.01, f"{name}: {target.a11y_label}"
        for label in (w for w in tree(presenter._surface.page) if isinstance(w, Words)):
            assert label.font_size * theme.CAP * mm >= least, f"{name}: {label.text}"
            assert label.right <= label.parent.width + 1, f"{name}: {label.text} is wider than its place"


@pytest.mark.parametrize("panel", BAD)
def test_panel_that_is_too_small_refuses_the_start_and_names_the_key(panel):
    width, height, inches = panel
    with pytest.raises(ConfigError) as refused:
        KivyPresenter(width_px=width, height_px=height, diagonal_in=inches)
    line = str(refused.value)
    assert line.startswith("[screen] ")
    assert "\n" not in line
    assert ("upright" in line) == (0 < height < width)


def test_fullscreen_counts_the_screens_own_pixels(monkeypatch):
    monkeypatch.setattr(presenting, "desktop_size", lambda: (1920, 1080))
    with pytest.raises(ConfigError, match=r"landscape: keys of 16\.2 mm"):
        KivyPresenter(fullscreen=True)
    monkeypatch.setattr(presenting, "desktop_size", lambda: (2160, 3840))
    assert KivyPresenter(fullscreen=True)._size == (2160, 3840)


def test_refused_panel_is_one_line_on_the_command_line():
    config = SimpleNamespace(screen=ScreenConfig(width_px=1920, height_px=1080), demo=DemoConfig())

    @click.command()
    def start() -> None:
        run_command.presenter("kivy", cast("Config", config), Clock())

    done = CliRunner().invoke(start)
    assert done.exit_code == 1
    assert done.output.startswith("kiosk: [screen] width_px, height_px:")
    assert done.output.count("\n") == 1


@pytest.mark.parametrize("panel", [(1080, 1920, 21.5), (1080, 1920, 18.8)])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["delivery", "delivery_wrong", "address", "phone_code_wrong", "form_T14"])
def test_on_a_small_panel_large_type_lies_on_nothing_else(presenter, on_glass, panel, language, name):
    on_glass(*panel)
    for surface in sheets(presenter, SHIPPED[name], Settings(elder=True, language=language)):
        boxes = [(target.a11y_label, *target.box()) for target in surface.targets]
        for place, (one, x, y, wide, high) in enumerate(boxes):
            for other, left, low, width, height in boxes[:place]:
                overlap = min(x + wide, left + width) - max(x, left), min(y + high, low + height) - max(y, low)
                assert min(overlap) <= 1, f"{one} lies on {other}"
        labels = [words for words in tree(surface.page) if isinstance(words, Words)]
        lie_apart(labels)
        for words in labels:
            inside_its_panel(words)


def test_where_no_pager_fits_the_bar_leads_through_the_sheets_and_back(presenter, on_glass):
    on_glass(1080, 1920, 18.8)
    presenter._put(SHIPPED["delivery"], Settings(elder=True))
    seen = []
    for sign in ("forward", "forward", "back", "back"):
        seen.append(presenter._drawn.index)
        bar = sorted(presenter._surface.targets, key=lambda target: target.box()[1])
        back = next(target for target in bar if target.a11y_label == "上一步")
        (bar[0] if sign == "forward" else back).tapped()
    assert [*seen, presenter._drawn.index] == [0, 1, 2, 1, 0]


@pytest.mark.parametrize("panel", [(768, 1366, 21.5), (2160, 3840, 27), (1200, 1920, 24)])
def test_whole_page_is_on_the_panel_and_sharp(tmp_path, panel):
    width, height, inches = panel
    upright = (1080, 1920, Glass(width, height, inches, 700).page_diagonal_in)
    command = [sys.executable, "-m", "tests.screens.showing_on"]
    for size, name in ((upright, "design"), (panel, "panel")):
        subprocess.run([*command, *map(str, size), str(tmp_path / f"{name}.png")], check=True, timeout=120)
    seen = Image.open(tmp_path / "panel.png")
    assert seen.size == (width, height)
    scale = min(width / 1080, height / 1920)
    left, top = (width - 1080 * scale) / 2, (height - 1920 * scale) / 2
    page = seen.crop((round(left), round(top), round(width - left), round(height - top))).resize((270, 480))
    design = Image.open(tmp_path / "design.png").resize((270, 480))
    off = np.abs(np.asarray(page, float)[:, :, :3] - np.asarray(design, float)[:, :, :3]).mean()
    assert off < 6, "the same page, only larger or smaller"
