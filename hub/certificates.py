"""Certificates: the department draws the pages and seals them; whoever receives the paper can ask whether it is real.

A reference department keeps what it has sealed in its own table ``certificate`` (``issue``), so that asking twice gives
the same paper. The hub keeps number, code and a masked name of each for the public page.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from hub.keys import HubKeys
from hub.seals import Seal, load_or_make
from kiosk import pdf_font
from kiosk.messages.certificates import Statement, statement_text
from kiosk.messages.suites import DEFAULT
from kiosk.text import NOTHING, Text, same, text

_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""None that is taken for another one on paper."""
_CODE_LENGTH = 12
_MARGIN_MM, _LINE_MM = 25, 9


class Asked(NamedTuple):
    """What is asked of a department: the paper of this case. ``check_at``: where it can be checked, "" for nowhere."""

    key: str
    service: str
    id_number: str
    today: date
    seal: Seal
    check_at: str = ""


class Drawing(NamedTuple):
    """What a certificate says, all in both languages: a title, sentences, rows of name and value; and whose it is."""

    title: Text
    sentences: tuple[Text, ...]
    rows: tuple[tuple[Text, Text], ...]
    person: str
    issuer: Text


class Sealed(NamedTuple):
    """A paper as it leaves the department. ``person``: whose name stands on it."""

    number: str
    code: str
    issued_on: date
    pdf: bytes
    person: str


async def seal_of(keys: HubKeys, loaded: dict[str, Seal], department: str, now: datetime) -> Seal:
    """The department's seal, for which the hub's present key vouches. Raises OSError."""
    private = keys.sign_private(DEFAULT, keys.present_id(DEFAULT))
    name = f"{department} {keys.present_id(DEFAULT)}"
    if name not in loaded:
        key = await asyncio.to_thread(load_or_make, keys.seals, department)
        loaded[name] = Seal(department, key, vouched_by=private, now=now)
    return loaded[name]


def check_at(hosts: Sequence[str]) -> str:
    """Where people can ask whether a paper is real; "" for a hub that does not know its own address."""
    return f"https://{hosts[0]}/certificates" if hosts else ""


async def issue(conn: AsyncConnection, department: str, asked: Asked, drawing: Drawing) -> Sealed:
    """The paper of this case from the department's table, drawn and sealed at the first time. Raises NoFont."""
    here = Identifier(department, "certificate")
    find = SQL("select number, code, issued_on, pdf from {} where case_key = %s and id_number = %s").format(here)
    rows = await conn.execute(find, [asked.key, asked.id_number])
    if row := await rows.fetchone():
        return Sealed(row[0], row[1], row[2], row[3], drawing.person)
    number = f"{asked.service}{asked.today:%Y%m%d}{secrets.randbelow(10**8):08}"
    code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    statement = Statement(number, code, asked.service, department, asked.id_number, asked.today, drawing.title.zh)
    pdf = await asyncio.to_thread(lambda: asked.seal.on(draw(drawing, statement, asked.check_at)))
    insert = SQL("insert into {} values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing").format(here)
    await conn.execute(insert, [asked.key, asked.id_number, asked.service, number, code, asked.today, pdf])
    rows = await conn.execute(find, [asked.key, asked.id_number])
    # Another question for the same case may have been first: that paper is the one that counts.
    row = await rows.fetchone() or (number, code, asked.today, pdf)
    return Sealed(row[0], row[1], row[2], row[3], drawing.person)


def draw(drawing: Drawing, statement: Statement, check_at: str) -> bytes:
    """The pages before they are sealed: A4, Chinese above, English below each. Raises NoFont."""
    # Here, not above: a second of loading that only who draws something waits for.
    from fpdf import FPDF

    pdf, lines = FPDF(format="A4"), list(_lines(drawing, statement, check_at))
    pdf.set_margin(_MARGIN_MM)
    pdf_font.add(pdf, "serif", (line.words for line in lines))
    pdf.set_creation_date(datetime.combine(statement.issued_on, time(), UTC))
    pdf.set_title(drawing.title.zh)
    pdf.set_subject(statement_text(statement))
    pdf.add_page()
    for words, points, align in lines:
        if not words:
            pdf.ln(_LINE_MM)
            continue
        pdf.set_font("serif", size=points)
        pdf.multi_cell(0, _LINE_MM * points / 14, words, align=align, new_x="LMARGIN", new_y="NEXT")
    return bytes(pdf.output())


class _Line(NamedTuple):
    """What stands there, how large, left, centred or right ("L", "C", "R"). Without words: room."""

    words: str = ""
    points: int = 12
    align: str = "L"


def _lines(drawing: Drawing, statement: Statement, check_at: str) -> Iterator[_Line]:
    yield _Line(drawing.title.zh, 24, "C")
    yield _Line(drawing.title.en, 12, "C")
    yield _Line()
    for name, value in drawing.rows:
        yield _named(name, value)
    yield _Line()
    for sentence in drawing.sentences:
        yield _Line(sentence.zh, 14)
        yield _Line(sentence.en, 11)
    yield _Line()
    yield _Line(f"{drawing.issuer.zh} {drawing.issuer.en}", 12, "R")
    yield _named(text("certificate.issued_on"), same(statement.issued_on.isoformat()), 12, "R")
    yield _Line()
    yield _named(text("certificate.number"), same(statement.number), 10)
    yield _named(text("certificate.code"), same(statement.code), 10)
    if check_at:
        yield _named(text("certificate.check"), same(check_at), 10)


def _named(name: Text, value: Text, points: int = 12, align: str = "L") -> _Line:
    said = value.zh if value.zh == value.en else f"{value.zh} {value.en}"
    return _Line(f"{name.zh} {name.en}: {said}", points, align)


def warm() -> None:
    """Reads the font, and loads what draws, before the first person waits for it. Without a font nothing happens."""
    nobody = Drawing(NOTHING, (), (), "", NOTHING)
    with suppress(pdf_font.NoFont):
        draw(nobody, Statement("", "", "", "", "", date(2027, 1, 1), ""), "")
