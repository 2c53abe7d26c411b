"""Certificates: the department draws the pages and seals them; whoever receives the paper can ask whether it is real.

A reference department keeps what it has sealed in its own table ``certificate`` (``issue``), so that asking twice gives
the same paper. The hub keeps number, code and a masked name of each for the public page.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from hub.keys import HubKeys
from hub.seals import Seal, load_or_make
from kiosk.messages.certificates import Statement, statement_text
from kiosk.messages.suites import DEFAULT
from kiosk.text import NOTHING, Text, text

if TYPE_CHECKING:
    from fpdf import FPDF

_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts")
_SERIF, _SIMPLIFIED = "NotoSerifCJK-Regular.ttc", 2
_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""None that is taken for another one on paper."""
_CODE_LENGTH = 12
_MARGIN_MM, _LINE_MM = 25, 9


class NoFont(OSError):
    """No font for Chinese pages on this computer for Chinese pages; install fonts-noto-cjk."""


class Asked(NamedTuple):
    """What is asked of a department: the paper of this case. ``check_at``: where it can be checked, "" for nowhere."""

    key: str
    service: str
    id_number: str
    today: date
    seal: Seal
    check_at: str = ""


class Drawing(NamedTuple):
    """What a certificate says: a title, sentences in both languages, rows of name and value, and whose it is."""

    title: Text
    sentences: tuple[Text, ...]
    rows: tuple[tuple[Text, str], ...]
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

    pdf = FPDF(format="A4")
    pdf.set_margin(_MARGIN_MM)
    pdf.add_font("serif", fname=_font(), collection_font_number=_SIMPLIFIED)
    pdf.set_creation_date(datetime.combine(statement.issued_on, time(), UTC))
    pdf.set_title(drawing.title.zh)
    pdf.set_subject(statement_text(statement))
    pdf.add_page()
    _line(pdf, drawing.title.zh, 24, "C")
    _line(pdf, drawing.title.en, 12, "C")
    pdf.ln(_LINE_MM)
    for name, value in drawing.rows:
        _named(pdf, name, value, 12)
    pdf.ln(_LINE_MM)
    for sentence in drawing.sentences:
        _line(pdf, sentence.zh, 14, "L")
        _line(pdf, sentence.en, 11, "L")
    pdf.ln(_LINE_MM)
    _line(pdf, f"{drawing.issuer.zh} {drawing.issuer.en}", 12, "R")
    _named(pdf, text("certificate.issued_on"), statement.issued_on.isoformat(), 12, "R")
    pdf.ln(_LINE_MM)
    _named(pdf, text("certificate.number"), statement.number, 10)
    _named(pdf, text("certificate.code"), statement.code, 10)
    if check_at:
        _named(pdf, text("certificate.check"), check_at, 10)
    return bytes(pdf.output())


def _named(pdf: FPDF, name: Text, value: str, points: int, align: str = "L") -> None:
    _line(pdf, f"{name.zh} {name.en}: {value}", points, align)


def _line(pdf: FPDF, words: str, points: int, align: str) -> None:
    pdf.set_font("serif", size=points)
    pdf.multi_cell(0, _LINE_MM * points / 14, words, align=align, new_x="LMARGIN", new_y="NEXT")


def warm() -> None:
    """Reads the font, and loads what draws, before the first person waits for it. Without a font nothing happens."""
    nobody = Drawing(NOTHING, (), (), "", NOTHING)
    with suppress(NoFont):
        draw(nobody, Statement("", "", "", "", "", date(2027, 1, 1), ""), "")


@cache
def _font() -> Path:
    for folder in map(Path, _FONTS):
        for found in folder.rglob(_SERIF):
            return found
    raise NoFont(f"{_SERIF}: not found below {', '.join(_FONTS)}; install fonts-noto-cjk")
