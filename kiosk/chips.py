"""The header's small truths: the network as it is, and where help is."""

from __future__ import annotations

from kiosk.pages import Chip
from kiosk.text import text


def header_chips(*, is_online: bool, help_phone: str) -> tuple[Chip, ...]:
    """On every page, in this order."""
    if is_online:
        network = Chip(icon="wifi-high", text=text("chip.online"), level="ok")
    else:
        network = Chip(icon="wifi-slash", text=text("chip.offline"), level="warn")
    return network, Chip(icon="phone", text=text("chip.help", phone=help_phone))
