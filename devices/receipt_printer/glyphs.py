"""Lines as pictures: for characters that the printer's own font lacks, and for the simulated printer's paper."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

from devices.receipt_printer.text import char_columns

FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
FACES = ("Noto Sans Mono CJK SC", "Noto Sans CJK SC")
"""Simplified Chinese forms; face 0 of the collection is Japanese. The Mono face has Latin letters of half a width."""

HANZI_BASELINE = 0.87
"""Of the line's height: ideographs stand from 0.12 em below the baseline to 0.88 em above it."""

LATIN_SIZE, LATIN_BASELINE = 0.92, 0.81
"""A little smaller and higher, so that g and y keep their tails within the 24 dots."""

NOT_A_CHARACTER = "\U0010ffff"
"""Its picture is the font's "missing" box."""


@cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont | None:
    """Noto Sans CJK SC at ``size`` dots, or None when the machine has no such font."""
    wanted = "Bold" if bold else "Regular"
    for folder in FONT_FOLDERS:
        for path in sorted(folder.rglob(f"NotoSansCJK*{wanted}*.tt[cf]")):
            faces = {face.getname()[0]: face for face in _faces(path, size)}
            for name in FACES:
                if name in faces:
                    return faces[name]
    return None


def has_glyph(character: str) -> bool:
    """Whether any font of this machine can draw ``character``."""
    return _font_with(character, 24, bold=False) is not None


def line_image(text: str, *, cell: int, wide: int = 1, high: int = 1, bold: bool = False) -> Image.Image:
    """One line as white on black mode "L": each column ``cell * wide`` dots, ``2 * cell * high`` dots high.

    Characters stand in the columns where the printer's own font would put them.
    """
    columns = sum(char_columns(c) for c in text)
    scale = max(wide, high)
    canvas = Image.new("L", (max(1, columns * cell * scale), 2 * cell * scale), 0)
    draw, column = ImageDraw.Draw(canvas), 0
    for character in text:
        height = 2 * cell * scale
        latin = character < "\x7f"
        face = _font_with(character, round(height * LATIN_SIZE) if latin else height, bold=bold)
        if face is not None:
            room = char_columns(character) * cell * scale
            left = column * cell * scale + max(0, (room - face.getlength(character)) / 2)
            baseline = round(height * (LATIN_BASELINE if latin else HANZI_BASELINE))
            draw.text((left, baseline), character, fill=255, font=face, anchor="ls")
        column += char_columns(character)
    return canvas.resize((max(1, columns * cell * wide), 2 * cell * high), Image.Resampling.LANCZOS)


def _font_with(character: str, size: int, *, bold: bool) -> ImageFont.FreeTypeFont | None:
    for face in (font(size, bold), font(size)):
        if face is not None and _draws(face, character):
            return face
    return next((face for face in _other_fonts(size) if _draws(face, character)), None)


def _draws(face: ImageFont.FreeTypeFont, character: str) -> bool:
    return _dots(face, character) != _missing(face)  # nothing is remembered: it may be part of a name


def _dots(face: ImageFont.FreeTypeFont, character: str) -> bytes:
    return bytes(face.getmask(character))  # type: ignore[arg-type]  # Pillow's core image is a buffer


def qr_image(data: str | bytes, dots_per_module: int, level: str = "m", *, widest: int = 576) -> Image.Image:
    """A QR code without its quiet zone, white on black mode "L", never wider than ``widest`` dots."""
    code = segno.make(data, error=level, micro=False)
    side = len(code.matrix)
    modules = Image.new("L", (side, side))
    modules.putdata([255 if dark else 0 for row in code.matrix for dark in row])
    side *= max(1, min(dots_per_module, widest // side))
    return modules.resize((side, side), Image.Resampling.NEAREST)


@cache
def _missing(face: ImageFont.FreeTypeFont) -> bytes:
    return _dots(face, NOT_A_CHARACTER)


@cache
def _other_fonts(size: int) -> tuple[ImageFont.FreeTypeFont, ...]:
    paths = sorted(p for folder in FONT_FOLDERS for p in folder.rglob("*.[ot]t[fc]") if "NotoSansCJK" not in p.name)
    return tuple(face for path in paths for face in _faces(path, size))


def _faces(path: Path, size: int) -> Iterator[ImageFont.FreeTypeFont]:
    for index in range(16):
        try:
            yield ImageFont.truetype(str(path), size, index=index)
        except OSError:
            return
