"""Writes the records of a demonstration's people, in the place of what they had.

``records.documents``, and ``records.exit_entry`` with ``person`` (the columns of that table), ``bars``, ``firm``,
``crossings`` and ``ordered``; each may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from hub.departments.exit_entry.records import Known
from kiosk import shapes
from kiosk.messages.envelope import new_key

_TABLES = ("document", "person", "bar", "firm_member", "border_record", "ordered", "photo_receipt")


async def write_person(conn: AsyncConnection, number: str, records: Mapping[str, Any]) -> None:
    """All records of the person with this ID number."""
    for table in _TABLES:
        await conn.execute(SQL("delete from {} where id_number = %s").format(Identifier("exit_entry", table)), [number])
    for document in records.get("documents", []):
        await _document(conn, number, document)
    own = records.get("exit_entry")
    if own is None:
        return
    known = shapes.convert(own.get("person", {}), Known)
    await conn.execute(
        "insert into exit_entry.person values (%s, %s, %s, %s, %s, %s, %s)",
        [number, *msgspec.structs.astuple(known)],
    )
    await _rest(conn, number, own)


async def _document(conn: AsyncConnection, number: str, document: Mapping[str, Any]) -> None:
    await conn.execute("delete from exit_entry.document where number = %s", [document["number"]])
    await conn.execute(
        "insert into exit_entry.document (number, id_number, kind, expires_on, state, endorsements, chip) "
        "values (%s, %s, %s, %s, %s, %s, %s)",
        [
            *(document["number"], number, document["kind"], document["expires_on"], document["state"]),
            *(Jsonb(msgspec.to_builtins(document.get("endorsements", []))), document.get("chip", True)),
        ],
    )


async def _rest(conn: AsyncConnection, number: str, own: Mapping[str, Any]) -> None:
    for bar in own.get("bars", []):
        await conn.execute("insert into exit_entry.bar values (%s, %s)", [number, bar])
    if firm := own.get("firm"):
        await conn.execute(
            "insert into exit_entry.firm values (%s, %s, %s) on conflict (code) do update "
            "set recorded_to = excluded.recorded_to",
            [firm["code"], firm["name"], firm["recorded_to"]],
        )
        await conn.execute("insert into exit_entry.firm_member values (%s, %s)", [number, firm["code"]])
    for crossing in own.get("crossings", []):
        await conn.execute(
            "insert into exit_entry.border_record (id_number, at, direction, port, document_number) "
            "values (%s, %s, %s, %s, %s)",
            [number, crossing["at"], crossing["direction"], crossing["port"], crossing["document"]],
        )
    for thing in own.get("ordered", []):
        await conn.execute(
            "insert into exit_entry.ordered (case_key, id_number, kind, fee_fen, state, ordered_on) "
            "values (%s, %s, %s, %s, %s, %s)",
            [
                *(new_key(), number, thing["kind"], thing.get("fee_fen", 0), thing["state"]),
                thing.get("ordered_on", date(2027, 1, 4)),
            ],
        )
