"""Reading recovery codes from photographs of slips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import zxingcpp

from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.paper import Code, read_code

MAX_PIXELS = 100_000_000
_QR_ONLY = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


class NoPicture(ValueError):
    """A file that is no picture that can be read."""


def codes_in(path: Path) -> list[Code]:
    """The recovery codes that a photograph shows, each once. Raises NoPicture, OSError."""
    picture = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None or picture.size > MAX_PIXELS:
        raise NoPicture("not a PNG or JPEG picture")
    found: dict[tuple[str, int], Code] = {}
    for view in _views(picture):
        for code in _read(view):
            found[code.mark, code.number] = code
        # One slip a photograph is the rule: once all codes of all its slips are there, harder looks find no more.
        if found and all(_complete(mark, found) for mark, _ in found):
            break
    return list(found.values())


def _views(picture: np.ndarray) -> Iterator[np.ndarray]:
    """The picture as it is, then as it shows more: sharper, evenly lit, twice as large, half as large."""
    yield picture
    soft = cv2.GaussianBlur(picture, (0, 0), 3)
    yield cv2.addWeighted(picture, 2.5, soft, -1.5, 0)
    yield cv2.createCLAHE(clipLimit=4.0, tileGridSize=(16, 16)).apply(picture)
    yield cv2.adaptiveThreshold(picture, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 51, 5)
    if picture.size * 4 <= MAX_PIXELS:
        yield cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    yield cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _read(picture: np.ndarray) -> Iterator[Code]:
    for symbol in zxingcpp.read_barcodes(picture, formats=_QR_ONLY):
        try:
            code = read_code(symbol.text)
        except InvalidMessage:
            continue
        if code is not None:
            yield code


def _complete(mark: str, found: dict[tuple[str, int], Code]) -> bool:
    numbers = {number for of, number in found if of == mark}
    return any(len(numbers) == code.total for code in found.values() if code.mark == mark)
