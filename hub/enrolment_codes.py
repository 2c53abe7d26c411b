"""One-time codes as the city makes them; how they are used, and tried, is hub/enrolment.py's."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from psycopg import AsyncConnection


def new_code() -> str:
    """A one-time code that a technician can type."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))


def code_digest(code: str) -> str:
    """What the hub keeps of a code, besides its name."""
    return hashlib.sha256(_typed(code).encode()).hexdigest()


def code_name(code: str) -> str:
    """The part of a code by which it is known."""
    return _typed(code)[:4]


def _typed(code: str) -> str:
    return code.strip().upper()


async def add_code(
    conn: AsyncConnection,
    now: datetime,
    kiosk_id: str | None,
    *,
    replaces: bool = False,
    valid_days: int | None = None,
) -> str:
    """Makes a one-time enrolment code for one machine; None: for the one that uses it first (demonstrations).

    ``replaces``: it may take the place of a store that is enrolled under this name. ``valid_days``: how long the key is
    good that enrols with it; None: until it is replaced or revoked.
    """
    code = new_code()
    await conn.execute(
        "insert into enrolment_code (code_sha256, name, made_at, bound_to, replaces, valid_days) "
        "values (%s, %s, %s, %s, %s, %s)",
        [code_digest(code), code_name(code), now, kiosk_id, replaces, valid_days],
    )
    return code
