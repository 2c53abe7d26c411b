"""The machines that are enrolled and their public keys, one per suite."""

from __future__ import annotations

from datetime import datetime

from psycopg import AsyncConnection

from kiosk.messages.suites import DEFAULT


async def public_keys(conn: AsyncConnection, kiosk_id: str) -> dict[str, str] | None:
    """The keys of a machine by suite, None for a machine that was never enrolled."""
    rows = await conn.execute("select public_key, gm_public_key from kiosk where kiosk_id = %s", [kiosk_id])
    row = await rows.fetchone()
    return {suite: key for suite, key in zip((DEFAULT, "gm"), row, strict=True) if key} if row else None


async def register(conn: AsyncConnection, kiosk_id: str, suite: str, public_key: str, at: datetime) -> None:
    """Makes a machine known, or replaces its key of this suite; that of the other suite stays good."""
    keys = {DEFAULT: None, "gm": None, suite: public_key}
    await conn.execute(
        "insert into kiosk (kiosk_id, public_key, gm_public_key, enrolled_at) values (%s, %s, %s, %s) "
        "on conflict (kiosk_id) do update set enrolled_at = excluded.enrolled_at, "
        "public_key = coalesce(excluded.public_key, kiosk.public_key), "
        "gm_public_key = coalesce(excluded.gm_public_key, kiosk.gm_public_key)",
        [kiosk_id, keys[DEFAULT], keys["gm"], at],
    )
    await conn.execute(
        "insert into kiosk_key values (%s, %s, %s, %s) on conflict do nothing", [kiosk_id, suite, public_key, at]
    )


async def number_of(conn: AsyncConnection, kiosk_id: str) -> int | None:
    """The machine's number in its receipt numbers, given once and for ever; None when all 10,000 are given."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('machine numbers'))")
    rows = await conn.execute("select give_machine_number(%s)", [kiosk_id])
    row = await rows.fetchone()
    return row[0] if row else None


_LAST_RECEIPT = """
    select substring(number from 19 for 5)::int from (
        select receipt_number as number from case_file join envelope using (key) where kiosk_id = %(machine)s
        union all select receipt_number from case_file join paper_copy using (key) where kiosk_id = %(machine)s
        union all select complaint_number from complaint join envelope using (key) where kiosk_id = %(machine)s) given
    where number ~ '^[0-9]{24}$' order by substring(number from 11 for 8) desc, number desc limit 1"""


async def last_receipt(conn: AsyncConnection, kiosk_id: str) -> int:
    """The highest sequence of the last day in this machine's receipt numbers, as far as the hub knows; 0: none."""
    rows = await conn.execute(_LAST_RECEIPT, {"machine": kiosk_id})
    row = await rows.fetchone()
    return row[0] if row else 0


async def every_key(conn: AsyncConnection, kiosk_id: str, suite: str) -> list[str]:
    """All keys of this suite that a machine ever enrolled with: what it signed before it was replaced stays its own."""
    rows = await conn.execute("select public_key from kiosk_key where kiosk_id = %s and suite = %s", [kiosk_id, suite])
    return [row[0] for row in await rows.fetchall()]
