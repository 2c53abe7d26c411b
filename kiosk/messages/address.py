"""Whose address it is, for both sides of the wire."""

from __future__ import annotations

import ipaddress


def is_loopback_host(host: str) -> bool:
    """Whether an address, or the name ``localhost``, is this computer's own; nothing that only begins so is."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
