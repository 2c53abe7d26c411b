"""Icon names as pages use them, turned into glyphs. An unknown one is logged and drawn as a dot, never an empty box."""

from __future__ import annotations

import structlog

from screens import fonts

log = structlog.get_logger(__name__)

# Words that pages use where the icon font has another name for it, or none of its own.
_ALIASES = {
    "id-card": "identification-card", "card": "identification-card", "licence": "identification-badge",
    "license": "identification-badge", "driving_licence": "identification-badge",
    "driving-licence": "identification-badge", "residence": "house-line", "residence-permit": "house-line",
    "home": "house", "endorsement": "stamper", "stamp": "stamper", "progress": "magnifying-glass",
    "search": "magnifying-glass", "rate": "star", "rating": "star", "complaint": "chat-circle-dots",
    "offline": "wifi-slash", "network-off": "wifi-slash", "network": "wifi-high", "wifi": "wifi-high",
    "online": "wifi-high", "elder": "text-aa", "low_reach": "wheelchair", "low-reach": "wheelchair",
    "speech": "speaker-high", "speech-off": "speaker-slash", "language": "translate", "guide": "headset",
    "call": "headset", "place": "map-pin", "time": "clock", "wait": "hourglass-medium",
    "waiting": "hourglass-medium", "busy": "hourglass-medium", "ok": "check-circle", "success": "check-circle",
    "done": "check-circle", "error": "warning-circle", "maintenance": "wrench", "settings": "gear",
    "exit": "sign-out", "back": "arrow-left", "next": "arrow-right", "print": "printer", "slip": "receipt",
    "receipt_printer": "printer", "id_card_reader": "identification-card", "reader": "identification-card",
    "queue": "stack", "store": "database", "hub": "cloud", "face": "user-focus", "sign": "pen-nib",
    "signature": "pen-nib", "photo": "camera", "document": "file-text", "documents": "files", "fine": "receipt",
    "money": "currency-cny", "phone-call": "phone", "help": "question", "qr": "qr-code",
    "due": "calendar-check", "calendar": "calendar-blank", "child": "baby", "edit": "pencil-simple",
    "retry": "arrow-clockwise", "out_of_service": "prohibit", "shield": "shield-check", "lock_board": "lock",
    "lift-card": "hand-pointing", "mail": "envelope", "hand-tap": "hand-pointing", "mask-happy": "incognito",
    "plugs": "power-plug",
}  # fmt: skip
_FALLBACK = "circle"
_OUTLINED = {"magnifying-glass"}  # whose solid form is harder to read


def glyph(name: str, *, fill: bool = False, bold: bool = False) -> tuple[str, str]:
    """The font path and character for ``name``; ``fill`` prefers the solid form, ``bold`` the heavier line."""
    base = _ALIASES.get(name, name)
    spellings = [base, base.replace("_", "-")]
    bold = bold or base in _OUTLINED
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
    base = _ALIASES.get(name, name)
    return any(fonts.icon(s) for s in (base, base.replace("_", "-")))
