"""The puppet's skin, eyes, brows, lips, hair and clothes as one picture that is laid over the geometry."""

from __future__ import annotations

import cv2
import numpy as np

from devices.camera.sim.puppet_head import TILES, canonical
from devices.camera.sim.puppet_traits import Colour, Traits

SIDE_PX = 1024

_EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362)),
)
_CREASES = ((247, 30, 29, 27, 28, 56, 190), (467, 260, 259, 257, 258, 286, 414))
_BAGS = ((110, 24, 23, 22, 26), (339, 254, 253, 252, 256))
_BROWS = (((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)), ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)))
_LIPS_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78)
_LIPS_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78)
_MOUTH_LINE = (61, 78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 291)
_FOLDS = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
_BROW_LINES = ((104, 69, 108, 151, 337, 299, 333), (103, 67, 109, 10, 338, 297, 332))
_BEARD = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 410, 287, 393, 2, 167, 57, 186)
_GOATEE = (194, 201, 200, 421, 418, 424, 431, 262, 369, 396, 175, 171, 140, 32, 211, 204)
_MOUSTACHE = (165, 92, 186, 40, 39, 37, 0, 267, 269, 270, 410, 322, 391, 326, 2, 97)


class _Canvas:
    """The face tile, with soft brushes; positions are points of the face mesh."""

    def __init__(self, look: Traits) -> None:
        left, top, right, bottom = (round(v * SIDE_PX) for v in TILES["face"])
        self.size = (right - left, bottom - top)
        self.picture: np.ndarray = np.full((bottom - top, right - left, 3), look.skin, np.float32)
        places = canonical()[1] * 0.98 + 0.01
        inset = 0.01 * SIDE_PX
        self.points = places * (np.array(self.size) - 2 * inset) + inset

    def at(self, *names: int) -> np.ndarray:
        return self.points[list(names)]

    def blend(self, mask: np.ndarray, colour: Colour, strength: float, blur: float = 0.0) -> None:
        x, y, wide, high = cv2.boundingRect(mask)
        margin = int(4 * blur) + 1
        place = np.s_[max(0, y - margin) : y + high + margin, max(0, x - margin) : x + wide + margin]
        # As floats: of bytes, OpenCV blurs a cheek to the last bit, in five times the time.
        mask = mask[place].astype(np.float32)
        share = ((cv2.GaussianBlur(mask, (0, 0), blur) if blur else mask) * (strength / 255.0))[..., None]
        under = self.picture[place]
        under += (np.array(colour, np.float32) - under) * share

    def area(self, outline: np.ndarray, colour: Colour, strength: float, blur: float = 0.0) -> None:
        mask = self._mask()
        cv2.fillPoly(mask, [_fixed(outline)], 255, cv2.LINE_AA, shift=4)
        self.blend(mask, colour, strength, blur)

    def line(self, track: np.ndarray, width: int, colour: Colour, strength: float, blur: float = 0.0) -> None:
        mask = self._mask()
        cv2.polylines(mask, [_fixed(_curve(track))], False, 255, width, cv2.LINE_AA, shift=4)
        self.blend(mask, colour, strength, blur)

    def spot(
        self, centre: np.ndarray, radii: tuple[float, float], colour: Colour, strength: float, blur: float
    ) -> None:
        mask = self._mask()
        box = (tuple(float(v) for v in centre), (2 * radii[0], 2 * radii[1]), 0.0)
        cv2.ellipse(mask, box, 255, -1, cv2.LINE_AA)
        self.blend(mask, colour, strength, blur)

    def _mask(self) -> np.ndarray:
        return np.zeros(self.size[::-1], np.uint8)


def _by(right: float, down: float) -> np.ndarray:
    return np.array([right, down], np.float64)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * 16).astype(np.int32)


def _curve(points: np.ndarray, count: int = 40) -> np.ndarray:
    """A smooth line through few points."""
    places = np.linspace(0, 1, len(points))
    degree = min(4, len(points) - 1)
    fine = np.linspace(0, 1, count)
    return np.stack([np.polyval(np.polyfit(places, points[:, i], degree), fine) for i in range(2)], -1)


def _darker(colour: Colour, factor: float) -> Colour:
    return (colour[0] * factor * 0.92, colour[1] * factor * 0.95, colour[2] * factor)


def _lighter(colour: Colour, factor: float, more: float) -> Colour:
    blue, green, red = (min(255.0, c * factor + more) for c in colour)
    return blue, green, red


def paint(look: Traits) -> np.ndarray:
    """The whole texture, uint8 BGR, ``SIDE_PX`` square."""
    noise = np.random.default_rng(round(sum(look.skin) * 100))
    canvas = _Canvas(look)
    _skin(canvas, look, noise)
    _folds(canvas, look)
    _nose(canvas, look)
    _mouth(canvas, look)
    _beard(canvas, look, noise)
    for number in range(2):
        _eye(canvas, look, number)
        _brow(canvas, look, number, noise)
    _marks(canvas, look, noise)
    _glasses(canvas, look)
    whole = np.empty((SIDE_PX, SIDE_PX, 3), np.float32)
    whole[:, : canvas.size[0]] = canvas.picture
    _fill(whole, "skin", _plain(look.skin, noise, 0.8))
    _fill(whole, "neck", _plain(look.skin, noise, 0.8) * np.linspace(0.5, 1.0, 256)[:, None, None] ** 0.8)
    _fill(whole, "hair", _hair(look.hair, noise))
    _fill(whole, "clothes", _plain(look.clothes, noise, 2.0))
    return np.clip(whole, 0, 255).astype(np.uint8)


def _fill(whole: np.ndarray, tile: str, picture: np.ndarray) -> None:
    left, top, right, bottom = (round(v * SIDE_PX) for v in TILES[tile])
    whole[top:bottom, left:right] = cv2.resize(picture, (right - left, bottom - top))


def _plain(colour: Colour, noise: np.random.Generator, grain: float) -> np.ndarray:
    return np.full((256, 256, 3), colour, np.float32) + noise.normal(0, grain, (256, 256, 1)).astype(np.float32)


def _hair(colour: Colour, noise: np.random.Generator) -> np.ndarray:
    """Strands run from the crown (top) to the tips; a soft shine lies across them."""
    strands = noise.normal(0, 1, (1, 256)) + cv2.GaussianBlur(noise.normal(0, 1, (64, 256)), (0, 0), 6, sigmaY=14) * 8
    strands = cv2.resize(strands.astype(np.float32), (256, 512))
    rows = np.linspace(0, 1, 512)[:, None]
    shine = np.exp(-(((rows - 0.42) / 0.13) ** 2)) * (0.8 + 0.35 * strands)
    light = 1 + 0.16 * strands + 0.2 * shine
    return np.array(colour, np.float32) * light[..., None] + (26 * np.clip(shine, 0, None))[..., None]


def _skin(canvas: _Canvas, look: Traits, noise: np.random.Generator) -> None:
    wide, high = canvas.size
    for cells, amount in ((10, 1.6), (60, 1.3)):
        patch = noise.normal(0, amount, (cells, cells, 1)).astype(np.float32)
        canvas.picture += cv2.resize(patch, (wide, high), interpolation=cv2.INTER_CUBIC)[..., None]
    canvas.picture += noise.normal(0, 1.8, (high, wide, 1)).astype(np.float32)
    blush = (look.skin[0] * 0.72, look.skin[1] * 0.74, min(255.0, look.skin[2] * 1.02))
    for cheek in (50, 280):
        canvas.spot(canvas.at(cheek)[0], (74, 62), blush, 0.35, 34)
    shade = _darker(look.skin, 0.66)
    for corner, lid in ((193, 27), (417, 257)):
        canvas.spot(canvas.at(corner)[0], (18, 30), shade, 0.3, 14)
        canvas.spot(canvas.at(lid)[0], (52, 18), shade, 0.16, 13)
    canvas.area(canvas.at(50, 187, 207, 214, 138, 215, 177, 137, 123), shade, 0.18 + 0.14 * max(look.cheek, 0), 26)
    canvas.area(canvas.at(280, 411, 427, 434, 367, 435, 401, 366, 352), shade, 0.18 + 0.14 * max(look.cheek, 0), 26)
    canvas.spot(canvas.at(151)[0], (120, 60), _lighter(look.skin, 1.07, 0), 0.45, 40)


def _folds(canvas: _Canvas, look: Traits) -> None:
    shade = _darker(look.skin, 0.62)
    for fold in _FOLDS:
        canvas.line(canvas.at(*fold), 5, shade, 0.14 + 0.5 * look.lines, 4.0)
    for bag in _BAGS:
        canvas.line(canvas.at(*bag), 5, shade, 0.16 + 0.4 * look.lines, 4.0)
    if look.lines > 0.35:
        for crease in _BROW_LINES:
            canvas.line(canvas.at(*crease), 3, shade, 0.45 * look.lines, 2.5)
        for corner, way in ((33, -1), (263, 1)):
            start = canvas.at(corner)[0] + _by(way * 10, -4)
            for rise in (-14, 2, 16):
                canvas.line(
                    np.array([start, start + _by(way * 16, rise * 0.5), start + _by(way * 34, rise)]),
                    2,
                    shade,
                    0.5 * look.lines,
                    1.6,
                )


def _nose(canvas: _Canvas, look: Traits) -> None:
    shade = _darker(look.skin, 0.55)
    light = _lighter(look.skin, 1.12, 6)
    canvas.line(canvas.at(168, 6, 197, 195, 5, 4), 15, light, 0.5, 8)
    canvas.spot(canvas.at(4)[0], (13, 10), light, 0.6, 7)
    for side in ((122, 196, 236, 198), (351, 419, 456, 420)):
        canvas.line(canvas.at(*side), 16, shade, 0.3, 11)
    for wing in ((198, 209, 129, 98), (420, 429, 358, 327)):
        canvas.line(canvas.at(*wing), 5, shade, 0.55, 3.5)
    canvas.line(canvas.at(98, 97, 2, 326, 327), 9, shade, 0.42, 5)
    wide = 11 * (1 + 0.25 * look.nose_wide)
    for nostril in ((240, 99), (460, 328)):
        canvas.spot(canvas.at(*nostril).mean(axis=0), (wide, 5.5), _darker(look.skin, 0.24), 0.85, 2.4)


def _mouth(canvas: _Canvas, look: Traits) -> None:
    canvas.area(canvas.at(*_LIPS_UPPER), _darker(look.lips, 0.93), 0.8, 2.6)
    canvas.area(canvas.at(*_LIPS_LOWER), look.lips, 0.66, 3.4)
    canvas.line(
        canvas.at(91, 181, 84, 17, 314, 405, 321) - _by(0, 9),
        6,
        _lighter(look.lips, 1.28, 12),
        0.4,
        5,
    )
    canvas.line(canvas.at(*_MOUTH_LINE), 4, _darker(look.lips, 0.42), 0.85, 1.4)
    canvas.spot(canvas.at(18)[0] + _by(0, 4), (48, 10), _darker(look.skin, 0.62), 0.42, 8)
    canvas.line(canvas.at(2, 164, 0), 8, _darker(look.skin, 0.7), 0.28, 5)
    for corner in (61, 291):
        canvas.spot(canvas.at(corner)[0], (6, 5), _darker(look.skin, 0.5), 0.5, 3)


def _beard(canvas: _Canvas, look: Traits, noise: np.random.Generator) -> None:
    if not look.beard:
        return
    outline, strength = {"stubble": (_BEARD, 0.34), "moustache": (_MOUSTACHE, 0.85), "goatee": (_GOATEE, 0.8)}[
        look.beard
    ]
    mask = np.zeros(canvas.size[::-1], np.uint8)
    cv2.fillPoly(mask, [_fixed(canvas.at(*outline))], 255, cv2.LINE_AA, shift=4)
    cv2.fillPoly(mask, [_fixed(canvas.at(*_LIPS_UPPER)), _fixed(canvas.at(*_LIPS_LOWER))], 0, cv2.LINE_AA, shift=4)
    rough = (cv2.GaussianBlur(mask, (0, 0), 5) * noise.uniform(0.55, 1.0, mask.shape)).astype(np.uint8)
    canvas.blend(rough, look.hair, strength)
    if look.beard == "goatee":
        canvas.area(canvas.at(*_MOUSTACHE), look.hair, 0.55, 4)


def _eye(canvas: _Canvas, look: Traits, number: int) -> None:
    upper, lower = (canvas.at(*lid) for lid in _EYES[number])
    outline = np.concatenate([_curve(upper), _curve(lower)[::-1]])
    middle = outline.mean(axis=0) + _by(0, -1.5)
    wide = float(np.ptp(outline[:, 0]))
    opening = np.zeros(canvas.size[::-1], np.uint8)
    cv2.fillPoly(opening, [_fixed(outline)], 255, cv2.LINE_AA, shift=4)
    before = canvas.picture.copy()
    canvas.picture[:] = (226, 232, 236)
    canvas.line(upper + _by(0, 3), 12, (120, 124, 132), 0.55, 5)
    radius = wide * 0.215
    canvas.spot(middle, (radius, radius), _darker(look.iris, 0.55), 1.0, 0.8)
    canvas.spot(middle, (radius * 0.82, radius * 0.82), look.iris, 0.9, 2.0)
    canvas.spot(middle, (radius * 0.42, radius * 0.42), (8, 8, 8), 1.0, 0.8)
    canvas.spot(middle + _by(-0.3 * radius, -0.42 * radius), (radius * 0.2, radius * 0.2), (255, 255, 255), 0.95, 0.8)
    share = (cv2.GaussianBlur(opening, (0, 0), 0.9).astype(np.float32) / 255.0)[..., None]
    canvas.picture = before + (canvas.picture - before) * share
    lash = 4 if look.lines > 0.4 else 5
    canvas.line(upper, lash, _darker(look.hair, 0.7), 0.9, 0.9)
    canvas.line(lower, 2, _darker(look.skin, 0.45), 0.55, 1.2)
    crease = canvas.at(*_CREASES[number])
    canvas.line(upper[1:-1] * 0.45 + crease * 0.55, 3, _darker(look.skin, 0.48), 0.3 + 0.25 * (look.eye_open > 0), 1.6)


def _brow(canvas: _Canvas, look: Traits, number: int, noise: np.random.Generator) -> None:
    upper, lower = (canvas.at(*edge) for edge in _BROWS[number])
    middle = (upper + lower) / 2
    rise = np.linspace(0.9, -0.9, len(middle)) * 9 * look.brow_slope
    middle = _curve(middle + np.stack([0 * rise, rise], -1) - _by(0, 4), 30)
    thick = (6.5 + 3.6 * look.brow_thick) * np.interp(np.linspace(0, 1, 30), (0, 0.35, 1), (0.35, 0.95, 1.05))
    half = np.stack([0 * thick, thick], -1)
    canvas.area(np.concatenate([middle - half, (middle + half)[::-1]]), look.hair, 0.72, 3.0)
    outward = -1 if number == 0 else 1
    mask = np.zeros(canvas.size[::-1], np.uint8)
    for place in noise.integers(0, 30, 70):
        root = middle[place] + _by(noise.normal(0, 3), float(noise.uniform(-0.7, 0.9) * thick[place]))
        tip = root + _by(outward * noise.uniform(5, 14), -noise.uniform(1, 7))
        cv2.line(mask, tuple(_fixed(root)), tuple(_fixed(tip)), 255, 1, cv2.LINE_AA, shift=4)
    canvas.blend(mask, _darker(look.hair, 0.8), 0.6)


def _marks(canvas: _Canvas, look: Traits, noise: np.random.Generator) -> None:
    for x, y in look.moles:
        canvas.spot(np.array(canvas.size) * (x, y), (5, 5), (40, 48, 70), 0.85, 1.4)
    if look.freckles:
        for x, y in noise.uniform((0.28, 0.45), (0.72, 0.62), (60, 2)):
            canvas.spot(np.array(canvas.size) * (x, y), (2.4, 2.4), _darker(look.skin, 0.6), 0.45, 1.0)
    if look.lines > 0.7:
        for x, y in noise.uniform((0.15, 0.15), (0.85, 0.5), (9, 2)):
            canvas.spot(np.array(canvas.size) * (x, y), (7, 6), _darker(look.skin, 0.72), 0.35, 3.0)


def _glasses(canvas: _Canvas, look: Traits) -> None:
    if not look.glasses:
        return
    colour, mask = (34, 32, 36), np.zeros(canvas.size[::-1], np.uint8)
    centres = [np.concatenate([canvas.at(*lid) for lid in eye]).mean(axis=0) + _by(0, 6) for eye in _EYES]
    half = (76, 58) if look.glasses == "round" else (82, 48)
    for centre in centres:
        if look.glasses == "round":
            cv2.ellipse(mask, (tuple(map(float, centre)), (half[0] * 2, half[1] * 2), 0.0), 255, 6, cv2.LINE_AA)
        else:
            (x, y), (w, h) = centre, half
            corners = np.array([[x - w, y - h], [x + w, y - h], [x + w * 0.9, y + h], [x - w * 0.9, y + h]])
            cv2.polylines(mask, [_fixed(corners)], True, 255, 8, cv2.LINE_AA, shift=4)
    (x1, y1), (x2, y2) = centres
    cv2.line(
        mask,
        tuple(_fixed(np.array([x1 + half[0], y1 - 12]))),
        tuple(_fixed(np.array([x2 - half[0], y2 - 12]))),
        255,
        6,
        cv2.LINE_AA,
        shift=4,
    )
    cv2.line(mask, (0, int(y1) - 6), (int(x1 - half[0]), int(y1) - 14), 255, 7, cv2.LINE_AA)
    cv2.line(mask, (int(x2 + half[0]), int(y2) - 14), (canvas.size[0], int(y2) - 6), 255, 7, cv2.LINE_AA)
    canvas.blend(mask, colour, 0.92, 0.9)
