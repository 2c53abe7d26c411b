"""Photographs of slips as a phone takes them: askew, out of focus, noisy, in bad light, compressed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

PAPER_DOTS_PER_MM = 8


@dataclass(frozen=True)
class Shot:
    """``px_per_mm`` of the paper on the picture; lengths on the paper in mm; ``tilt`` 0.2: one side a fifth shorter."""

    px_per_mm: float = 12.0
    tilt: float = 0.1
    turn_deg: float = 5.0
    curl_mm: float = 0.0
    blur_mm: float = 0.1
    noise: float = 6.0
    shade: float = 0.3
    fade: float = 0.0
    jpeg: int = 80


def photograph(slip: np.ndarray, shot: Shot, seed: int = 1) -> bytes:
    """The grey picture of a slip (8 dots per mm) as the JPEG of a photograph on a dark table."""
    rng = np.random.default_rng(seed)
    paper = _curled(255 - (255 - slip.astype(np.float32)) * (1 - shot.fade), shot.curl_mm * PAPER_DOTS_PER_MM)
    picture = _askew(paper, shot)
    if shot.blur_mm:
        picture = cv2.GaussianBlur(picture, (0, 0), shot.blur_mm * shot.px_per_mm)
    picture = picture * _light(picture.shape, shot.shade) + rng.normal(0, shot.noise, picture.shape)
    _, jpeg = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, shot.jpeg])
    return jpeg.tobytes()


def grey(path: Path) -> np.ndarray:
    """A slip's PNG on white."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    if picture.ndim == 3 and picture.shape[2] == 4:
        picture[picture[:, :, 3] == 0] = 255
        picture = picture[:, :, :3]
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if picture.ndim == 3 else picture


def _curled(paper: np.ndarray, depth: float) -> np.ndarray:
    """Paper fresh from the roll: its lines bend by ``depth`` dots over each 60 mm."""
    if not depth:
        return paper
    height, width = paper.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    wave = np.sin(2 * np.pi * y / (60 * PAPER_DOTS_PER_MM)) * depth
    bow = (((x / width) * 2 - 1) ** 2) * depth
    return cv2.remap(paper, x + wave.astype(np.float32), y + bow.astype(np.float32), cv2.INTER_LINEAR, borderValue=60)


def _askew(paper: np.ndarray, shot: Shot) -> np.ndarray:
    height, width = paper.shape
    scale = shot.px_per_mm / PAPER_DOTS_PER_MM
    w, h, edge = width * scale, height * scale, 40
    narrow = w * shot.tilt / 2
    corners = np.float32([[narrow, 0], [w - narrow, h * shot.tilt / 2], [w, h], [0, h * (1 - shot.tilt / 4)]])
    turn = np.deg2rad(shot.turn_deg)
    turned = corners @ np.float32([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    turned += edge - turned.min(axis=0)
    size = np.ceil(turned.max(axis=0) + edge).astype(int)
    source = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    matrix = cv2.getPerspectiveTransform(source, turned.astype(np.float32))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.warpPerspective(paper, matrix, [int(v) for v in size], flags=way, borderValue=60)


def _light(shape: tuple[int, ...], shade: float) -> np.ndarray:
    """A lamp at the upper left and the shadow of a hand at the lower right."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    slope = 1 - shade * (x / shape[1] + y / shape[0]) / 2
    hand = np.where(x / shape[1] + y / shape[0] * 0.5 > 1.1, 1 - shade / 2, 1.0)
    return slope * cv2.GaussianBlur(hand.astype(np.float32), (0, 0), 15)
