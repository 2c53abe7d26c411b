"""The machines that are enrolled and their public keys, one per suite."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.sql import SQL

from kiosk.messages.requests import Stamp
from kiosk.messages.suites import DEFAULT

ROUND = 100_000
"""The sequence in a receipt number has five digits."""
NEW_STORE = 10_000
"""So far behind what is known of a machine's last store a new one begins.

The store that is lost may have given numbers that the hub has never heard of, and give more if it is found again. A
number has its date, so both would have to file on one day, and one of them 10,000 unseen cases before.
"""


async def public_keys(conn: AsyncConnection, kiosk_id: str) -> dict[str, str] | None:
    """The keys by suite that a machine may sign with; None for one that has none: never enrolled, or revoked."""
    rows = await conn.execute("select public_key, gm_public_key from kiosk where kiosk_id = %s", [kiosk_id])
    row = await rows.fetchone() or (None, None)
    return {suite: key for suite, key in zip((DEFAULT, "gm"), row, strict=True) if key} or None


async def is_known(conn: AsyncConnection, kiosk_id: str) -> bool:
    """Whether a machine was ever enrolled under this name."""
    rows = await conn.execute("select 1 from kiosk where kiosk_id = %s", [kiosk_id])
    return await rows.fetchone() is not None


class MachineKey(NamedTuple):
    """A key that a machine enrolled with. ``ended``: ``replaced`` or ``revoked``, None while nobody ended it."""

    public_key: str
    suite: str
    chain: int
    since: datetime
    valid_to: datetime | None
    ended: str | None

    def is_good(self, now: datetime) -> bool:
        """Whether it signs anything at ``now``."""
        return self.ended is None and (self.valid_to is None or now < self.valid_to)


async def keys_of(conn: AsyncConnection, kiosk_id: str) -> list[MachineKey]:
    """All keys that a machine ever enrolled with, the oldest first."""
    async with conn.cursor(row_factory=class_row(MachineKey)) as cursor:
        await cursor.execute(
            "select public_key, suite, chain, since, valid_to, ended from kiosk_key where kiosk_id = %s order by since",
            [kiosk_id],
        )
        return await cursor.fetchall()


async def key_of(conn: AsyncConnection, kiosk_id: str, public_key: str) -> MachineKey | None:
    """One key of a machine, whether it is good or not."""
    return next((key for key in await keys_of(conn, kiosk_id) if key.public_key == public_key), None)


class KnownKeys:
    """Keys that machines of this process showed lately: a first guess, so that a request asks the database once.

    Every use is confirmed by the statement that takes the request's nonce; a key that was replaced confirms nothing.
    """

    def __init__(self) -> None:
        self._guesses: dict[str, dict[str, str]] = {}

    def guess(self, kiosk_id: str) -> dict[str, str] | None:
        """The keys by suite as last seen."""
        return self._guesses.get(kiosk_id)

    async def look(self, conn: AsyncConnection, kiosk_id: str) -> dict[str, str] | None:
        """The keys as they are; None for a machine that was never enrolled."""
        keys = await public_keys(conn, kiosk_id)
        if keys is None:
            self._guesses.pop(kiosk_id, None)
        else:
            self._guesses[kiosk_id] = keys
        return keys


class NotFresh(Exception):
    """The request may not be served: its nonce was seen before, or its key is no longer the machine's."""


class Proof:
    """What a request was verified with. It counts once: when its nonce is new and the key is still the machine's."""

    def __init__(self, stamp: Stamp, public_key: str) -> None:
        self.stamp = stamp
        self.public_key = public_key
        self.is_taken = False

    def values(self) -> dict[str, Any]:
        """The values of ``FRESH``."""
        return {
            "nonce": self.stamp.nonce,
            "time_s": self.stamp.time_s,
            "kiosk_id": self.stamp.kiosk_id,
            "public_key": self.public_key,
            "form": self.stamp.form,
        }

    def count(self, fresh: bool) -> None:
        """What the statement with ``FRESH`` said. Raises NotFresh."""
        if not fresh:
            raise NotFresh
        self.is_taken = True


FRESH = SQL("""fresh as (
    insert into nonce select kiosk_id, %(nonce)s, %(time_s)s from kiosk join kiosk_key as own using (kiosk_id)
        where kiosk_id = %(kiosk_id)s and own.public_key = %(public_key)s
        and own.public_key in (kiosk.public_key, gm_public_key) and form <= %(form)s
        and coalesce(own.valid_to > to_timestamp(%(time_s)s), true)
    on conflict do nothing returning nonce)""")
"""Takes the nonce of a ``Proof`` in the same statement as the work: a row, or none and the work must not be done."""


_TAKE_NONCE = SQL("with {} select exists (select from fresh)").format(FRESH).as_bytes()


async def take_nonce(conn: AsyncConnection, proof: Proof) -> None:
    """Takes it without any work. Raises NotFresh."""
    taken = await conn.execute(_TAKE_NONCE, proof.values())
    proof.count(fresh=(await taken.fetchone() or (False,))[0])


async def least_form(conn: AsyncConnection, kiosk_id: str, public_key: str) -> int:
    """The oldest form of signatures that is still taken from this key: it goes up with what the machine can."""
    rows = await conn.execute(
        "select form from kiosk_key where kiosk_id = %s and public_key = %s", [kiosk_id, public_key]
    )
    row = await rows.fetchone()
    return row[0] if row else 1


async def hub_key_of(conn: AsyncConnection, kiosk_id: str) -> str:
    """The id of the hub's key by which a machine said to check; "" for one that never said any."""
    rows = await conn.execute("select hub_key from kiosk where kiosk_id = %s", [kiosk_id])
    row = await rows.fetchone()
    return (row[0] or "") if row else ""


async def note_hub_key(conn: AsyncConnection, kiosk_id: str, key: str) -> None:
    """By which of the hub's keys a machine checks from now on."""
    await conn.execute(
        "update kiosk set hub_key = %s where kiosk_id = %s and hub_key is distinct from %s", [key, kiosk_id, key]
    )


async def note_form(conn: AsyncConnection, proof: Proof) -> None:
    """A machine that has once signed in a newer form does so for ever: nobody brings it back to the older one."""
    await conn.execute(
        "update kiosk_key set form = %(form)s where kiosk_id = %(kiosk_id)s and public_key = %(public_key)s "
        "and form < %(form)s",
        proof.values(),
    )


async def register(
    conn: AsyncConnection,
    kiosk_id: str,
    suite: str,
    public_key: str,
    at: datetime,
    last_seq: int | None = None,
    valid_to: datetime | None = None,
) -> None:
    """Makes a machine known, or lets another store take its place: the keys of all others end with it.

    A store that has only changed its suite keeps the key of the other one. ``last_seq`` is what the store has used so
    far, None from a machine that does not say; ``valid_to`` when this key ends by itself.
    """
    await conn.execute(
        "insert into kiosk (kiosk_id, enrolled_at) values (%s, %s) "
        "on conflict (kiosk_id) do update set enrolled_at = excluded.enrolled_at",
        [kiosk_id, at],
    )
    chain = await chain_of(conn, kiosk_id, public_key)
    if chain is None:
        chain = await _chain_of_new_key(conn, kiosk_id, suite, at, last_seq)
    await conn.execute(
        "insert into kiosk_key (kiosk_id, suite, public_key, since, chain, valid_to) values (%s, %s, %s, %s, %s, %s) "
        "on conflict (kiosk_id, public_key) do update set valid_to = excluded.valid_to, ended = null",
        [kiosk_id, suite, public_key, at, chain, valid_to],
    )
    await conn.execute("update kiosk set chain = %s where kiosk_id = %s", [chain, kiosk_id])
    await conn.execute(
        "update kiosk_key set ended = 'replaced', valid_to = least(valid_to, %s) "
        "where kiosk_id = %s and chain <> %s and ended is null",
        [at, kiosk_id, chain],
    )
    await point_at_good_keys(conn, kiosk_id)


async def point_at_good_keys(conn: AsyncConnection, kiosk_id: str) -> None:
    """Lets requests count that the keys of the present store sign, as far as nobody ended them, and no others."""
    await conn.execute(
        "update kiosk set public_key = present.std, gm_public_key = present.gm from ("
        "select max(own.public_key) filter (where suite = 'std') as std, "
        "max(own.public_key) filter (where suite = 'gm') as gm "
        "from kiosk_key own join kiosk using (kiosk_id, chain) where kiosk_id = %s and ended is null) present "
        "where kiosk_id = %s",
        [kiosk_id, kiosk_id],
    )


async def chain_of(conn: AsyncConnection, kiosk_id: str, public_key: str) -> int | None:
    """The chain of the store that has this key: 1 for a machine's first store. None for a key that is new here."""
    rows = await conn.execute(
        "select chain from kiosk_key where kiosk_id = %s and public_key = %s", [kiosk_id, public_key]
    )
    row = await rows.fetchone()
    return row[0] if row else None


async def _chain_of_new_key(
    conn: AsyncConnection, kiosk_id: str, suite: str, at: datetime, last_seq: int | None
) -> int:
    """The present chain goes on when its store has only changed its suite; any other new key is that of a new store."""
    rows = await conn.execute(
        "select chain, (select max(chain) from kiosk_chain where kiosk_id = kiosk.kiosk_id), exists (select "
        "from kiosk_key own where own.kiosk_id = kiosk.kiosk_id and own.chain = kiosk.chain and suite = %s) "
        "from kiosk where kiosk_id = %s",
        [suite, kiosk_id],
    )
    present, newest, has_key = await rows.fetchone() or (1, None, False)
    if newest is not None and last_seq != 0 and not has_key:
        return present
    behind = (await last_receipt(conn, kiosk_id, newest) + NEW_STORE) % ROUND if newest else 0
    await _end_chain(conn, kiosk_id, present, at)
    chain = (newest or 0) + 1
    await conn.execute(
        "insert into kiosk_chain (kiosk_id, chain, receipts_behind) values (%s, %s, %s)", [kiosk_id, chain, behind]
    )
    return chain


async def _end_chain(conn: AsyncConnection, kiosk_id: str, chain: int, at: datetime) -> None:
    """What the former store said to have used and did not bring is missing from now on; its late files end that."""
    await conn.execute(
        "update kiosk_chain own set sent_to = used, sent_at = %s from ("
        "select kiosk_id, (heartbeat->>'last_seq')::bigint as used from kiosk) last "
        "where own.kiosk_id = last.kiosk_id and own.kiosk_id = %s and chain = %s and sent_to < used",
        [at, kiosk_id, chain],
    )
    await conn.execute("update kiosk set heartbeat = null where kiosk_id = %s", [kiosk_id])


async def number_of(conn: AsyncConnection, kiosk_id: str) -> int | None:
    """The machine's number in its receipt numbers, given once and for ever; None when all 10,000 are given."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('machine numbers'))")
    rows = await conn.execute("select give_machine_number(%s)", [kiosk_id])
    row = await rows.fetchone()
    return row[0] if row else None


_LAST_RECEIPT = """
    select substring(number from 19 for 5)::int from (
        select receipt_number as number from case_file join envelope using (key)
            where kiosk_id = %(machine)s and chain = %(chain)s
        union all select receipt_number from case_file join paper_copy using (key)
            where kiosk_id = %(machine)s and chain = %(chain)s
        union all select complaint_number from complaint join envelope using (key)
            where kiosk_id = %(machine)s and chain = %(chain)s) given
    where number ~ '^[0-9]{24}$' order by substring(number from 11 for 8) desc, number desc limit 1"""


async def last_receipt(conn: AsyncConnection, kiosk_id: str, chain: int) -> int:
    """The highest sequence of the last day in the receipt numbers of this chain's store, as far as the hub knows.

    Where it knows none: behind which the store may begin; 0 for a machine's first.
    """
    rows = await conn.execute(_LAST_RECEIPT, {"machine": kiosk_id, "chain": chain})
    row = await rows.fetchone() or await _receipts_behind(conn, kiosk_id, chain)
    return row[0] if row else 0


async def _receipts_behind(conn: AsyncConnection, kiosk_id: str, chain: int) -> tuple[int] | None:
    rows = await conn.execute(
        "select receipts_behind from kiosk_chain where kiosk_id = %s and chain = %s", [kiosk_id, chain]
    )
    return await rows.fetchone()
