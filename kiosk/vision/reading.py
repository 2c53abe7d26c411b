"""Reads the words of a page, as a help for who would type them: what is read is never an answer by itself.

The models lie inside the package (PP-OCRv4, Apache-2.0), nothing is fetched. They are loaded when a page is first read.
Without the package there is no reader, and the person types.
"""

from __future__ import annotations

import importlib
import unicodedata
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

ENGINE = "rapidocr_onnxruntime"
MOST_LINES = 200
_SURE = 0.6
_THREADS = 2
_LONGEST_PX = 2000
"""A4 at 170 dots per inch. The nets take memory and time by the pixel: gigabytes for a picture of 20 megapixels."""
_AT_ONCE = 6
"""So many lines are read in one go: between two of them the reading can be broken off."""


class Reader:
    """Holds the nets, and nothing of any page."""

    def __init__(self) -> None:
        self._engine: Any = None

    def load(self) -> bool:
        """Whether there is anything to read with."""
        if self._engine is None:
            try:
                module = importlib.import_module(ENGINE)
            except ImportError:
                return False
            self._engine = module.RapidOCR(intra_op_num_threads=_THREADS, inter_op_num_threads=1)
        return True

    def lines(self, page: np.ndarray, is_over: Callable[[], bool] = lambda: False) -> list[str]:
        """What stands on a BGR page, line by line from the top; nothing where there is no reader or it ``is_over``."""
        if not self.load():
            return []
        page = _shrunk(page)
        boxes, _ = self._engine.text_det(page)
        if boxes is None:
            return []
        found: list[str] = []
        rows = sorted(boxes, key=lambda box: (float(box[:, 1].min()), float(box[:, 0].min())))[:MOST_LINES]
        for at in range(0, len(rows), _AT_ONCE):
            if is_over():
                return []
            strips = [_strip(page, box) for box in rows[at : at + _AT_ONCE]]
            read, _ = self._engine.text_rec(strips)
            found += [unicodedata.normalize("NFKC", words) for words, sure in read if float(sure) >= _SURE]
            for strip in strips:
                strip[:] = 0
        return found


def _shrunk(page: np.ndarray) -> np.ndarray:
    share = _LONGEST_PX / max(page.shape[:2])
    return cv2.resize(page, None, fx=share, fy=share, interpolation=cv2.INTER_AREA) if share < 1 else page


def _strip(page: np.ndarray, box: np.ndarray) -> np.ndarray:
    """One line, straight."""
    corners = box.astype(np.float32)
    wide = round(float(max(np.linalg.norm(corners[0] - corners[1]), np.linalg.norm(corners[2] - corners[3]))))
    high = round(float(max(np.linalg.norm(corners[0] - corners[3]), np.linalg.norm(corners[1] - corners[2]))))
    flat = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, flat)
    return cv2.warpPerspective(page, turn, (max(1, wide), max(1, high)), borderMode=cv2.BORDER_REPLICATE)
