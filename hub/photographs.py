"""Reading recovery codes from photographs of slips."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import zxingcpp
from PIL import Image, ImageFile

from kiosk.messages import foreign
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.foreign import Refused
from kiosk.messages.paper import Code, read_code, whole_copies

MAX_PIXELS = 100_000_000
"""A larger picture is read reduced: phones make 108 and 200 million, a code needs a tenth of that."""

MAX_FILE_PIXELS = 250_000_000
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_SIDE, MIN_SIDE = 30_000, 21
"""In pixels: twice as much, as a view has, is what the reader of codes takes; a code has 21 modules at least."""
_FREE_PIXELS, _PIXELS_PER_BYTE = 40_000_000, 1000
"""A file may say that it has so many pixels, or so many for each of its bytes: 60 bytes can say 250 million."""
_REDUCED = (1, 2, 4)
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
_QR_ONLY = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


class NoPicture(ValueError):
    """A file that is no picture that can be read."""


def codes_in(path: Path) -> list[Code]:
    """The recovery codes that a photograph shows, each once. Raises NoPicture, OSError."""
    picture = _picture(path)
    found: dict[Code, None] = {}
    for view in _views(picture):
        found |= dict.fromkeys(_barcodes_in(view))
        # One slip a photograph is the rule: once all codes of all its slips are there, harder looks find no more.
        if found and all(_complete(mark, found) for mark in {code.mark for code in found}):
            break
    return list(found)


def _picture(path: Path) -> np.ndarray:
    """The photograph in grey, reduced where it is very large. Raises NoPicture with the true reason, OSError."""
    try:
        raw = foreign.read(path, MAX_FILE_BYTES)
    except Refused as error:
        raise NoPicture(f"{error}; save the picture as a file of its own, and smaller if it is large") from None
    # One library looks at the size and decodes: where two did, a file could say one size to each.
    with _open_picture(raw) as picture:
        _check_size(picture, len(raw))
        try:
            grey = _grey(picture)
        except Exception:
            # The boundary of a decoder: a damaged file raises whatever it likes.
            raise NoPicture("a damaged picture; photograph the slip again, or copy the file again") from None
    _check_sides(grey.shape[1], grey.shape[0])
    return grey


def _check_size(picture: ImageFile.ImageFile, bytes_: int) -> None:
    pixels = picture.width * picture.height
    if pixels > MAX_FILE_PIXELS:
        raise NoPicture(f"{pixels // 10**6} megapixels are too many; save it smaller and try again")
    if pixels > max(_FREE_PIXELS, _PIXELS_PER_BYTE * bytes_):
        raise NoPicture(f"{pixels // 10**6} megapixels in {bytes_ // 1024} KB are no photograph; take it again")


def _grey(picture: ImageFile.ImageFile) -> np.ndarray:
    """A byte for each pixel, reduced where there are very many. Raises whatever a decoder raises."""
    factor = next(each for each in _REDUCED if picture.width * picture.height <= MAX_PIXELS * each**2)
    picture.draft("L", (picture.width // factor, picture.height // factor))
    factor = 1 if picture.width * picture.height <= MAX_PIXELS else factor
    if picture.mode.startswith("I;16"):
        return (np.asarray(picture) >> 8).astype(np.uint8)[::factor, ::factor]
    return np.asarray(picture.convert("L").reduce(factor))


def _check_sides(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE or min(width, height) < MIN_SIDE:
        raise NoPicture(f"{width} by {height} pixels are no photograph of a slip; take it again")


def _open_picture(raw: bytes) -> ImageFile.ImageFile:
    """The picture, of which only the head is read yet. Raises NoPicture for what is none, by its own name."""
    if not raw:
        raise NoPicture("an empty file; copy it again")
    if raw[4:8] == b"ftyp" and raw[8:12] in _HEIC:
        raise NoPicture("a HEIC picture of a phone; save it as JPEG, or set the phone's camera to JPEG")
    if raw.startswith(b"%PDF"):
        raise NoPicture("a PDF, not a picture; save its page as PNG or JPEG")
    try:
        # The limit stands above, and in words of its own.
        Image.MAX_IMAGE_PIXELS = None
        # A picture that was not copied to its end may show its codes all the same.
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        return Image.open(io.BytesIO(raw), formats=_FORMATS)
    except (OSError, ValueError, SyntaxError):
        raise NoPicture("not a PNG or JPEG picture; save it as one of them") from None


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


def _barcodes_in(picture: np.ndarray) -> Iterator[Code]:
    for symbol in zxingcpp.read_barcodes(picture, formats=_QR_ONLY):
        try:
            code = read_code(symbol.text)
        except InvalidMessage:
            continue
        if code is not None:
            yield code


def _complete(mark: str, found: Iterable[Code]) -> bool:
    return bool(whole_copies(code for code in found if code.mark == mark))
