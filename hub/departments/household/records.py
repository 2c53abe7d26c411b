"""Writes a demonstration's people into the register; whoever has a resident card stands there, with what is usual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.json import Jsonb

from hub.department import Person
from hub.departments.household.city import STANDARD, USUAL_ENTRIES
from kiosk.catalogue.rules import OF_AGE
from kiosk.clock import day_of, full_years
from kiosk.messages.content import FOR_LIFE

_OF_PERSON = (
    *("resident", "id_card", "id_case", "temporary_card", "residence", "residence_permit", "last_card"),
    *("offences_answer", "visit_booked", "certificate", "offences_case", "household_case", "register_entry"),
)
_USUAL = {
    "kind": "family",
    "address_kind": "standard",
    "is_registered": True,
    "numbers_held": 1,
    "name_can_be_written": True,
    "fingerprints": True,
    "book_state": "valid",
}
_HERE = "9901"
"""The division of the city to which the demonstration belongs."""


async def seed_records(conn: AsyncConnection, people: Iterable[Person]) -> None:
    """Replaces what these people had."""
    known = [person for person in people if person["card"]["kind"] == "resident"]
    numbers = [person["card"]["number"] for person in known]
    for table in _OF_PERSON:
        gone = SQL("delete from household.{} where id_number = any(%s)").format(Identifier(table))
        await conn.execute(gone, [numbers])
    async with conn.cursor() as cursor:
        await cursor.executemany(
            "insert into household.standard_address values (%s) on conflict do nothing", [[each] for each in STANDARD]
        )
        for table, rows in _rows(known).items():
            if rows:
                places = SQL(", ").join([Placeholder()] * len(rows[0]))
                insert = SQL("insert into household.{} values ({})").format(Identifier(table), places)
                await cursor.executemany(insert, rows)


def _rows(people: Iterable[Person]) -> dict[str, list[list[Any]]]:
    found: dict[str, list[list[Any]]] = {table: [] for table in _OF_PERSON}
    for person in people:
        number, records = person["card"]["number"], person.get("records", {})
        found["resident"].append(_resident(person["card"], records.get("resident", {})))
        found["id_card"].append(_id_card(person["card"], records.get("id_card", {})))
        if picture := person.get("picture"):
            found["last_card"].append([number, _last_card(person["card"]), picture])
        found["offences_answer"].append([number, records.get("offences", "clear")])
        found["register_entry"] += [
            [number, each["kind"], each["item"], each["before"], each["after"], each["entered_on"]]
            for each in records.get("register", USUAL_ENTRIES)
        ]
        if case := records.get("id_case"):
            found["id_case"].append(
                [
                    *(case["key"], number, case["reason"], case["state"], case["applied_on"]),
                    *(case.get("valid_to"), case.get("paid_on")),
                ]
            )
        if temporary := records.get("temporary_card"):
            found["temporary_card"].append([temporary["key"], number, temporary["issued_on"], temporary["valid_to"]])
        if home := records.get("residence"):
            found["residence"].append([number, home["address"], home["since"], home["state"]])
        if permit := records.get("residence_permit"):
            found["residence_permit"].append(
                [
                    *(number, permit["number"], permit["state"], permit["valid_to"]),
                    *(permit["still_resident"], permit["address"]),
                ]
            )
    return found


def _resident(card: Mapping[str, Any], told: Mapping[str, Any]) -> list[Any]:
    has, number, birth = {**_USUAL, **told}, card["number"], day_of(card["birth"])
    role = has.get("role") or ("head" if birth and _years(birth, card) >= OF_AGE else "minor")
    return [
        *(number, card["name"], birth, has.get("household_number", number[-8:]), has["kind"], role),
        *(card.get("address", ""), has["address_kind"], has.get("is_local", number.startswith(_HERE))),
        *(has["is_registered"], has["numbers_held"], has["name_can_be_written"], has["fingerprints"]),
        has["book_state"],
    ]


_ON_CARD = ("name", "sex", "birth", "address", "authority", "valid_from", "valid_to")


def _last_card(card: Mapping[str, Any]) -> Jsonb:
    said = {name: card.get(name, "") for name in _ON_CARD} | {"nation_code": card.get("nation", "")}
    return Jsonb(said | {"valid_to": "" if said["valid_to"] == FOR_LIFE else said["valid_to"]})


def _years(birth: date, card: Mapping[str, Any]) -> int:
    """Age when the card was issued, which is all that a card itself proves."""
    return full_years(birth, day_of(card["valid_from"]) or birth)


def _id_card(card: Mapping[str, Any], told: Mapping[str, Any]) -> list[Any]:
    return [
        *(card["number"], told.get("times_issued", 1), told.get("state", "valid")),
        *(day_of(card["valid_from"]), told.get("valid_to", day_of(card["valid_to"]))),
    ]
