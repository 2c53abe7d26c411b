"""The queue as envelopes: how many, how old, what is held and why. What is inside is sealed to the hub."""

from __future__ import annotations

from functools import partial

from kiosk.clock import from_rfc3339
from kiosk.maintenance import words
from kiosk.maintenance.stay import Stay
from kiosk.pages import Action, Block, Board, BoardRow, Fact, Facts, Notice, Page
from kiosk.text import NOTHING, Text, same, text
from kiosk.threads import in_thread
from offline_cache.outbox import Row

_SHOWN = 12
_REASON_CHARS = 80


async def show(stay: Stay) -> None:
    """Until "back"; a held envelope can be released, which is audited."""
    while (answer := await stay.show_live(partial(_page, stay))).action != "back":
        seq = int(answer.action.removeprefix("release:"))
        await stay.order("release", seq=seq)


async def _page(stay: Stay) -> Page:
    outbox = stay.machine.outbox
    depth, held, oldest_s, stuck, waiting, damaged = await in_thread(
        lambda: (
            outbox.depth(),
            outbox.held(),
            outbox.oldest_age_s,
            outbox.rows(states=("held",), limit=_SHOWN),
            outbox.rows(states=("sending", "stored"), limit=_SHOWN),
            {row.seq for row in outbox.quarantined()},
        )
    )
    facts = Facts(
        rows=(
            Fact(label=text("maintenance.waiting"), value=text("maintenance.envelopes", n=depth)),
            Fact(label=text("maintenance.oldest"), value=_age(oldest_s if depth else None)),
            Fact(label=text("maintenance.held"), value=text("maintenance.envelopes", n=held)),
        )
    )
    rows = tuple(_row(row, row.seq in damaged) for row in [*stuck, *waiting][:_SHOWN])
    blocks: list[Block] = [facts]
    if damaged:
        advice = text("maintenance.damaged", n=len(damaged))
        blocks.append(Notice(level="error", icon="warning", text=advice))
    if rows:
        blocks.append(Board(title=text("maintenance.first", n=len(rows)), rows=rows))
    return stay.page("maintenance_queue", text("maintenance.queue"), *blocks, lead=text("maintenance.queue_lead"))


def _row(row: Row, is_damaged: bool) -> BoardRow:
    held = row.state == "held"
    again = text("maintenance.look_again" if is_damaged else "maintenance.release")
    release = Action(id=f"release:{row.seq}", label=again, style="secondary")
    since = words.moment(from_rfc3339(row.created_at))
    kind = words.known(f"maintenance.envelope_{row.kind}", same(row.kind))
    return BoardRow(
        icon="envelope",
        name=text("maintenance.envelope", seq=row.seq, kind=kind),
        state=text(f"maintenance.queue_{row.state}"),
        level="error" if held else "warn" if row.error else "info",
        detail=text("maintenance.tried", when=since, attempts=row.attempts, why=_reason(row.error, is_damaged)),
        actions=(release,) if held else (),
    )


def _reason(error: str | None, is_damaged: bool) -> Text:
    """In words what is known: damage, and the status with which the hub refuses; else the machine's own word.

    That is cut to plain ASCII, so that nothing quoted by a far end gets through.
    """
    plain = "".join(c for c in error or "" if " " <= c <= "~")[:_REASON_CHARS].strip()
    if not plain:
        return NOTHING
    if is_damaged:
        return text("maintenance.why_damaged")
    return words.known(f"maintenance.why_{plain.partition(' ')[0]}", text("maintenance.why", reason=plain))


def _age(seconds: float | None) -> Text:
    return words.duration(seconds) if seconds is not None else text("maintenance.nothing_waits")
