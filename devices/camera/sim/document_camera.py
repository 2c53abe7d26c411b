"""A simulated document camera: papers on a dark mat, seen from above, as MJPEG on loopback."""

from __future__ import annotations

import argparse
import io
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from devices.camera.sim.mjpeg import Stream, StreamServer
from devices.simulation import SimError, SimServer, control_path

SIZE = (1280, 960)
MAT = (38, 40, 42)
PAPERS = {"a4": (600, 848), "card": (640, 404), "booklet": (720, 500)}
"""Pixels of a paper under the lens, by its form."""
NOISY_COPIES = 4
"""A sensor's noise never repeats; so many copies of one scene do for whoever looks for a frozen picture."""

LINES = ("合成样张 SPECIMEN", "姓名 Name  张样本", "编号 No.  990101-000001", "日期 Date  2027-01-05")


@cache
def _font(size: int) -> Any:
    for path in sorted(Path("/usr/share/fonts").rglob("NotoSansCJK-Regular.tt[cf]")):
        return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size)


class Mat(Stream):
    """What lies on the mat, how it lies, and the light on it."""

    fps = 10

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.clear()
        self._drawn: list[bytes] = []
        self._at = 0

    def clear(self) -> None:
        """Nothing on it, good light."""
        self.paper: Image.Image | None = None
        self.turn_deg, self.shift, self.blur_px = 4.0, (0, 0), 0.0
        self.glare: tuple[float, float, float] | None = None
        self.dark = self.hand = False

    def change(self, **values: Any) -> None:
        """Change something and draw anew."""
        with self.lock:
            for name, value in values.items():
                setattr(self, name, value)
            self._drawn = []

    def encoded(self) -> bytes:
        """One of the noisy copies of the scene."""
        with self.lock:
            if not self._drawn:
                scene = self._scene()
                self._drawn = [_noisy(scene, copy) for copy in range(NOISY_COPIES)]
            self._at += 1
            return self._drawn[self._at % NOISY_COPIES]

    def _scene(self) -> Image.Image:
        scene = Image.new("RGB", SIZE, MAT)
        if self.paper is not None:
            self._lay(scene, self.paper)
        if self.hand:
            ImageDraw.Draw(scene).ellipse((760, 560, 1240, 940), fill=(196, 152, 128))
        if self.blur_px:
            scene = scene.filter(ImageFilter.GaussianBlur(self.blur_px))
        return Image.new("RGB", SIZE, (1, 1, 1)) if self.dark else scene

    def _lay(self, scene: Image.Image, paper: Image.Image) -> None:
        if self.glare:
            paper = _shining(paper, *self.glare)
        mask = Image.new("L", paper.size, 255).rotate(self.turn_deg, expand=True, resample=Image.Resampling.BICUBIC)
        turned = paper.rotate(self.turn_deg, expand=True, resample=Image.Resampling.BICUBIC, fillcolor=MAT)
        left = (SIZE[0] - turned.width) // 2 + self.shift[0]
        scene.paste(turned, (left, (SIZE[1] - turned.height) // 2 + self.shift[1]), mask)


def _shining(paper: Image.Image, x: float, y: float, radius: float) -> Image.Image:
    """A lamp's reflection at this place of the paper (shares of its width and height)."""
    wide, high = paper.size
    mask = Image.new("L", paper.size, 0)
    box = (x * wide - radius * wide, y * high - radius * wide, x * wide + radius * wide, y * high + radius * wide)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return Image.composite(
        Image.new("RGB", paper.size, (255, 255, 255)), paper, mask.filter(ImageFilter.GaussianBlur(6))
    )


def _noisy(scene: Image.Image, copy: int) -> bytes:
    grain = Image.effect_noise((SIZE[0] // 2, SIZE[1] // 2), 2 + copy / 10).resize(SIZE).convert("RGB")
    out = io.BytesIO()
    ImageChops.add(scene, grain, offset=-128).save(out, "JPEG", quality=90)
    return out.getvalue()


def written(form: str, lines: tuple[str, ...]) -> Image.Image:
    """A paper of this form with these lines on it."""
    paper = Image.new("RGB", PAPERS[form], (238, 238, 234))
    draw, wide = ImageDraw.Draw(paper), PAPERS[form][0]
    draw.rectangle((14, 14, wide - 15, PAPERS[form][1] - 15), outline=(120, 126, 132), width=2)
    for number, line in enumerate(lines):
        draw.text((48, 52 + number * 56), line, fill=(24, 26, 30), font=_font(32 if number == 0 else 26))
    return paper


class DocumentCameraSim:
    """The verbs of the control socket."""

    def __init__(self, port: int) -> None:
        self.mat = Mat()
        self.server = StreamServer(self.mat, port)
        self._what = ""

    @property
    def verbs(self) -> dict[str, Any]:
        """Every verb."""
        known = (self.lay, self.picture, self.remove, self.turn, self.shift, self.glare, self.blur, self.hand)
        known += (self.dark, self.light, self.reset)
        return {**self.server.verbs, **{verb.__name__: verb for verb in known}}

    def lay(self, form: str = "a4", lines: list[str] | None = None) -> None:
        """Lay a paper down (a4, card or booklet) with these lines on it."""
        if form not in PAPERS:
            raise SimError(f"form is one of {', '.join(PAPERS)}")
        self._what = form
        self.mat.change(paper=written(form, tuple(lines or LINES)))

    def picture(self, path: str) -> None:
        """Lay down what this picture shows, edge to edge; it is scaled to fit the mat."""
        with Image.open(path) as opened:
            paper = opened.convert("RGB")
        paper.thumbnail((900, 820))
        self._what = "picture"
        self.mat.change(paper=paper)

    def remove(self) -> None:
        """Take it away."""
        self._what = ""
        self.mat.change(paper=None)

    def turn(self, deg: float) -> None:
        """Let it lie crooked by so many degrees."""
        self.mat.change(turn_deg=float(deg))

    def shift(self, x: int = 0, y: int = 0) -> None:
        """Move it by so many pixels: far enough, it leaves the picture."""
        self.mat.change(shift=(int(x), int(y)))

    def glare(self, on: bool = True, x: float = 0.4, y: float = 0.2, radius: float = 0.14) -> None:
        """A lamp mirrors itself at this place of the paper (shares of its size)."""
        self.mat.change(glare=(x, y, radius) if on else None)

    def blur(self, px: float = 4.0) -> None:
        """Out of focus; 0 is sharp."""
        self.mat.change(blur_px=float(px))

    def hand(self, on: bool = True) -> None:
        """A hand lies on the paper."""
        self.mat.change(hand=on)

    def dark(self) -> None:
        """Cover the lens."""
        self.mat.change(dark=True)

    def light(self) -> None:
        """Uncover the lens."""
        self.mat.change(dark=False)

    def reset(self) -> None:
        """An empty mat in good light, plugged in."""
        self._what = ""
        with self.mat.lock:
            self.mat.clear()
        self.mat.change()
        self.server.thaw()
        self.server.replug()

    def state(self) -> dict[str, Any]:
        """Everything as it is now."""
        mat = self.mat
        return {
            "paper": self._what,
            "turn_deg": mat.turn_deg,
            "shift": list(mat.shift),
            "glare": mat.glare is not None,
            "blur_px": mat.blur_px,
            "hand": mat.hand,
            "dark": mat.dark,
            "frozen": mat.frozen,
            "stalled": mat.stalled,
            "plugged": self.server.plugged,
            "watchers": mat.watchers,
            "url": self.server.url,
        }


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The camera at work, its control socket, and what its ready line says besides."""
    parser = argparse.ArgumentParser(prog="kiosk sim document_camera", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback, 0 for a free one")
    parser.add_argument("--control", help="path of the control socket")
    options = parser.parse_args(argv)
    sim = DocumentCameraSim(options.port)
    return SimServer(control_path(options.control, "document_camera"), sim.verbs, sim.state), {"url": sim.server.url}


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("document_camera", **where)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
