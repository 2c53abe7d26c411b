"""What the window shows, as a file; and how large the desktop is."""

from __future__ import annotations

import ctypes
import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from kiosk.messages import foreign

_PNG = b"\x89PNG"


def save(window: Any, path: Path) -> None:
    """Draw once and write the window's pixels as PNG, over an earlier picture at most. Raises Refused, OSError."""
    from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glFinish, glReadPixels

    window.canvas.ask_update()
    window.dispatch("on_draw")
    glFinish()
    width, height = window.system_size
    pixels = glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE)
    image = Image.frombytes("RGBA", (width, height), bytes(pixels)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    window.dispatch("on_flip")
    out = io.BytesIO()
    image.convert("RGB").save(out, "PNG")
    foreign.write(path, [out.getvalue()], own=_PNG)


_VIDEO = 0x20  # SDL_INIT_VIDEO


class _Mode(ctypes.Structure):
    _fields_ = (
        ("format", ctypes.c_uint32),
        ("w", ctypes.c_int),
        ("h", ctypes.c_int),
        ("refresh_rate", ctypes.c_int),
        ("driverdata", ctypes.c_void_p),
    )


def desktop_size() -> tuple[int, int] | None:
    """The desktop's size in px; None without one. Asked before the window is made, so SDL is loaded for it."""
    if os.environ.get("SDL_VIDEODRIVER") == "offscreen":
        return None
    sdl = loaded_sdl() or _bundled_sdl()
    mode = _Mode()
    if sdl is None or sdl.SDL_InitSubSystem(_VIDEO) != 0:
        return None
    if sdl.SDL_GetDesktopDisplayMode(0, ctypes.byref(mode)) != 0:
        return None
    return mode.w, mode.h


def loaded_sdl() -> ctypes.CDLL | None:
    """The SDL2 library that this process has loaded."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "libSDL2-" in line:
            return ctypes.CDLL(line.split()[-1])
    return None


def _bundled_sdl() -> ctypes.CDLL | None:
    import kivy

    folder = Path(kivy.__file__).parent.parent / "Kivy.libs"
    found = next(folder.glob("libSDL2-2*.so*"), None)
    return ctypes.CDLL(str(found)) if found else None
