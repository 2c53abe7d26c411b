"""What a visit knows, as byte strings that would betray it: texts in every form, pictures, strokes, face numbers."""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from devices.fingerprint_reader.driver import Capture
from kiosk.journey.steps.fingerprint import _png as as_png
from kiosk.journey.steps.sign import drawn
from kiosk.vision.embedding import FaceEmbedder, prepare_id_photo
from kiosk.vision.faces import FaceDetector

_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "gb18030")
_LEAST_BYTES = 6
"""Shorter strings of bytes are found in any memory by chance."""
_WINDOW, _LEAST_DIFFERENT = 16, 8
_MOST_WINDOWS = 60

Patterns = dict[str, bytes]
Person = dict[str, Any]


def of_person(person: Person, photo: bytes) -> Patterns:
    """Everything on the card and in the city's records, and the portrait."""
    found: Patterns = {}
    for what, value in _texts("", {"card": person["card"], "records": person.get("records", {})}):
        found |= forms(what, value)
    return found | of_portrait(photo) | {f"pin {n}": raw for n, raw in forms("", person.get("pin", "")).items()}


def forms(what: str, value: str) -> Patterns:
    """``value`` in every encoding that a library may keep it in, and with JSON's escapes."""
    found = {f"{what} {encoding}": value.encode(encoding) for encoding in _ENCODINGS}
    found[f"{what} json"] = json.dumps(value)[1:-1].encode()
    plain = value.encode()
    return {n: raw for n, raw in found.items() if len(raw) >= _LEAST_BYTES and (n.endswith("utf-8") or raw != plain)}


def of_portrait(photo: bytes) -> Patterns:
    """The picture as it lies on the chip, decoded by either library, enlarged for the check, and its face's numbers."""
    found = windows("portrait file", photo)
    rgb = Image.open(io.BytesIO(photo)).convert("RGB")
    found |= windows("portrait rgb", rgb.tobytes()) | windows("portrait rgba", rgb.convert("RGBA").tobytes())
    found |= windows("portrait bgr", rgb.tobytes("raw", "BGR"))
    detector, embedder = _nets()
    large, face = prepare_id_photo(photo, detector)
    found |= windows("portrait enlarged", large.tobytes())
    numbers = embedder.embed(large, face)
    return found | windows("face numbers", numbers.tobytes()) | windows("face floats", numbers.astype("<f4").tobytes())


def of_picture(what: str, picture: np.ndarray) -> Patterns:
    """A camera picture as it is shown, and as the camera gave it."""
    high = picture.shape[0]
    middle = picture[high // 3 : high * 2 // 3]
    plain = np.ascontiguousarray(middle[:, ::-1])
    rgb = np.ascontiguousarray(middle[:, :, ::-1])
    named = {"shown": middle, "taken": plain, "rgb": rgb, "rgba": cv2.cvtColor(middle, cv2.COLOR_BGR2RGBA)}
    return {n: raw for kind, rows in named.items() for n, raw in windows(f"{what} {kind}", rows.tobytes()).items()}


def of_finger(capture: Capture) -> Patterns:
    """A fingerprint as the reader gives it, on its line, and as the file that is kept of it."""
    line = base64.b64encode(capture.pixels)
    return (
        windows("fingerprint pixels", capture.pixels)
        | windows("fingerprint line", line)
        # Behind the head that every PNG has.
        | windows("fingerprint file", as_png(capture)[64:])
    )


def of_strokes(strokes: list[list[list[float]]]) -> Patterns:
    """A signature as coordinates, as JSON, and as the file that is kept of it."""
    found: Patterns = {}
    for n, (x, y) in enumerate(point for stroke in strokes for point in stroke):
        found |= {f"stroke {n} x": struct.pack("<d", x), f"stroke {n} y": struct.pack("<d", y)}
        found[f"stroke {n} json"] = json.dumps([x, y], separators=(",", ":")).encode()
    # Behind the head that every PNG has.
    return found | windows("signature file", drawn(strokes)[48:])


def windows(what: str, raw: bytes) -> Patterns:
    """Pieces of 16 bytes, spread evenly over ``raw``; those that could be anything (a plain background) left out."""
    places = range(0, len(raw) - _WINDOW + 1, _WINDOW)
    telling = [at for at in places if len(set(raw[at : at + _WINDOW])) >= _LEAST_DIFFERENT]
    step = max(1, len(telling) // _MOST_WINDOWS)
    return {f"{what} @{at}": raw[at : at + _WINDOW] for at in telling[::step]}


def photo_of(person: Person, people: Path) -> bytes:
    """The bytes of the person's picture."""
    return (people.parent / person["photo"]).read_bytes()


@cache
def _nets() -> tuple[FaceDetector, FaceEmbedder]:
    return FaceDetector(), FaceEmbedder()


def _texts(what: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(f"{what} {key}".strip(), inner)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _texts(f"{what} {n}", inner)
    elif isinstance(value, date):
        yield what, value.isoformat()
    elif isinstance(value, str):
        yield what, value
        if len(value) == 8 and value.isdecimal():
            for sign in "-.":
                yield f"{what} with {sign}", sign.join((value[:4], value[4:6], value[6:]))
