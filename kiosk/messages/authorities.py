"""Whom a line trusts that says who it is by a certificate (TLS)."""

from __future__ import annotations

import ssl


def trusting(ca_file: str = "") -> ssl.SSLContext:
    """A client's side that trusts the authorities of ``ca_file`` (PEM), or the system's. Raises OSError."""
    # Not the libraries' default one: it writes the line's secrets into the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file) if ca_file else context.load_default_certs()
    return context
