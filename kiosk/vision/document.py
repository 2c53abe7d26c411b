"""Papers under the document camera: one instruction at a time until a page can be read, then it is cut out straight.

The page is what is brighter than the mat that it lies on. Nothing is painted: the picture is only turned, straightened
and cropped.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Literal, NamedTuple

import cv2
import msgspec
import numpy as np

from kiosk import shapes
from kiosk.vision.protocol import DocumentWord

BEST_OF = 3
STEADY_S = 0.6
"""So long the page must have lain still and been good before the first of the three is taken."""
_LOOK_PX = 1280
"""Longest side of the picture in which the page is sought."""
_LONGEST_PX = 2400
"""Of what is kept: A4 at 200 dpi."""
_LEAST_SHARE, _SECOND_SHARE = 0.03, 0.2
"""A page fills so much of the picture; something else beside it that is so large compared to it is in the way."""
_LEAST_CONTRAST = 40.0
"""Between page and mat, in steps of 255."""
_FILLS = 0.965
"""So much of its four-cornered outline a page fills when nothing lies on it."""
_EDGE_PX = 4
_MOVED_PX = 6.0
_SHAPE_OFF = 0.085
"""Proportions seen aslant differ from the true ones by so much at most."""
_DARK = 70
_GLARE_LUMA, _GLARE_SHARE, _WHITE_SHEET = 250, 0.005, 245
_PRINTED_FILL, _ROUND_FILL = 0.93, 0.88
"""Of its smallest rectangle a printed field fills so much, whatever stands on it; of its outline a reflection does."""
_FADES_PX = 4
_LEAST_INK, _LEAST_EDGE = 36.0, 0.2
"""Contrast of what stands on the page; how much of it the steepest edges cross from one pixel to the next but one."""


class DocumentProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of ``document_profiles.toml``."""

    width_mm: float
    height_mm: float
    least_px: int
    jpeg_quality: int
    source: str
    believed: tuple[str, ...] = ()

    def fits(self, width: float, height: float) -> bool:
        """Whether a page of these sides can be one, upright or lying on its side."""
        if not self.width_mm:
            return True
        seen, true = max(width, height) / min(width, height), max(self.width_mm, self.height_mm)
        return abs(seen * min(self.width_mm, self.height_mm) / true - 1) <= _SHAPE_OFF


@cache
def document_profiles() -> dict[str, DocumentProfile]:
    """Every kind of paper."""
    raw = (resources.files("kiosk.vision") / "document_profiles.toml").read_bytes()
    return shapes.from_toml(raw, dict[str, DocumentProfile])


class Sheet(NamedTuple):
    """One picture: what is wrong with it most ("" nothing), the page's corners in it from top left on clockwise, px."""

    wrong: DocumentWord | Literal[""]
    corners: np.ndarray | None = None


def judge(picture: np.ndarray, profile: DocumentProfile) -> tuple[Sheet, np.ndarray | None, float]:
    """A BGR picture: what was found, the page cut out of it where it is good, and how sharp that is."""
    sheet = find(picture, profile)
    if sheet.wrong or sheet.corners is None:
        return sheet, None, 0.0
    page = straightened(picture, sheet.corners, profile)
    wrong, sharp = _readable(page)
    if wrong:
        page[:] = 0
        return Sheet(wrong, sheet.corners), None, 0.0
    return sheet, page, sharp


def find(picture: np.ndarray, profile: DocumentProfile) -> Sheet:
    """Where the page lies, or why none can be cut out."""
    scale = min(1.0, _LOOK_PX / max(picture.shape[:2]))
    small = picture if scale == 1.0 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bright = cv2.GaussianBlur(small.max(axis=2), (5, 5), 0)
    if float(bright.mean()) < 14:
        return Sheet("too_dark")
    level, mask = cv2.threshold(bright, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    contours = _blobs(mask)
    if not contours or not _stands_out(bright, level):
        return Sheet("no_paper")
    page, sizes = contours[0], [cv2.contourArea(each) for each in contours]
    if sizes[0] < _LEAST_SHARE * mask.size:
        return Sheet("no_paper")
    left, top, wide, high = cv2.boundingRect(page)
    room = min(left, top, mask.shape[1] - left - wide, mask.shape[0] - top - high)
    if room < _EDGE_PX:
        return Sheet("not_whole")
    if len(sizes) > 1 and sizes[1] > _SECOND_SHARE * sizes[0]:
        return Sheet("one_page")
    corners = _corners(page)
    if corners is None or not _FILLS <= sizes[0] / cv2.contourArea(corners) <= 2 - _FILLS:
        return Sheet("covered")
    return Sheet(_shape(corners / scale, profile), corners / scale)


def _blobs(mask: np.ndarray) -> list[np.ndarray]:
    """Outlines of what is bright, largest first; print at a page's edge does not cut into it."""
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    found, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return sorted(found, key=cv2.contourArea, reverse=True)[:8]


def _stands_out(bright: np.ndarray, level: float) -> bool:
    above, below = bright[bright > level], bright[bright <= level]
    return bool(above.size and below.size and float(above.mean()) - float(below.mean()) >= _LEAST_CONTRAST)


def _corners(contour: np.ndarray) -> np.ndarray | None:
    """The four corners, (4, 2) float32, as the sides' straight lines cross; None for what has not four sides."""
    hull = cv2.convexHull(contour)
    length = cv2.arcLength(hull, closed=True)
    for share in (0.01, 0.02, 0.03, 0.05):
        rough = cv2.approxPolyDP(hull, share * length, closed=True)
        if len(rough) == 4:
            return _crossings(contour[:, 0, :].astype(np.float32), _clockwise(rough[:, 0, :].astype(np.float32)))
    return None


def _clockwise(points: np.ndarray) -> np.ndarray:
    """From the top left one on."""
    middle = points.mean(axis=0)
    around = points[np.argsort(np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0]))]
    return np.roll(around, -int(np.argmin(around.sum(axis=1))), axis=0)


def _crossings(outline: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Each side's line is laid through the outline between two corners: rounded and worn ones are none then."""
    lines = []
    for start, end in pairwise([*rough, rough[0]]):
        along = end - start
        length = float(np.hypot(*along))
        unit = along / length
        place, off = (outline - start) @ unit, np.abs((outline - start) @ np.array([-unit[1], unit[0]]))
        near = outline[(place > 0.1 * length) & (place < 0.9 * length) & (off < 6)]
        if len(near) < 8:
            return rough
        vx, vy, x, y = cv2.fitLine(near, cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
        lines.append((np.array([x, y]), np.array([vx, vy])))
    found = []
    for (p, u), (q, v) in pairwise([lines[-1], *lines]):
        turn = u[0] * v[1] - u[1] * v[0]
        if abs(turn) < 0.2:
            return rough
        found.append(p + u * (((q - p)[0] * v[1] - (q - p)[1] * v[0]) / turn))
    return np.array(found, np.float32)


def _sides(corners: np.ndarray) -> tuple[float, float]:
    """Width and height as seen, px: the longer of two opposite sides is the one that is nearer."""
    lengths = [float(np.hypot(*(corners[(at + 1) % 4] - corners[at]))) for at in range(4)]
    return max(lengths[0], lengths[2]), max(lengths[1], lengths[3])


def _shape(corners: np.ndarray, profile: DocumentProfile) -> DocumentWord | Literal[""]:
    width, height = _sides(corners)
    if max(width, height) < profile.least_px:
        return "too_small"
    return "" if profile.fits(width, height) else "wrong_shape"


def straightened(picture: np.ndarray, corners: np.ndarray, profile: DocumentProfile) -> np.ndarray:
    """The page alone, seen from straight above, in the proportions of what it is."""
    width, height = _sides(corners)
    if profile.width_mm:
        ratio = max(profile.width_mm, profile.height_mm) / min(profile.width_mm, profile.height_mm)
        longest = max(width, height)
        width, height = (longest, longest / ratio) if width >= height else (longest / ratio, longest)
    shrink = min(1.0, _LONGEST_PX / max(width, height))
    size = round(width * shrink), round(height * shrink)
    flat = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], np.float32)
    return cv2.warpPerspective(picture, cv2.getPerspectiveTransform(corners, flat), size, flags=cv2.INTER_CUBIC)


def _readable(page: np.ndarray) -> tuple[DocumentWord | Literal[""], float]:
    """What keeps it from being read, and how steep its edges are (0..1)."""
    high, wide = page.shape[:2]
    inner = page[round(0.03 * high) : round(0.97 * high), round(0.03 * wide) : round(0.97 * wide)]
    grey = cv2.cvtColor(inner, cv2.COLOR_BGR2GRAY)
    if float(np.median(grey)) < _DARK:
        return "too_dark", 0.0
    if _shines(inner, grey):
        return "glare", 0.0
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    darkest, brightest = np.percentile(smooth, (0.2, 99.0))
    if brightest - darkest < _LEAST_INK:
        return "blank", 0.0
    across = np.abs(np.diff(smooth[:, ::1].astype(np.int16), n=1, axis=1))
    down = np.abs(np.diff(smooth.astype(np.int16), n=1, axis=0))
    steep = float(max(np.percentile(across, 99.8), np.percentile(down, 99.8)) / (brightest - darkest))
    return ("", steep) if steep >= _LEAST_EDGE else ("blurry", steep)


def _shines(page: np.ndarray, grey: np.ndarray) -> bool:
    """A lamp mirrors itself: burnt out, brighter than the paper's own white, and not a white field with edges.

    On a sheet that is as white as a lamp nothing of it can be seen, and print is not covered without a trace either.
    """
    if float(np.median(grey)) >= _WHITE_SHEET:
        return False
    burnt = (page.min(axis=2) >= _GLARE_LUMA).astype(np.uint8)
    whole_spots = cv2.morphologyEx(burnt, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found, _ = cv2.findContours(whole_spots, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for spot in found:
        area, hull = cv2.contourArea(spot), cv2.convexHull(spot)
        if area < _GLARE_SHARE * burnt.size:
            continue
        (_, sides, _), whole = cv2.minAreaRect(spot), cv2.contourArea(hull)
        is_field = whole >= _PRINTED_FILL * sides[0] * sides[1]
        if (not is_field and area >= _ROUND_FILL * whole) or _is_soft(grey, *cv2.boundingRect(spot)):
            return True
    return False


def _is_soft(grey: np.ndarray, left: int, top: int, wide: int, high: int) -> bool:
    """Whether a burnt out spot fades away, as light does: print ends from one pixel to the next."""
    row = grey[top + high // 2].astype(np.int16)
    fades = 0
    for at, step in ((left, -1), (left + wide - 1, 1)):
        near, far = at + _FADES_PX * step, at + 4 * _FADES_PX * step
        if 0 <= far < len(row):
            fades += int(row[near]) > int(row[far]) + 0.3 * (255 - int(row[far]))
    return fades == 2


class DocumentShoot:
    """One try: ``look`` at pictures until the page is there. ``wipe`` overwrites what is held."""

    def __init__(self, profile: DocumentProfile) -> None:
        self._profile = profile
        self._corners: np.ndarray | None = None
        self._good_since: float | None = None
        self._taken: list[tuple[float, np.ndarray]] = []
        self.wrong: str = "no_paper"

    @property
    def progress(self) -> float:
        """How far it has come, 0..1."""
        return len(self._taken) / BEST_OF

    def look(self, picture: np.ndarray, now_s: float) -> np.ndarray | None:
        """The page (BGR) once there are three good pictures of it, of which it is the sharpest; None before."""
        sheet, page, sharp = judge(picture, self._profile)
        before, self._corners = self._corners, sheet.corners
        has_moved = before is None or sheet.corners is None or float(np.abs(before - sheet.corners).max()) > _MOVED_PX
        self.wrong = sheet.wrong or ("hold_still" if has_moved else "")
        if page is None or has_moved:
            self._good_since = None
            self.wipe()
            return None
        if self._good_since is None:
            self._good_since = now_s
        if now_s - self._good_since < STEADY_S:
            page[:] = 0
            return None
        self._taken.append((sharp, page))
        return max(self._taken, key=lambda each: each[0])[1] if len(self._taken) == BEST_OF else None

    def encoded(self, page: np.ndarray) -> bytes:
        """As it is kept: JPEG."""
        data = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, self._profile.jpeg_quality])[1]
        found = data.tobytes()
        data[:] = 0
        return found

    def wipe(self) -> None:
        """Overwrite the pages that were taken."""
        for _, page in self._taken:
            page[:] = 0
        self._taken.clear()
