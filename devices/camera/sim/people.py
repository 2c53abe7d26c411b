"""The faces of the people file: who can stand before the simulated camera, and what their card photo looks like."""

from __future__ import annotations

import tomllib
from pathlib import Path

import cv2
import numpy as np

from devices.camera.sim.puppet import FaceSpec, render

PHOTO_SIZE = (102, 126)
"""Pixels of a resident ID card's photo (GA 490)."""
PHOTO_MAX_BYTES = 1024
"""The card's photo block."""


def faces_of(people_file: Path) -> dict[str, FaceSpec]:
    """Id to face for every person with a ``[person.face]`` table."""
    people = tomllib.loads(people_file.read_text("utf-8")).get("person", [])
    return {p["id"]: FaceSpec(**p["face"]) for p in people if "face" in p}


def portrait(spec: FaceSpec) -> np.ndarray:
    """A card photo, (126, 102, 3) BGR, before a white wall."""
    large = render(spec, scale=0.62, size=(4 * PHOTO_SIZE[0], 4 * PHOTO_SIZE[1]), centre=(0.5, 0.56))
    return cv2.resize(large, PHOTO_SIZE, interpolation=cv2.INTER_AREA)


def card_photo(spec: FaceSpec) -> bytes:
    """The portrait as WebP of at most 1024 bytes, as good as that allows."""
    picture = portrait(spec)
    for quality in range(90, 0, -1):
        _, data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
        if len(data) <= PHOTO_MAX_BYTES:
            return data.tobytes()
    raise ValueError("the portrait does not fit into a card")
