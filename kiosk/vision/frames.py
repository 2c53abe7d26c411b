"""Preview pictures from the vision worker to the screen through shared memory that has no file.

The segment is an anonymous memory file of the process that made it: it vanishes with its last user, however that ends.
Layout: 64 bytes of header (little-endian u64: counter, width, height), then the BGR picture. The counter is odd while
a picture is being written and zero when there is none.
"""

from __future__ import annotations

import mmap
import os
import struct

import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX = 640, 480
HEADER_BYTES = 64
SEGMENT_BYTES = HEADER_BYTES + WIDTH_PX * HEIGHT_PX * 3
_TRIES = 4


class FrameSegment:
    """Owner of the memory: the client makes one and hands ``fd`` to the worker, ``name`` to the screen."""

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
        self._count = np.frombuffer(self._memory, "<u8", 1)
        self._picture = _picture_in(self._memory)
        self._number = 0
        struct.pack_into("<QQQ", self._memory, 0, 0, WIDTH_PX, HEIGHT_PX)

    def write(self, picture: np.ndarray, *, mirror: bool) -> None:
        """Show a BGR picture of any size: scaled and cut to fill the preview."""
        self._number += 1
        self._count[0] = 2 * self._number - 1
        fitted = _fitted(picture)
        if mirror:
            cv2.flip(fitted, 1, dst=self._picture)
        else:
            self._picture[:] = fitted
        self._count[0] = 2 * self._number

    def clear(self) -> None:
        """Overwrite the picture with zeros; readers get None."""
        self._count[0] = 2 * self._number + 1
        self._picture[:] = 0
        self._count[0] = 0


class FrameReader:
    """The screen's side. Raises OSError when the segment is gone."""

    def __init__(self, name: str) -> None:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._memory = mmap.mmap(fd, SEGMENT_BYTES, access=mmap.ACCESS_READ)
        finally:
            os.close(fd)
        self._count = np.frombuffer(self._memory, "<u8", 1)
        self._picture = _picture_in(self._memory)

    def latest(self) -> tuple[int, np.ndarray] | None:
        """Number and copy of the newest picture, (480, 640, 3) BGR uint8; None when there is none."""
        for _ in range(_TRIES):
            before = int(self._count[0])
            if before == 0:
                return None
            if before % 2 == 0:
                copy = self._picture.copy()
                if int(self._count[0]) == before:
                    return before // 2, copy
                copy[:] = 0
        return None


def _picture_in(memory: mmap.mmap) -> np.ndarray:
    return np.frombuffer(memory, np.uint8, WIDTH_PX * HEIGHT_PX * 3, HEADER_BYTES).reshape(HEIGHT_PX, WIDTH_PX, 3)


def _fitted(picture: np.ndarray) -> np.ndarray:
    high, wide = picture.shape[:2]
    if (wide, high) == (WIDTH_PX, HEIGHT_PX):
        return picture
    grow = max(WIDTH_PX / wide, HEIGHT_PX / high)
    cut_w, cut_h = round(WIDTH_PX / grow), round(HEIGHT_PX / grow)
    left, top = (wide - cut_w) // 2, (high - cut_h) // 2
    return cv2.resize(picture[top : top + cut_h, left : left + cut_w], (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
