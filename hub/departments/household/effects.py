"""What acceptance changes in the register, in the transaction of the decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub.department import Application, Effect, Unfit
from hub.departments.household.certificates import ask_offences, ask_register
from hub.desk import Desk
from kiosk.catalogue.id_card_years import card_valid_to
from kiosk.clock import day_of, months_later

_TEMPORARY_MONTHS = 3
"""临时居民身份证管理办法 art. 6."""


async def _apply_for_card(reason: str, conn: AsyncConnection, application: Application) -> None:
    """A new card is made; how long it is valid hangs on the age of the day it is issued on (居民身份证法 art. 5)."""
    who, today = application.applicant, application.day
    birth, is_paid = day_of(who.birth), application.paid_fen >= application.fee_fen
    await conn.execute(
        "insert into household.id_case values (%s, %s, %s, 'in_work', %s, %s, %s)",
        [
            *(application.key, who.number, reason, today, card_valid_to(birth, today) if birth else None),
            today if is_paid else None,
        ],
    )
    if reason == "lost":
        await _set_card(conn, who.number, "lost")


async def _declare(conn: AsyncConnection, application: Application) -> None:
    """Lost, or found again: it counts from the moment the bureau has received it.

    One that is found no longer counts once its successor is being made (居民身份证法 art. 11).
    """
    number, is_found = application.applicant.number, application.answers.get("declaration") == "found"
    rows = await conn.execute(
        "select state = 'lost', exists (select from household.id_case where id_case.id_number = id_card.id_number "
        "and id_case.state <> 'collected') from household.id_card where id_number = %s",
        [number],
    )
    is_lost, is_replaced = await rows.fetchone() or (False, False)
    if is_found != is_lost:
        raise Unfit("card_not_lost" if is_found else "loss_declared_before")
    if is_found and is_replaced:
        raise Unfit("card_replaced")
    await _set_card(conn, number, "valid" if is_found else "lost")


async def _set_card(conn: AsyncConnection, number: str, state: str) -> None:
    await conn.execute("update household.id_card set state = %s where id_number = %s", [state, number])


async def _issue_temporary(conn: AsyncConnection, application: Application) -> None:
    today = application.day
    await conn.execute(
        "insert into household.temporary_card values (%s, %s, %s, %s)",
        [application.key, application.applicant.number, today, months_later(today, _TEMPORARY_MONTHS)],
    )


async def _sign_for_card(conn: AsyncConnection, application: Application) -> None:
    """Nothing has left the counter or the locker yet, and nothing leaves it unpaid. Raises Unfit."""
    if application.paid_fen < application.fee_fen:
        raise Unfit("unpaid")
    await conn.execute(
        "update household.id_case set paid_on = %s where id_number = %s and state = 'ready' and paid_on is null",
        [application.day, application.applicant.number],
    )
    await conn.execute(
        "insert into household.collection values (%s, %s)", [application.key, application.applicant.number]
    )


async def collected(conn: AsyncConnection, case_key: str) -> None:
    """The new card is in the person's hand; the old one is handed in and no longer counts.

    ``case_key``: of the card, or of the case by which its person collects it.
    """
    rows = await conn.execute(
        "update household.id_case set state = 'collected' where state = 'ready' and (case_key = %(key)s or id_number = "
        "(select id_number from household.collection where case_key = %(key)s)) "
        "returning case_key::text, id_number, applied_on, valid_to",
        {"key": case_key},
    )
    for made_by, number, issued_on, valid_to in await rows.fetchall():
        await Desk("household").close_with(conn, made_by, case_key)
        await conn.execute(
            "update household.id_card set state = 'valid', issued_on = %s, valid_to = %s, "
            "times_issued = times_issued + 1 where id_number = %s",
            [issued_on, valid_to, number],
        )


async def _issue_book(conn: AsyncConnection, application: Application) -> None:
    rows = await conn.execute(
        "select book_state from household.resident where id_number = %s", [application.applicant.number]
    )
    is_first = (await rows.fetchone() or ("",))[0] == "none"
    if application.answers.get("book_reason") == "first" and not is_first:
        raise Unfit("book_issued_before")
    await conn.execute(
        "update household.resident set book_state = 'valid' where household_number = "
        "(select household_number from household.resident where id_number = %s)",
        [application.applicant.number],
    )


async def _register_residence(conn: AsyncConnection, application: Application) -> None:
    """From today; who moves inside the city keeps the day on which the stay here began."""
    address = str(application.answers.get("address", ""))
    rows = await conn.execute("select from household.standard_address where address = %s", [address])
    if await rows.fetchone() is None:
        raise Unfit("address_unknown")
    await conn.execute(
        "insert into household.residence values (%s, %s, %s, 'registered') on conflict (id_number) do update set "
        "address = excluded.address, state = 'registered', "
        "since = case when residence.state = 'registered' then residence.since else excluded.since end",
        [application.applicant.number, address, application.day],
    )


async def _grant_permit(conn: AsyncConnection, application: Application) -> None:
    number = application.applicant.number
    await conn.execute(
        "insert into household.residence_permit select id_number, id_number, 'normal', %s, true, address "
        "from household.residence where id_number = %s on conflict (id_number) do update set "
        "state = 'normal', valid_to = excluded.valid_to, still_resident = true, address = excluded.address",
        [_a_year_after(application.day), number],
    )


async def _endorse_permit(conn: AsyncConnection, application: Application) -> None:
    # 居住证暂行条例 art. 10: one more year; a late endorsement restores the functions, and the years count from it.
    await conn.execute(
        "update household.residence_permit set state = 'normal', "
        "valid_to = case when valid_to < %s then %s else valid_to + interval '1 year' end where id_number = %s",
        [application.day, _a_year_after(application.day), application.applicant.number],
    )


async def _replace_permit(conn: AsyncConnection, application: Application) -> None:
    """A new permit in place of a lost or damaged one; for who is registered here now (``cancel``) it ends.

    Who is being registered by another case has it until that one is decided: it may be refused yet.
    """
    number = application.applicant.number
    if application.answers.get("reason") == "cancel":
        rows = await conn.execute("select is_local from household.resident where id_number = %s", [number])
        is_local = (await rows.fetchone() or (False,))[0]
        if not is_local and not application.rests_on:
            raise Unfit("household_elsewhere")
        await conn.execute("insert into household.permit_ending values (%s, %s)", [application.key, number])
        if is_local:
            await end_permit(conn, application.key)
        return
    await conn.execute(
        "update household.residence_permit set replaced_on = %s where id_number = %s", [application.day, number]
    )


async def end_permit(conn: AsyncConnection, case_key: str) -> None:
    """The permit that this case ends, where it ends one."""
    await conn.execute(
        "update household.residence_permit set state = 'cancelled', still_resident = false where id_number = "
        "(select id_number from household.permit_ending where case_key = %s)",
        [case_key],
    )


async def drop(conn: AsyncConnection, case_key: str) -> None:
    """Nothing comes of what was applied for: whoever it was may apply again."""
    await conn.execute("delete from household.id_case where case_key = %s and state = 'in_work'", [case_key])


async def _book_visit(conn: AsyncConnection, application: Application) -> None:
    await conn.execute(
        "insert into household.visit_booked values (%s, %s, %s)",
        [application.key, application.applicant.number, Jsonb(application.answers)],
    )


def _a_year_after(day: date) -> date:
    return months_later(day, 12)


EFFECTS: Mapping[str, Effect] = {
    "card_applied_expired": partial(_apply_for_card, "expired"),
    "card_applied_damaged": partial(_apply_for_card, "damaged"),
    "card_applied_lost": partial(_apply_for_card, "lost"),
    "loss_declared": _declare,
    "temporary_card_issued": _issue_temporary,
    "card_collected": _sign_for_card,
    "book_issued": _issue_book,
    "residence_registered": _register_residence,
    "permit_granted": _grant_permit,
    "permit_endorsed": _endorse_permit,
    "permit_replaced": _replace_permit,
    "visit_booked": _book_visit,
    "offences_asked": ask_offences,
    "register_asked": ask_register,
}
