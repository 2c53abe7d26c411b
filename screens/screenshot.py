"""What the window shows, as a file; and how large the desktop is."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path
from typing import Any

from PIL import Image


def save(window: Any, path: Path) -> None:
    """Draw once and write the window's pixels as PNG."""
    from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glFinish, glReadPixels

    window.canvas.ask_update()
    window.dispatch("on_draw")
    glFinish()
    width, height = window.system_size
    pixels = glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE)
    image = Image.frombytes("RGBA", (width, height), bytes(pixels)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    window.dispatch("on_flip")
    image.convert("RGB").save(path)


class _Mode(ctypes.Structure):
    _fields_ = (
        ("format", ctypes.c_uint32),
        ("w", ctypes.c_int),
        ("h", ctypes.c_int),
        ("refresh_rate", ctypes.c_int),
        ("driverdata", ctypes.c_void_p),
    )


def desktop_size() -> tuple[int, int] | None:
    """The desktop's size in px as SDL sees it; None without a desktop."""
    if os.environ.get("SDL_VIDEODRIVER") == "offscreen":
        return None
    # Importing Kivy's window would open it, in whatever size is configured then: its SDL is loaded beforehand.
    found = bundled_sdl()
    if found is None or found.SDL_InitSubSystem(0x20) != 0:  # SDL_INIT_VIDEO
        return None
    mode = _Mode()
    if found.SDL_GetDesktopDisplayMode(0, ctypes.byref(mode)) != 0:
        return None
    return mode.w, mode.h


def bundled_sdl() -> ctypes.CDLL | None:
    """The SDL2 library that Kivy's wheel brings and will load."""
    spec = importlib.util.find_spec("kivy")
    if spec is None or spec.origin is None:
        return None
    libraries = sorted(Path(spec.origin).parents[1].glob("[Kk]ivy.libs/libSDL2-*"))
    return ctypes.CDLL(str(libraries[0])) if libraries else None


def loaded_sdl() -> ctypes.CDLL | None:
    """The SDL2 library that this process has loaded."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "libSDL2-" in line:
            return ctypes.CDLL(line.split()[-1])
    return None
