"""What the household department certifies: no record of an offence (H08), entries of the register (H09)."""

from __future__ import annotations

from psycopg import AsyncConnection

from hub.certificates import Asked, Drawing, Sealed, issue
from hub.department import Application, Unfit
from kiosk.text import Text, same, text

KINDS = ("changed", "cancelled", "kinship")
"""公通字〔2016〕21号: what the police still certify; everything else a card or the household book shows by itself."""
_ANSWERS = {"clear": "clear", "sealed": "clear", "record": "notice", "conflict": "investigated"}
"""A sealed offence of a minor is as none (公安机关办理犯罪记录查询工作规定 art. 10)."""


async def ask_offences(conn: AsyncConnection, application: Application) -> None:
    """Looks the register of offences up; two people with the same data are looked into, and the clock stands."""
    who = application.applicant.number
    rows = await conn.execute("select answer from household.offences_answer where id_number = %s", [who])
    state = _ANSWERS[(await rows.fetchone() or ("clear",))[0]]
    await conn.execute(
        "insert into household.offences_case values (%s, %s, %s, %s, %s)",
        [
            *(application.key, who, str(application.answers.get("purpose", "")), state),
            application.day if state == "investigated" else None,
        ],
    )


async def ask_register(conn: AsyncConnection, application: Application) -> None:
    """Notes which entries are to be certified. Raises Unfit for what nobody needs a certificate of."""
    kind = str(application.answers.get("certificate_kind", ""))
    if kind not in KINDS:
        raise Unfit("no_certificate_needed")
    await conn.execute(
        "insert into household.household_case values (%s, %s, %s)",
        [application.key, application.applicant.number, kind],
    )


async def certificate(conn: AsyncConnection, asked: Asked) -> Sealed | None:
    """The paper of a case; None where there is none for a machine: the person hears why at the counter."""
    drawing = await _of_offences(conn, asked) or await _of_register(conn, asked)
    return await issue(conn, "household", asked, drawing) if drawing else None


async def _of_offences(conn: AsyncConnection, asked: Asked) -> Drawing | None:
    rows = await conn.execute(
        "select name, purpose from household.offences_case join household.resident using (id_number) "
        "where case_key = %s and id_number = %s and state = 'clear'",
        [asked.key, asked.id_number],
    )
    row = await rows.fetchone()
    if row is None:
        return None
    name, purpose = row
    sentences = (text("certificate.no_offence", day=same(asked.today.isoformat())), text("certificate.no_offence_use"))
    rows_told = [(text("certificate.purpose"), _purpose(purpose))] if purpose else []
    return _drawing(text("certificate.no_offence_title"), sentences, name, asked, rows_told)


async def _of_register(conn: AsyncConnection, asked: Asked) -> Drawing | None:
    rows = await conn.execute(
        "select kind, name, address from household.household_case join household.resident using (id_number) "
        "where case_key = %s and id_number = %s",
        [asked.key, asked.id_number],
    )
    row = await rows.fetchone()
    if row is None:
        return None
    kind, name, address = row
    rows = await conn.execute(
        "select item, before, after, entered_on from household.register_entry where id_number = %s and kind = %s "
        "order by entered_on",
        [asked.id_number, kind],
    )
    entries = [
        text(f"certificate.entry_{kind}", item=same(item), before=same(before), after=same(after), day=same(str(day)))
        for item, before, after, day in await rows.fetchall()
    ]
    if not entries:
        return None
    told = [(text("certificate.address"), same(address))]
    return _drawing(text(f"certificate.{kind}_title"), tuple(entries), name, asked, told)


def _purpose(purpose: str) -> Text:
    return text(f"certificate.purpose_{purpose}") if purpose in _PURPOSES else same(purpose)


_PURPOSES = ("work", "abroad", "adoption", "licence")


def _drawing(
    title: Text, sentences: tuple[Text, ...], name: str, asked: Asked, rows: list[tuple[Text, Text]]
) -> Drawing:
    who = ((text("certificate.name"), same(name)), (text("certificate.id_number"), same(asked.id_number)))
    return Drawing(title, sentences, (*who, *rows), name, text("certificate.register_office"))
