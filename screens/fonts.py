"""Faces: Noto Sans CJK in its Simplified Chinese forms, others for characters it lacks, and the icon fonts.

Debian ships one collection whose first face has Japanese forms, and Kivy can only take the first; the right face is
copied out once into the runtime folder. Kivy has no font fallback either, so text is split into runs by coverage.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import structlog

from kiosk.characters import published
from screens.environment import runtime_folder

log = structlog.get_logger(__name__)

MISSING = "〓"  # the printers' old sign for a character that is not at hand; never an empty box
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_COLLECTION = "NotoSansCJK-{weight}.ttc"
_FACE = "Noto Sans CJK SC"
_OTHERS = (
    "HanaMinB.ttf",
    "HanaMinA.ttf",
    "BabelStoneHan.ttf",
    "SimSunExtG.ttf",
    "NotoSerifCJK-Regular.ttc",
    "DejaVuSans.ttf",
)
# Certainly in the face: reading its whole table at start would cost 0.2 s.
_COMMON = re.compile("[\u4e00-\u9fa5 -~\u3000-\u3015\n]*")
_ICON_FONTS = (
    ("phosphor-1.3.0", "phosphor-charmap-1.3.0"),
    ("materialdesignicons6-webfont-6.9.96", "materialdesignicons6-webfont-charmap-6.9.96"),
)


def regular() -> str:
    """The path of the regular face."""
    return _face("Regular")


def bold() -> str:
    """The path of the bold face."""
    return _face("Bold")


def runs(words: str, path: str) -> Iterator[tuple[str, str]]:
    """``words`` cut into ``(font path, part)``; what no face has becomes ``MISSING``.

    Private-use characters are pictures of the icon fonts; in words they are characters of old registers.
    """
    if _is_icon_font(path) or _COMMON.fullmatch(words):
        yield from [(path, words)] if words else []
        return
    part, current = "", path
    for char in published(words):
        found = path if _COMMON.fullmatch(char) or ord(char) in _coverage(path) else _other(ord(char))
        shown, found = (char, found) if found else (MISSING, path)
        if found != current and part:
            yield current, part
            part = ""
        current = found
        part += shown
    if part:
        yield current, part


@cache
def icon(name: str) -> tuple[str, str] | None:
    """The icon ``name`` as ``(font path, character)``: Phosphor first, then Material Design; None if neither has it."""
    for stem, charmap in _ICON_FONTS:
        table = _charmap(charmap)
        if name in table:
            return str(_icon_folder() / f"{stem}.ttf"), chr(int(table[name], 16))
    return None


@cache
def _icon_folder() -> Path:
    # Found without importing the package: it would pull a whole other toolkit in.
    spec = find_spec("qtawesome")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the icon fonts are missing: install qtawesome")
    return Path(next(iter(spec.submodule_search_locations))) / "fonts"


@cache
def _charmap(name: str) -> dict[str, str]:
    return json.loads((_icon_folder() / f"{name}.json").read_bytes())


@cache
def _face(weight: str) -> str:
    target = runtime_folder() / f"NotoSansSC-{weight}.otf"
    if not target.exists():
        source = _installed(_COLLECTION.format(weight=weight))
        if source is None:
            raise FileNotFoundError("Noto Sans CJK is missing: install the Debian package fonts-noto-cjk")
        _extract(source, target)
    return str(target)


def _extract(source: Path, target: Path) -> None:
    """Copy the Simplified Chinese face out of a collection (0.3 s; nothing is recompiled)."""
    from fontTools.ttLib import TTCollection, TTFont

    with TTCollection(str(source), lazy=True) as collection:
        names = [str(font["name"].getDebugName(1)) for font in collection.fonts]
    number = next((i for i, name in enumerate(names) if name.startswith(_FACE)), 0)
    with TTFont(str(source), fontNumber=number, lazy=True, recalcBBoxes=False, recalcTimestamp=False) as font:
        part = target.with_suffix(".tmp")
        font.save(str(part), reorderTables=None)
    part.replace(target)  # a half-written font must never be found by the next start
    log.info("font_extracted", file=target.name)


@cache
def _installed(name: str) -> Path | None:
    found = (path for folder in _FOLDERS for path in Path(folder).rglob(name))
    return next(found, None)


@cache
def _coverage(path: str) -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(path, fontNumber=0, lazy=True) as font:
        return frozenset(font.getBestCmap() or ())


@cache
def _is_icon_font(path: str) -> bool:
    return any(path.endswith(f"{stem}.ttf") for stem, _ in _ICON_FONTS)


def _other(code: int) -> str | None:
    if unicodedata.category(chr(code)) == "Co":
        return None  # fonts draw their own signs there
    # Not cached by character: which rare characters were looked up would tell about the person.
    for name in _OTHERS:
        path = _installed(name)
        if path is not None and code in _coverage(str(path)):
            return str(path)
    return None
