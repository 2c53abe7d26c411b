"""The glass drawn anew outside the loop of frames: a small part of it at once, or all of it, in every buffer.

A small part is for graphics made in software: there a whole frame takes ten times as long.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_SOFTWARE = (b"llvmpipe", b"softpipe", b"swrast")
_BUFFERS = 3
"""As many pictures of the glass as a graphics driver keeps to show them in turn."""


@cache
def is_software() -> bool:
    """Whether the processor draws. Its back buffer keeps the last frame; that of a graphics chip need not."""
    from kivy.graphics.opengl import GL_RENDERER, glGetString

    return any(name in bytes(glGetString(GL_RENDERER)).lower() for name in _SOFTWARE)


def part(window: Any, box: tuple[float, float, float, float]) -> None:
    """Draw only ``box`` of ``window`` (left, bottom, width, height in its px) and show it."""
    from kivy.graphics.opengl import GL_SCISSOR_TEST, glDisable, glEnable, glScissor

    left, bottom, width, height = box
    glEnable(GL_SCISSOR_TEST)
    glScissor(int(left), int(bottom), int(width) + 2, int(height) + 2)
    window.dispatch("on_draw")
    glDisable(GL_SCISSOR_TEST)
    window.dispatch("on_flip")


def every_buffer(window: Any) -> None:
    """Draw ``window`` as it is now over whatever was shown before, and wait until the driver has done so.

    No frame need follow when the process ends, and the last ones stay readable in the driver's buffers.
    """
    from kivy.graphics.opengl import glFinish

    for _ in range(_BUFFERS):
        window.dispatch("on_draw")
        window.dispatch("on_flip")
    glFinish()
