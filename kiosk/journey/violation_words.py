"""Violations and fines in words: what the pages and the paper of the step ``violations`` say of each."""

from __future__ import annotations

from datetime import date

from kiosk.catalogue.model import Service
from kiosk.journey.reasons import reason
from kiosk.messages.violations import Violation
from kiosk.pages import Choice, Fact, Facts
from kiosk.slips.model import Row, Section
from kiosk.text import NOTHING, Text, plain, same, text, worded

TOTAL = 12
"""Points with which a cycle ends the right to drive (道路交通安全法 art. 24)."""


def yuan(amount_fen: int) -> str:
    """An amount as it is written: 200 or 12.5."""
    return f"{amount_fen / 100:g}"


def due_fen(each: Violation) -> int:
    """What a fine costs today."""
    return each.fine_fen + each.late_fen


def facts(each: Violation, service: Service | None = None) -> Facts:
    """One violation with everything that the person may see of it, and why it cannot be settled here."""
    rows = [
        (text("violations.at"), same(plain(each.at))),
        (text("violations.place"), same(plain(each.place))),
        (text("violations.act"), same(plain(each.act))),
        (text("violations.article"), same(plain(each.article))),
        (text("violations.penalty"), penalty(each)),
        (text("violations.state"), worded("violations.state_", each.state, same(plain(each.state)))),
        *fine_rows(each),
    ]
    told = [Fact(label=label, value=value) for label, value in rows if value.zh]
    return Facts(title=same(plain(each.plate)), rows=(*told, *(reason(service, code) for code in each.reasons)))


def penalty(each: Violation) -> Text:
    """Fine and points; a warning costs nothing."""
    if each.fine_fen:
        return text("violations.fine_and_points", yuan=yuan(each.fine_fen), points=each.points)
    return text("violations.warning")


def fine_rows(each: Violation) -> list[tuple[Text, Text]]:
    """What is to be paid, until when, and what was added because it is late."""
    if not each.decision_number:
        return []
    rows = [(text("violations.decision"), same(plain(each.decision_number)))]
    if each.state == "decided" and isinstance(each.pay_until, date):
        rows.append((text("violations.pay_until"), same(each.pay_until.isoformat())))
    if each.late_fen:
        rows.append((text("violations.late"), text("violations.late_words", yuan=yuan(each.late_fen))))
    return rows


def section(block: Facts) -> Section:
    """The same on paper."""
    return Section(title=block.title, rows=tuple(Row(fact.label, fact.value) for fact in block.rows))


def choice(each: Violation) -> Choice:
    """One violation to choose."""
    what = text("violations.choice", day=plain(each.at[:10]), plate=plain(each.plate), act=plain(each.act))
    return Choice(id=each.number, label=what, detail=penalty(each))


def fine_choice(each: Violation) -> Choice:
    """One fine to choose."""
    label = text("violations.fine_choice", number=plain(each.decision_number), yuan=yuan(due_fen(each)))
    detail = text("violations.late_words", yuan=yuan(each.late_fen)) if each.late_fen else NOTHING
    return Choice(id=each.decision_number, label=label, detail=detail)


def duties(each: Violation, points: int) -> tuple[Text, ...]:
    """What must be told before a decision (行政处罚法 art. 44–45, 道路交通安全违法行为处理程序规定)."""
    return (
        text("violations.rights"),
        text("violations.points_after", points=each.points, total=points + each.points),
        *([text("violations.pay_words")] if each.fine_fen else []),
        text("violations.review_words"),
    )
