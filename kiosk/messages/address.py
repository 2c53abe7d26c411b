"""Whose address it is, for both sides of the wire."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


def is_loopback_host(host: str) -> bool:
    """Whether an address, or the name ``localhost``, is this computer's own; nothing that only begins so is."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(maxsize=4096)
def one_form(host: str) -> str:
    """An address as it is compared and counted: a listener of both families tells ``192.0.2.1`` as an IPv6 one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
