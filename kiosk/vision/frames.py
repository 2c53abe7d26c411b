"""Preview pictures from the vision worker to the screen through shared memory that has no file.

The segment is an anonymous memory file of the process that made it: it vanishes with its last user, however that ends.
Layout: 64 bytes of header (little-endian u64: newest whole picture, picture being written, width, height), then two BGR
pictures; picture n is in place n % 2, so that the newest whole one stays readable while the next is written.
"""

from __future__ import annotations

import importlib
import mmap
import os
from typing import Any

import numpy as np

WIDTH_PX, HEIGHT_PX = 640, 480
HEADER_BYTES = 64
PICTURE_BYTES = WIDTH_PX * HEIGHT_PX * 3
SEGMENT_BYTES = HEADER_BYTES + 2 * PICTURE_BYTES
_WHOLE, _WRITING = 0, 1
_TRIES = 4


class FrameSegment:
    """Owner of the memory: the client makes one, hands ``fd`` to the worker and ``name`` to the screen."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("tongban-frames", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, SEGMENT_BYTES)
        self.name = f"/proc/{os.getpid()}/fd/{self.fd}"
        self._memory = mmap.mmap(self.fd, SEGMENT_BYTES)

    def clear(self) -> None:
        """Overwrite the picture with zeros."""
        self._memory[:] = bytes(SEGMENT_BYTES)

    def close(self) -> None:
        """Overwrite and give back."""
        self.clear()
        self._memory.close()
        os.close(self.fd)


class FrameWriter:
    """The worker's side. One writer per segment; ``fd`` is a descriptor of it."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, SEGMENT_BYTES)
        self._head, self._places = _views(self._memory)
        self._head[:] = (0, 0, WIDTH_PX, HEIGHT_PX)
        self._number = 0

    def write(self, picture: np.ndarray, *, mirror: bool) -> None:
        """Show a BGR picture of any size: scaled and cut to fill the preview."""
        self._number += 1
        self._head[_WRITING] = self._number
        fitted, place = _fitted(picture), self._places[self._number % 2]
        if mirror:
            # NumPy goes backwards pixel by pixel: eighty times the work, for each of twenty pictures a second.
            _opencv().flip(fitted, 1, dst=place)
        else:
            place[:] = fitted
        self._head[_WHOLE] = self._number

    def clear(self) -> None:
        """Overwrite the pictures with zeros; readers get None."""
        self._number += 2
        self._head[_WRITING] = self._number
        self._head[_WHOLE] = 0
        self._places[:] = 0


class FrameReader:
    """The screen's side. Raises OSError when the segment is gone."""

    def __init__(self, name: str) -> None:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._memory = mmap.mmap(fd, SEGMENT_BYTES, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
        self._head, self._places = _views(self._memory)

    def latest(self) -> tuple[int, np.ndarray] | None:
        """Number and copy of the newest picture, (480, 640, 3) BGR uint8; None when there is none."""
        for _ in range(_TRIES):
            number = int(self._head[_WHOLE])
            if number == 0:
                return None
            copy = self._places[number % 2].copy()
            if int(self._head[_WRITING]) < number + 2:
                return number, copy
            copy[:] = 0
        return None


def _views(memory: mmap.mmap) -> tuple[np.ndarray, np.ndarray]:
    places = np.frombuffer(memory, np.uint8, 2 * PICTURE_BYTES, HEADER_BYTES)
    return np.frombuffer(memory, "<u8", 4), places.reshape(2, HEIGHT_PX, WIDTH_PX, 3)


def _fitted(picture: np.ndarray) -> np.ndarray:
    high, wide = picture.shape[:2]
    if (wide, high) == (WIDTH_PX, HEIGHT_PX):
        return picture
    grow = max(WIDTH_PX / wide, HEIGHT_PX / high)
    cut_w, cut_h = round(WIDTH_PX / grow), round(HEIGHT_PX / grow)
    left, top = (wide - cut_w) // 2, (high - cut_h) // 2
    cut, cv2 = picture[top : top + cut_h, left : left + cut_w], _opencv()
    return cv2.resize(cut, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)


def _opencv() -> Any:
    """For the worker alone; the screen's process reads this module too and need not load it."""
    return importlib.import_module("cv2")
