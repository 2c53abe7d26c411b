"""The photo block: which decoder, by its first bytes. WLT has no open decoder; a vendor library may be plugged in.

A vendor library is an entry point of the group ``tongban.photo_decoders``: a callable from the raw block to the bytes
of an image (for WLT a 102 x 126 BMP). ``auto`` takes the one named ``wlt`` for WLT blocks, if there is one.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import entry_points

import structlog
from PIL import Image, UnidentifiedImageError

from devices.contract import Permanent

GROUP = "tongban.photo_decoders"
PREFIX = "entry-point:"
MAX_PIXELS = 1_000_000
"""A card's photo is 102 x 126; a crafted image must not eat the machine's memory."""

log = structlog.get_logger("devices")

VendorDecoder = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Portrait:
    """A decoded photo: ``bgr`` holds ``height_px`` rows of ``width_px`` pixels, three bytes each, blue first."""

    width_px: int
    height_px: int
    bgr: bytes = field(repr=False)

    def png(self) -> bytes:
        """The same picture as a PNG file."""
        packed = io.BytesIO()
        Image.frombytes("RGB", (self.width_px, self.height_px), self.bgr, "raw", "BGR").save(packed, "PNG")
        return packed.getvalue()


def kind_of(raw: bytes) -> str:
    """``webp``, ``jpeg``, ``wlt`` or ``""``, by the first bytes."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "webp"
    if raw[:3] == b"\xff\xd8\xff":
        return "jpeg"
    return "wlt" if raw[:2] == b"WL" else ""


class PhotoDecoder:
    """Makes portraits of photo blocks; ``choice`` is the configured ``photo_decoder``."""

    def __init__(self, choice: str) -> None:
        self._off = choice == "none"
        self._vendor: VendorDecoder | None = None
        if choice.startswith(PREFIX):
            self._vendor = _load(choice.removeprefix(PREFIX))
            if self._vendor is None:
                raise Permanent("no_photo_decoder", f"photo_decoder: no entry point {choice} in the group {GROUP}")
        elif choice == "auto":
            self._vendor = _load("wlt")
        elif not self._off:
            raise Permanent("bad_settings", f'photo_decoder: use "auto", "none" or "{PREFIX}NAME"')

    def decode(self, raw: bytes) -> Portrait | None:
        """The portrait, or None when nothing here can decode it; never fails."""
        kind = kind_of(raw)
        if self._off or not kind:
            return None
        if kind != "wlt":
            return _decode_open(raw)
        if self._vendor is None:
            return None
        try:
            return _decode_open(self._vendor(raw))
        except Exception as fault:
            log.warning("photo_decoder_failed", fault=type(fault).__name__)
            return None


def _decode_open(raw: bytes) -> Portrait | None:
    try:
        with Image.open(io.BytesIO(raw), formats=("WEBP", "JPEG", "BMP", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            return Portrait(image.width, image.height, image.convert("RGB").tobytes("raw", "BGR"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _load(name: str) -> VendorDecoder | None:
    found = entry_points(group=GROUP, name=name)
    try:
        return next(iter(found)).load() if found else None
    except (ImportError, OSError) as fault:
        raise Permanent("no_photo_decoder", f"photo_decoder {name}: {fault}") from None
