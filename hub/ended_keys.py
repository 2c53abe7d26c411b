"""What a key signed that is no longer good: refused, unless a supervisor says that it may come in.

A machine says itself when it wrote something, and who has its key can say anything: so time alone lets nothing in. What
says of itself that it is younger than the end of its key (by more than clocks differ) stays out, whatever a supervisor
says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from hub import events
from hub.machine_keys import MachineKey
from kiosk.clock import NEAR, local

TAKEN = "ended_key_accepted"
UNSIGNED = "not signed by a machine that is enrolled"


class Leave(NamedTuple):
    """A supervisor's word: what these machines sealed before their keys ended may come in. ``by``: whose word."""

    machines: frozenset[str] = frozenset()
    by: str = ""


NO_LEAVE = Leave()


class Signer(NamedTuple):
    """The key of a machine that signed something, and why that does not count; "" when it does.

    ``by_leave``: it counts by a supervisor's word only.
    """

    key: MachineKey | None
    refusal: str = ""
    by_leave: bool = False


def signer_of(
    keys: Sequence[MachineKey],
    kiosk_id: str,
    signed_by: Callable[[MachineKey], bool],
    *,
    written_at: datetime,
    now: datetime,
    leave: Leave = NO_LEAVE,
) -> Signer:
    """Which of a machine's ``keys`` signed what it says to have written at ``written_at``, and whether that counts."""
    key = next(filter(signed_by, keys), None)
    if key is None:
        return Signer(None, UNSIGNED)
    if key.is_good(now):
        return Signer(key)
    ended_at = key.valid_to or now
    what = f"its key was {key.ended}" if key.ended else "its key ended"
    if written_at >= ended_at + NEAR:
        return Signer(key, f"{what} on {local(ended_at):%Y-%m-%d %H:%M}, and it says to be from after that")
    if kiosk_id not in leave.machines:
        how = f"hub restore --ended {kiosk_id} FILE"
        return Signer(key, f"{what} on {local(ended_at):%Y-%m-%d %H:%M}; a supervisor may let it in: {how}")
    return Signer(key, by_leave=True)


async def note_taken(conn: AsyncConnection, now: datetime, leave: Leave, kiosk_id: str, keys: Sequence[str]) -> None:
    """Whose word let these in."""
    for key in keys:
        await events.record(conn, now, actor=f"supervisor:{leave.by}", kind=TAKEN, key=key, kiosk_id=kiosk_id)
