"""A synthetic person before the camera: ``render`` draws a head that turns, nods and blinks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from devices.camera.sim import puppet_head as head
from devices.camera.sim.puppet_paint import SIDE_PX, paint
from devices.camera.sim.puppet_traits import FaceSpec, Traits, traits

__all__ = ["FaceSpec", "render"]

CAMERA_CM = 75.0
"""Distance from the camera to the middle of the head."""

FACE_CM = 15.5
"""Breadth of a face: ``scale`` of 0.3 makes it 30 % of the picture's width."""

SLIVER_PX = 0.8
"""Triangles smaller than half this are not drawn: what they would show is extrapolated."""

_PIVOT = np.array([0.0, -6.0, -4.5])
_LIGHT = np.array([0.22, 0.52, 0.82]) / np.linalg.norm([0.22, 0.52, 0.82])
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class _Surface:
    """Several parts as one, in drawing order: what comes later covers what came before."""

    parts: tuple[head.Part, ...]

    @cached_property
    def vertices(self) -> np.ndarray:
        return np.concatenate([p.vertices for p in self.parts])

    @cached_property
    def normals(self) -> np.ndarray:
        return np.concatenate([p.normals for p in self.parts])

    @cached_property
    def places(self) -> np.ndarray:
        return np.concatenate([p.places for p in self.parts]) * SIDE_PX - 0.5

    @cached_property
    def triangles(self) -> np.ndarray:
        starts = np.cumsum([0, *(len(p.vertices) for p in self.parts)])
        return np.concatenate([p.triangles + start for p, start in zip(self.parts, starts, strict=False)])

    @cached_property
    def layers(self) -> np.ndarray:
        return np.concatenate([np.full(len(p.triangles), i) for i, p in enumerate(self.parts)])


class _Person:
    """Geometry and texture of one spec; made once, 0.3 s."""

    def __init__(self, look: Traits) -> None:
        self.texture = paint(look)
        front, self.shut = head.face(look)
        self.open_eyes = front.vertices
        knot = head.bun(look)
        self.body = _Surface((head.neck(look), head.shoulders(look)))
        back = (head.skull(), *head.ears(look)) if knot is None else (knot, head.skull(), *head.ears(look))
        self.head = _Surface((*back, front, head.hair(look)))
        inside = head.hair_behind(look)
        self.behind = _Surface((inside,)) if inside else None
        self.face_at = sum(len(p.vertices) for p in back)


@lru_cache(maxsize=24)
def _person(spec: FaceSpec) -> _Person:
    return _Person(traits(spec))


def render(
    spec: FaceSpec,
    yaw_deg: float = 0.0,
    pitch_deg: float = 0.0,
    blink: float = 0.0,
    scale: float = 0.3,
    size: tuple[int, int] = (640, 480),
    *,
    background: np.ndarray | None = None,
    centre: tuple[float, float] = (0.5, 0.5),
) -> np.ndarray:
    """A BGR picture of ``size`` (width, height).

    ``yaw_deg`` positive turns to the person's own left, ``pitch_deg`` positive looks up, ``blink`` 1 shuts the eyes;
    ``scale`` is the face's breadth and ``centre`` its place, as shares of the picture. White without a background.
    """
    person = _person(spec)
    picture = np.full((size[1], size[0], 3), _WHITE, np.uint8) if background is None else background.copy()
    view = _View(size, scale, centre)
    turn = _turn(yaw_deg, pitch_deg)
    if person.behind:
        _draw(
            picture,
            person.behind,
            _turned(person.behind.vertices, turn),
            person.behind.normals @ turn.T,
            person.texture,
            view,
        )
    _draw(picture, person.body, person.body.vertices, person.body.normals, person.texture, view)
    vertices = person.head.vertices
    if blink > 0:
        vertices = vertices.copy()
        eyes = slice(person.face_at, person.face_at + len(person.open_eyes))
        vertices[eyes] += (person.shut - person.open_eyes) * min(blink, 1.0)
    turn = _turn(yaw_deg, pitch_deg)
    _draw(
        picture, person.head, (vertices - _PIVOT) @ turn.T + _PIVOT, person.head.normals @ turn.T, person.texture, view
    )
    return picture


def _turn(yaw_deg: float, pitch_deg: float) -> np.ndarray:
    yaw, pitch = np.deg2rad(yaw_deg), np.deg2rad(-pitch_deg)
    around_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    around_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return around_y @ around_x


def _turned(points: np.ndarray, turn: np.ndarray) -> np.ndarray:
    return (points - _PIVOT) @ turn.T + _PIVOT


@dataclass(frozen=True, slots=True)
class _View:
    """A pinhole camera that looks at the head from the front."""

    size: tuple[int, int]
    scale: float
    centre: tuple[float, float]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (n, 2)."""
        focal = self.size[0] * self.scale / FACE_CM
        grow = focal * CAMERA_CM / (CAMERA_CM - points[:, 2])
        x = self.size[0] * self.centre[0] + points[:, 0] * grow
        y = self.size[1] * self.centre[1] - points[:, 1] * grow
        return np.stack([x, y], -1)


def _draw(picture: np.ndarray, surface: _Surface, vertices: np.ndarray, normals: np.ndarray, texture: np.ndarray,
          view: _View) -> None:  # fmt: skip
    """Painter's algorithm: a buffer of triangle numbers, then texture and light per visible pixel."""
    flat = view.project(vertices)
    triangles = surface.triangles
    a, b, c = (flat[triangles[:, i]] for i in range(3))
    cross = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    front = np.flatnonzero(cross < -SLIVER_PX)
    depth = vertices[:, 2][triangles[front]].sum(axis=1)
    order = front[np.lexsort((depth, surface.layers[front]))]
    high, wide = picture.shape[:2]
    numbers = np.full((high, wide), -1, np.int32)
    corners = np.round(np.stack([a, b, c], 1) * 16).astype(np.int32)
    for number in order:
        cv2.fillConvexPoly(numbers, corners[number], int(number), shift=4)
    ys, xs = np.nonzero(numbers >= 0)
    if not len(ys):
        return
    top, bottom, left, right = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
    light = _light(normals)
    planes = _planes(flat, triangles, np.concatenate([surface.places, light[:, None]], 1), order, len(triangles))
    colours = _sample(texture, numbers[ys, xs], xs, ys, planes)
    layer = picture[top:bottom, left:right].copy()
    layer[ys - top, xs - left] = colours
    mask = cv2.blur((numbers[top:bottom, left:right] >= 0).astype(np.uint8) * 255, (3, 3)).astype(np.uint16)[..., None]
    under = picture[top:bottom, left:right]
    under[:] = ((layer * mask + under * (255 - mask)) // 255).astype(np.uint8)


def _light(normals: np.ndarray) -> np.ndarray:
    lit = np.clip(normals @ _LIGHT, 0, 1)
    return 0.5 + 0.56 * lit - 0.1 * np.clip(-normals[:, 1], 0, 1)


def _planes(
    flat: np.ndarray, triangles: np.ndarray, attributes: np.ndarray, order: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Per triangle and attribute: the plane over the screen (x y 1), and the range of its corners' values."""
    used = triangles[order]
    corners = np.concatenate([flat[used], np.ones((len(used), 3, 1))], axis=2)
    planes, limits = np.zeros((count, 3, 3), np.float32), np.zeros((count, 3, 2), np.float32)
    planes[order] = np.linalg.solve(corners, attributes[used]).transpose(0, 2, 1)
    limits[order] = np.stack([attributes[used].min(axis=1), attributes[used].max(axis=1)], -1)
    return planes, limits


def _sample(
    texture: np.ndarray, numbers: np.ndarray, xs: np.ndarray, ys: np.ndarray, planes: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Colours (n, 3) of the pixels ``xs``, ``ys`` that show the triangles ``numbers``."""
    found, limits = planes[0][numbers], planes[1][numbers]
    place = np.stack([xs, ys, np.ones_like(xs)], -1).astype(np.float32)
    # Edge pixels lie a little outside of their triangle: what they show must not.
    u, v, light = (np.clip(np.einsum("nk,nk->n", found[:, i], place), *limits[:, i].T) for i in range(3))
    width = 1 << 12
    maps = np.zeros((2, -(-len(u) // width) * width), np.float32)
    maps[:, : len(u)] = u, v
    across, down = maps.reshape(2, -1, width)
    colours = cv2.remap(texture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(colours.reshape(-1, 3)[: len(u)] * light[:, None], 0, 255).astype(np.uint8)
