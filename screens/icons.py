"""Icon names as pages use them, turned into glyphs. An unknown one is logged and drawn as a dot, never an empty box."""

from __future__ import annotations

import structlog

from screens import fonts

log = structlog.get_logger(__name__)

_FALLBACK = "circle"
_OUTLINED = {"magnifying-glass"}  # whose solid form is harder to read


def glyph(name: str, *, fill: bool = False, bold: bool = False) -> tuple[str, str]:
    """The font path and character for ``name``; ``fill`` prefers the solid form, ``bold`` the heavier line."""
    spellings = [name, name.replace("_", "-")]
    bold = bold or name in _OUTLINED
    wanted = (
        [f"{s}-fill" for s in spellings if fill and s not in _OUTLINED]
        + [f"{s}-bold" for s in spellings if bold]
        + spellings
    )
    if not known(name):
        log.warning("icon_unknown", icon=name)
    for candidate in (*wanted, f"{_FALLBACK}-fill"):
        found = fonts.icon(candidate)
        if found:
            return found
    raise FileNotFoundError("the icon fonts are incomplete: reinstall qtawesome")


def known(name: str) -> bool:
    """Whether ``name`` has a picture of its own."""
    return any(fonts.icon(s) for s in (name, name.replace("_", "-")))
