"""The puppet's geometry: a face from the canonical face mesh, a skull, ears, hair, neck and shoulders.

Centimetres; x to the person's left, y up, z to the front. The mesh is MediaPipe's canonical face (Apache-2.0, NOTICE).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from devices.camera.sim.puppet_traits import Traits

SKULL_CENTRE = np.array([0.0, 3.0, -2.8])
SKULL_AXES = np.array([7.75, 10.0, 8.7])
UPPER_LIDS = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER_LIDS = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))

TILES = {"face": (0.0, 0.0, 0.75, 1.0), "hair": (0.75, 0.0, 1.0, 0.5), "skin": (0.75, 0.5, 1.0, 0.625),
         "neck": (0.75, 0.625, 1.0, 0.75), "clothes": (0.75, 0.75, 1.0, 1.0)}  # fmt: skip
"""Where each material lies in the texture: left, top, right, bottom, 0..1."""


@dataclass(frozen=True, slots=True)
class Part:
    """One surface: vertices (n, 3), unit normals (n, 3), texture places (n, 2), triangles (m, 3)."""

    vertices: np.ndarray
    normals: np.ndarray
    places: np.ndarray
    triangles: np.ndarray


@cache
def canonical() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (468, 3), texture places (468, 2), triangles (898, 3) of the canonical face."""
    with np.load(Path(__file__).with_name("canonical_face.npz")) as data:
        return data["vertices"].astype(np.float64), data["uv"].astype(np.float64), data["triangles"].astype(np.int64)


def _bump(points: np.ndarray, centre: tuple[float, float], radius: tuple[float, float]) -> np.ndarray:
    """A bell around ``centre`` (x, y) and its mirror image; 1 at the middle."""
    x, y = np.abs(points[:, 0]) - centre[0], points[:, 1] - centre[1]
    return np.exp(-((x / radius[0]) ** 2) - (y / radius[1]) ** 2)


def _shaped(points: np.ndarray, look: Traits) -> np.ndarray:
    out = points.copy()
    side = np.sign(points[:, 0])
    low = np.clip((2.0 - points[:, 1]) / 11.0, 0, 1)
    # Inner features first, in the canonical frame, then jaw and length, which carry them along.
    eyes = _bump(points, (3.0, 2.6), (2.6, 1.9))
    middle = np.array([3.05, 2.55])
    dx, dy = np.abs(points[:, 0]) - middle[0], points[:, 1] - middle[1]
    out[:, 0] += side * eyes * ((0.08 + 0.15 * look.eye_size) * dx + 0.36 * look.eye_gap)
    out[:, 1] += eyes * ((0.12 + 0.18 * look.eye_size) * dy + 0.14 * look.eye_open * dy + 0.14 * look.eye_tilt * dx)
    brows = _bump(points, (3.4, 5.0), (4.2, 1.3))
    out[:, 1] += brows * 0.5 * look.brow_height
    out[:, 2] += brows * 0.3 * look.brow_thick
    nose = _bump(points, (0.0, -0.8), (2.2, 2.4))
    out[:, 0] += nose * points[:, 0] * (0.12 + 0.32 * look.nose_wide)
    out[:, 1] -= nose * (0.6 * look.nose_long - 0.25)
    out[:, 2] += _bump(points, (0.0, 0.2), (1.3, 2.6)) * (0.75 * look.nose_deep - 0.3)
    mouth = _bump(points, (0.0, -4.2), (3.8, 1.7))
    out[:, 0] += mouth * points[:, 0] * (0.06 + 0.19 * look.mouth_wide)
    out[:, 1] += mouth * ((points[:, 1] + 4.35) * (0.24 * look.lip_full - 0.1) - 0.45 * look.mouth_low)
    out[:, 1] += _bump(points, (2.7, -4.3), (1.3, 1.1)) * 0.52
    lower_face = np.exp(-(((points[:, 1] + 6.0) / 4.5) ** 2))
    out[:, 0] += lower_face * 0.28 * look.skew
    cheeks = _bump(points, (5.2, -1.0), (2.4, 2.8))
    out[:, 0] += side * cheeks * 0.5 * look.cheek
    out[:, 2] += cheeks * 0.5 * look.cheek
    jaw = np.clip((-2.0 - points[:, 1]) / 6.0, 0, 1)
    out[:, 0] *= 1 + 0.16 * look.jaw * jaw
    chin = _bump(points, (0.0, -8.8), (3.0, 2.4))
    out[:, 1] -= chin * 0.7 * look.chin
    out[:, 2] += chin * 0.6 * look.chin
    out[:, 1] -= low * 0.75 * look.length
    return out


def _part(vertices: np.ndarray, places: np.ndarray, triangles: np.ndarray, tile: str) -> Part:
    left, top, right, bottom = TILES[tile]
    inset = 0.01
    spread = np.array([right - left - 2 * inset, bottom - top - 2 * inset])
    return Part(vertices, _normals(vertices, triangles), places * spread + (left + inset, top + inset), triangles)


def _normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    flat = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(total, triangles[:, i], flat)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def _grid(points: np.ndarray, tile: str) -> Part:
    """A surface from rows x columns x 3 points; columns wrap around."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1, :-1], index[:-1, 1:]
    c, d = index[1:, :-1], index[1:, 1:]
    triangles = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    v, u = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    return _part(points.reshape(-1, 3), np.stack([u, v], -1).reshape(-1, 2), triangles, tile)


def _around(count: int) -> np.ndarray:
    return np.linspace(-np.pi, np.pi, count)


def face(look: Traits) -> tuple[Part, np.ndarray]:
    """The face, and its vertices with the eyes shut."""
    vertices, places, triangles = canonical()
    open_eyes = _shaped(vertices, look)
    shut = open_eyes.copy()
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        shut[list(upper)] = open_eyes[list(lower)] * 0.94 + open_eyes[list(upper)] * 0.06
    return _part(open_eyes, places, triangles, "face"), shut


def skull() -> Part:
    """The head behind the face; hair lies on it."""
    up = np.linspace(np.pi / 2, -0.62, 12)[:, None]
    round_ = _around(25)[None, :]
    unit = np.stack([np.cos(up) * np.sin(round_), np.sin(up) + 0 * round_, np.cos(up) * np.cos(round_)], -1)
    return _grid(SKULL_CENTRE + unit * SKULL_AXES * 0.972, "skin")


def ears(look: Traits) -> list[Part]:
    """Two flat ovals that stand off a little."""
    up = np.linspace(np.pi / 2, -np.pi / 2, 7)[:, None]
    round_ = _around(11)[None, :]
    unit = np.stack([np.cos(up) * np.sin(round_), np.sin(up) + 0 * round_, np.cos(up) * np.cos(round_)], -1)
    found = []
    for side in (-1.0, 1.0):
        points = unit * (0.9, 3.1, 1.5)
        points[..., 0] += side * 0.35 * points[..., 1] * 0.4
        place = np.array([side * (7.65 + 0.25 * look.cheek), 0.6 - 0.3 * look.length, -2.6])
        found.append(_grid(points + place, "skin"))
    return found


def hair(look: Traits) -> Part:
    """Hair from the crown down to a hairline that depends on the style."""
    style = look.hair_style
    round_ = _around(49)
    front = np.clip(np.cos(round_), 0, 1) ** 0.42
    aside = np.abs(np.sin(round_)) ** 3 * (np.cos(round_) > -0.3)
    hairline = {"crew": 34, "high": 40, "receding": 55, "side": 34, "short": 30}.get(style, 30) + 4 * look.brow_height
    if "fringe" in style:
        hairline = 19 + 7 * look.fringe
    nape = {"crew": -12, "high": -8, "receding": -12, "bun": -18}.get(style, -24)
    lowest = {"bob": -58, "bob_fringe": -52, "long": -118, "long_fringe": -112}.get(style)
    end = nape + (hairline - nape) * front
    if lowest is not None:
        fall = 1 - np.clip((np.cos(round_) - 0.28) / 0.22, 0, 1)
        end = end * (1 - fall) + lowest * fall
    else:
        end = end * (1 - aside) + aside * np.where(np.cos(round_) > 0.12, 8, -6)
    if style in ("side", "long", "bob"):
        end = end + 7 * np.sin(round_) * front
    depth = np.linspace(0, 1, 16)[:, None]
    up = np.deg2rad(90 - depth * (90 - end[None, :]))
    bulk = {"crew": 0.035, "receding": 0.03, "high": 0.12, "bun": 0.06}.get(style, 0.085)
    return _grid(_strands(up, round_[None, :], bulk, style, depth), "hair")


def _strands(up: np.ndarray, round_: np.ndarray, bulk: float, style: str, depth: np.ndarray) -> np.ndarray:
    """Points of the hair: on the skull above ear height, hanging straight below it."""
    on_head = np.maximum(up, -0.12)
    unit = np.stack([np.cos(on_head) * np.sin(round_), np.sin(on_head), np.cos(on_head) * np.cos(round_)], -1)
    lift = bulk * (1 - 0.75 * depth**6) + (0.1 if style == "high" else 0.0) * np.clip(np.sin(up), 0, 1) ** 3
    points = SKULL_CENTRE + unit * SKULL_AXES * (1 + lift[..., None])
    hanging = np.minimum(up + 0.12, 0)
    points[..., 1] += hanging * 9.5
    points[..., 0] *= 1 + 0.13 * np.clip(-hanging * 2.5, 0, 1) - 0.04 * hanging**2
    return points


def hair_behind(look: Traits) -> Part | None:
    """The inside of long hair, seen past the neck; nothing for short styles."""
    if not look.hair_style.startswith(("bob", "long")):
        return None
    outside = hair(look)
    return Part(outside.vertices, outside.normals * -0.5, outside.places, outside.triangles[:, ::-1])


def bun(look: Traits) -> Part | None:
    """The knot at the back of the crown, for that style only."""
    if look.hair_style != "bun":
        return None
    up, round_ = np.linspace(np.pi / 2, -np.pi / 2, 8)[:, None], _around(15)[None, :]
    unit = np.stack([np.cos(up) * np.sin(round_), np.sin(up) + 0 * round_, np.cos(up) * np.cos(round_)], -1)
    return _grid(unit * 3.6 + (0.0, 14.2, -4.5), "hair")


def neck(look: Traits) -> Part:
    """From under the jaw into the collar."""
    wide = 5.0 + 0.45 * look.jaw
    return _rings(
        [(-4.0, wide, 5.0), (-8.0, wide, 5.2), (-13.0, wide + 0.2, 5.4), (-19.0, wide + 2.4, 6.0)], "neck", -3.4
    )


def shoulders(look: Traits) -> Part:
    """A plain top with a round collar."""
    broad = 19.5 + 1.6 * look.jaw
    levels = [(-12.2, 5.9, 6.2), (-13.6, 6.5, 6.8), (-15.6, 9.4, 7.4), (-17.0, broad * 0.72, 7.8),
              (-19.5, broad * 0.93, 8.6),
              (-24.0, broad, 9.4), (-60.0, broad * 1.02, 10.0)]  # fmt: skip
    return _rings(levels, "clothes", -3.6)


def _rings(levels: list[tuple[float, float, float]], tile: str, middle_z: float) -> Part:
    round_ = _around(33)
    rows = [
        np.stack([wide * np.sin(round_), 0 * round_ + y, middle_z + deep * np.cos(round_)], -1)
        for y, wide, deep in levels
    ]
    return _grid(np.array(rows), tile)
