"""Noto CJK in a PDF: only the forms that its words need.

fpdf2 has fontTools decode all 65,000 forms of the file for each paper, two seconds of a processor; HarfBuzz takes the
few that a paper shows out of it within milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import uharfbuzz

if TYPE_CHECKING:
    from fpdf import FPDF

_hb: Any = uharfbuzz
"""It tells no types."""
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_FACES = {
    "sans": ("NotoSansCJK-Regular.ttc", "Noto Sans CJK SC"),
    "serif": ("NotoSerifCJK-Regular.ttc", "Noto Serif CJK SC"),
}
_WITH_SUCH_FONTS = "1.6"
"""ISO 32000-1, 9.9: the version from which an OpenType font with CFF outlines may be embedded."""


class NoFont(OSError):
    """Noto CJK is not installed; one line that says so."""


def add(pdf: FPDF, family: Literal["sans", "serif"], words: Iterable[str]) -> None:
    """Makes ``family`` known to ``pdf`` with the Simplified Chinese forms of these words only. Raises NoFont."""
    # Here, not above: half a second of loading that only who draws something waits for.
    from fpdf.fonts import TTFFont

    wanted = _hb.SubsetInput()
    wanted.unicode_set.update(set(map(ord, "".join(words))))
    wanted.layout_feature_tag_set.clear()
    file: Any = BytesIO(_hb.subset(_face(family), wanted).blob.data)
    pdf.fonts[family] = TTFFont(pdf, file, family, "")
    pdf.pdf_version = max(pdf.pdf_version, _WITH_SUCH_FONTS)


@cache
def _face(family: str) -> Any:
    name, face_name = _FACES[family]
    for folder in map(Path, _FOLDERS):
        for path in sorted(folder.rglob(name)):
            blob = _hb.Blob.from_file_path(path)
            for number in range(_hb.Face(blob).count):
                face = _hb.Face(blob, number)
                if face.get_name(_hb.OTNameIdPredefined.FONT_FAMILY) == face_name:
                    return face
    raise NoFont(f"no font {name}; install the package fonts-noto-cjk")
