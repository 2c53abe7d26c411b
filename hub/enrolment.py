"""One-time codes: each for one machine, for a day, once; and the pace at which wrong ones may be tried.

A code is ``NAME-SECR-ETXX``: its first group is no secret. Who names no open code is slowed by address and together
with all others who name none; who names one is slowed only by the wrong codes of that name from the same address. So
nobody who guesses holds up a technician who has a code in hand.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from psycopg import AsyncConnection

from hub import events
from hub.api.problems import Problem
from hub.enrolment_codes import code_digest, code_name
from hub.machine_keys import MachineKey, is_known, key_of
from kiosk.messages.fleet import Enrolment

CODE_LIVES = timedelta(hours=24)
FREE_TRIES = 5
"""Wrong codes of one address that cost no wait; each further one doubles it."""
LONGEST_WAIT_S = 60
FORGOTTEN_AFTER = timedelta(hours=1)
ALL_TRIES, ALL_WITHIN = 100, timedelta(minutes=1)
"""How many wrong codes that name no open one are judged at all, whoever brings them."""
_TOLD_SINGLY = 20
_EVERYBODY = "*"
_log = structlog.get_logger()


class WrongCode(Exception):
    """The code does not let this machine in; one line, why."""


class Used(NamedTuple):
    """What a good code allows. ``again``: the same machine used it before with this key, and lost the answer."""

    again: bool
    replaced: bool
    valid_to: datetime | None


async def use_code(conn: AsyncConnection, wish: Enrolment, now: datetime) -> Used:
    """Takes the code, in the caller's transaction. Raises WrongCode, and Problem where a good code is not enough."""
    rows = await conn.execute(
        "select made_at, used_at, coalesce(bound_to, kiosk_id), replaces, valid_days "
        "from enrolment_code where code_sha256 = %s for update",
        [code_digest(wish.code)],
    )
    made_at, used_at, machine, replaces, valid_days = await rows.fetchone() or (None,) * 5
    if made_at is None:
        raise WrongCode("the code is unknown")
    if machine not in (None, wish.kiosk_id):
        raise WrongCode("the code is for another machine")
    if abs(now - made_at) > CODE_LIVES:
        raise WrongCode("the code is older than 24 hours")
    key = await key_of(conn, wish.kiosk_id, wish.public_key)
    if used_at is not None:
        if key is None or not key.is_good(now):
            raise WrongCode("the code was used")
        return Used(again=True, replaced=False, valid_to=None)
    replaced = await _require_leave(conn, wish, key, now, replaces=bool(replaces))
    await conn.execute(
        "update enrolment_code set used_at = %s, kiosk_id = %s where code_sha256 = %s",
        [now, wish.kiosk_id, code_digest(wish.code)],
    )
    return Used(again=False, replaced=replaced, valid_to=now + timedelta(valid_days) if valid_days else None)


async def _require_leave(
    conn: AsyncConnection, wish: Enrolment, key: MachineKey | None, now: datetime, *, replaces: bool
) -> bool:
    """Whether a store that is enrolled loses its place by this. Raises Problem."""
    if key is not None and key.ended == "revoked":
        raise Problem(403, "revoked", "this key was revoked; hub machine restore makes it good again", field="kiosk_id")
    if (key is not None and key.is_good(now)) or not await is_known(conn, wish.kiosk_id):
        return False
    if not replaces:
        how = f"hub code --machine {wish.kiosk_id} --replace"
        raise Problem(
            409,
            "known_machine",
            f"another store is enrolled as this machine; to take its place: {how}",
            field="kiosk_id",
        )
    return True


def network_of(address: str) -> str:
    """By what wrong codes are counted: the IPv4 address, or the /64 that one subscriber has of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))


async def require_pace(conn: AsyncConnection, code: str, address: str, now: datetime) -> None:
    """Raises Problem 429 while whoever asks from there must wait; nothing is compared then, and nothing counted."""
    name = await _open_name(conn, code, now)
    wait_s = await _wait_s(conn, address, name, now)
    if not name:
        wait_s = max(wait_s, await _all_wait_s(conn, now))
    if wait_s > 0:
        after = {"Retry-After": str(wait_s)}
        raise Problem(429, "wrong_codes", f"too many wrong codes; try again in {wait_s} s", headers=after)


async def _open_name(conn: AsyncConnection, code: str, now: datetime) -> str:
    """The name of the code if one of that name can still be used, else ""."""
    rows = await conn.execute(
        "select name from enrolment_code where name = %s and used_at is null and made_at > %s",
        [code_name(code), now - CODE_LIVES],
    )
    return (await rows.fetchone() or ("",))[0]


async def _wait_s(conn: AsyncConnection, address: str, name: str, now: datetime) -> int:
    rows = await conn.execute(
        "select tries, last_at from wrong_code where address = %s and name = %s and since > %s",
        [address, name, now - FORGOTTEN_AFTER],
    )
    tries, last_at = await rows.fetchone() or (0, now)
    pause_s = 0 if tries < FREE_TRIES else min(LONGEST_WAIT_S, 2 ** min(tries - FREE_TRIES + 1, 10))
    return max(0, round(pause_s - (now - last_at).total_seconds()))


async def _all_wait_s(conn: AsyncConnection, now: datetime) -> int:
    rows = await conn.execute(
        "select tries, since from wrong_code where address = %s and since > %s", [_EVERYBODY, now - ALL_WITHIN]
    )
    tries, since = await rows.fetchone() or (0, now)
    return 0 if tries < ALL_TRIES else max(1, round((since + ALL_WITHIN - now).total_seconds()))


_COUNT = """
    insert into wrong_code values (%(address)s, %(name)s, 1, %(now)s, %(now)s) on conflict (address, name) do update set
        tries = case when wrong_code.since > %(begin)s then wrong_code.tries + 1 else 1 end,
        since = case when wrong_code.since > %(begin)s then wrong_code.since else %(now)s end, last_at = %(now)s
    returning tries"""


async def note_wrong(conn: AsyncConnection, wish: Enrolment, address: str, now: datetime, why: str) -> None:
    """Counts a wrong code and lets it be seen: the first ones each, then what passes a limit, never each for itself."""
    name = await _open_name(conn, wish.code, now)
    await conn.execute("delete from wrong_code where since < %s", [now - FORGOTTEN_AFTER])
    tries = await _count(conn, address, name, now, FORGOTTEN_AFTER)
    in_all = 0 if name else await _count(conn, _EVERYBODY, "", now, ALL_WITHIN)
    said = {"actor": "hub", "address": address, "machine": wish.kiosk_id, "tries": tries, "open_code": name}
    if tries == FREE_TRIES or in_all == ALL_TRIES:
        _log.error("wrong_codes", network=address, tries=tries, in_all=in_all)
        await events.record(conn, now, kind="wrong_codes", in_all=in_all, **said)
    elif tries == 1 and in_all <= _TOLD_SINGLY:
        await events.record(conn, now, kind="wrong_code", why=why, **said)


async def _count(conn: AsyncConnection, address: str, name: str, now: datetime, within: timedelta) -> int:
    rows = await conn.execute(_COUNT, {"address": address, "name": name, "now": now, "begin": now - within})
    return (await rows.fetchone() or (0,))[0]
