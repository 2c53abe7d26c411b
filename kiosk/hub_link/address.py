"""The hub's address: what may be written there, and whether it is this computer itself."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from kiosk.messages.address import is_loopback_host


def address_fault(url: str) -> str:
    """Why ``url`` cannot be a hub's address, and what to write; "" when it can.

    ``https://``, or ``http://`` to loopback: 127.0.0.0/8, ::1 or localhost, and nothing that only begins so.
    """
    parts = _parts(url)
    if parts is None or not parts.hostname or parts.scheme not in ("http", "https"):
        return "not the address of a hub; write https://host[:port]"
    if not url.isascii() or any(c.isspace() for c in url):
        return "has blanks or signs that no address has; write https://host[:port]"
    if parts.username is not None or parts.query or parts.fragment:
        return "more than an address; write https://host[:port] only"
    if parts.scheme == "http" and not is_loopback_host(parts.hostname):
        return "http:// is allowed to loopback only; use https://"
    return ""


def is_loopback(url: str) -> bool:
    """Whether the address is on this computer."""
    parts = _parts(url)
    return parts is not None and is_loopback_host(parts.hostname or "")


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port else None
    except ValueError:
        return None
