"""A small part of the glass drawn anew, for graphics made in software: there a whole frame takes ten times as long."""

from __future__ import annotations

from functools import cache
from typing import Any

_SOFTWARE = (b"llvmpipe", b"softpipe", b"swrast")


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
