"""What the exit-entry records say of a person, read in one statement, and the facts that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec
from psycopg import AsyncConnection

from hub.department import Facts
from kiosk import shapes
from kiosk.catalogue.rules import elements
from kiosk.clock import day_of, full_months, full_years, months_later
from kiosk.messages.masking import mask_document_number
from kiosk.messages.questions import Document, Endorsement

KINDS = ("passport", "hk_macao_permit", "taiwan_permit")
PLACES = ("hong_kong", "macao")
_ENDORSED = (("L", "team"), ("G", "personal"), ("S", "business"))
_CHILD_BELOW = 16
BORDER_YEARS = 5
"""So far back records are told (出入境记录查询 rule of 2012; the national site goes further)."""
_ALL = """
    select json_build_object(
        'documents', (select coalesce(json_agg(json_build_object('kind', kind, 'number', number, 'state', state,
            'expires_on', expires_on, 'endorsements', endorsements, 'chip', chip) order by expires_on desc), '[]')
            from exit_entry.document where id_number = %(number)s),
        'person', (select to_json(person) from exit_entry.person where id_number = %(number)s),
        'bars', (select coalesce(json_agg(kind), '[]') from exit_entry.bar
            where id_number = %(number)s and not agreed),
        'firms', (select count(*) from exit_entry.firm_member join exit_entry.firm using (code)
            where id_number = %(number)s and recorded_to >= %(today)s),
        'crossings', (select count(*) from exit_entry.border_record
            where id_number = %(number)s and at >= %(since)s),
        'ordered', (select coalesce(json_agg(json_build_object('kind', kind, 'state', state,
            'unpaid_fen', case when paid_on is null then fee_fen else 0 end)), '[]')
            from exit_entry.ordered where id_number = %(number)s and state <> 'done'))"""


class Held(msgspec.Struct, frozen=True):
    """One document with what was written on it."""

    kind: str
    number: str
    state: str
    expires_on: date
    endorsements: list[Endorsement]
    chip: bool = True


class Known(msgspec.Struct, frozen=True):
    """A person as the exit-entry department knows them."""

    household: str | None = None
    open_city: bool = False
    city_right: str = "none"
    endorsed_here: bool = False
    identity_changed: bool = False
    fingerprints_taken: bool = True


class Ordered(msgspec.Struct, frozen=True):
    """What was applied for and is not in the person's hands yet."""

    kind: str
    state: str
    unpaid_fen: int = 0


class Records(msgspec.Struct, frozen=True):
    """All kinds of records of one person. ``person`` is None for somebody who was never here."""

    documents: list[Held]
    bars: list[str]
    firms: int
    crossings: int
    ordered: list[Ordered]
    person: Known | None = None


async def records(conn: AsyncConnection, id_number: str, today: date) -> Records:
    """Every kind of record once, all in one round trip."""
    since = months_later(today, -12 * BORDER_YEARS)
    rows = await conn.execute(_ALL, {"number": id_number, "today": today, "since": since})
    row = await rows.fetchone()
    return shapes.convert(row[0] if row else None, Records)


def is_child(id_number: str, day: date) -> bool:
    """Under 16 on this day (护照法 art. 7): the number of a resident says the birthday (GB 11643)."""
    birth = day_of(id_number[6:14])
    return birth is not None and full_years(birth, day) < _CHILD_BELOW


def facts_of(found: Records, today: date, *, is_child: bool = False) -> Facts:
    """The facts of departments.toml. Nothing is said of a document that the person does not have."""
    person = found.person or Known()
    ready = [each for each in found.ordered if each.state == "ready"]
    return {
        "documents_held": len(found.documents),
        "consent_needed": bool({"official", "military"} & set(found.bars)),
        "exit_barred": "exit" in found.bars,
        "identity_changed": person.identity_changed,
        "fingerprints_needed": not is_child,
        "fingerprints_taken": person.fingerprints_taken,
        "open_city": person.open_city,
        "city_right": person.city_right,
        "first_endorsement_elsewhere": person.household == "other_province" and not person.endorsed_here,
        "firms": found.firms,
        "border_crossings": found.crossings,
        "documents_ready": len(ready),
        "unpaid_fen": sum(each.unpaid_fen for each in found.ordered),
        "unpaid_to_collect_fen": sum(each.unpaid_fen for each in ready or found.ordered),
        "endorsements_in_review": sum(each.kind == "endorsement" for each in found.ordered),
        **({"household": person.household} if person.household else {}),
        **_of_documents(found, today),
        **_of_endorsements(found.documents, today),
    }


def _of_documents(found: Records, today: date) -> Facts:
    facts: Facts = {}
    for kind in KINDS:
        of_kind = [each for each in found.documents if each.kind == kind and each.state != "cancelled"]
        facts[f"{kind}s_issued"] = len(of_kind)
        facts[f"{kind}s_ordered"] = sum(each.kind == kind for each in found.ordered)
        if of_kind:
            latest = of_kind[0]
            facts[f"{kind}_state"] = "expired" if _is_over(latest, today) else latest.state
            facts[f"{kind}_expires_on"] = latest.expires_on.isoformat()
            facts[f"{kind}_months_left"] = full_months(today, latest.expires_on)
        if of_kind and kind == "hk_macao_permit":
            facts["permit_chip_readable"] = of_kind[0].chip
    return facts


def _is_over(held: Held, today: date) -> bool:
    return elements(held.state) == ["valid"] and held.expires_on < today


def _of_endorsements(documents: Iterable[Held], today: date) -> Facts:
    unused = list(unused_endorsements(documents, today))
    facts: Facts = {
        f"{name}_places_unused": len({each.place for each in unused if each.type == letter})
        for letter, name in _ENDORSED
    }
    facts |= {
        f"{name}_unused_{place}": any((each.type, each.place) == (letter, place) for each in unused)
        for letter, name in _ENDORSED
        for place in PLACES
    }
    # An unlimited one (-1) has no trips to count.
    if counted := [each for each in unused if each.remaining > 0]:
        facts["trips_left"] = sum(each.remaining for each in counted)
        facts["valid_until"] = min(each.valid_until for each in counted).isoformat()
    return facts


def unused_endorsements(documents: Iterable[Held], today: date) -> Iterable[Endorsement]:
    """Those of usable documents that a trip can still be made with."""
    for document in documents:
        if elements(document.state) == ["valid"]:
            yield from (each for each in document.endorsements if each.remaining and each.valid_until >= today)


def told(held: Held) -> Document:
    """A document as a machine shows it."""
    return Document(held.kind, mask_document_number(held.number), held.expires_on, held.state, list(held.endorsements))
