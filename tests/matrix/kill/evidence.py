"""What can be seen from outside after a death: store, hub, paper, status lines; and what must hold between them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from kiosk.clock import Clock
from kiosk.demo.stage import Stage
from kiosk.inserted import INSERTED, READER
from kiosk.lockers import UNLOCK
from kiosk.payments import LOCKER, PAY, PRODUCE
from kiosk.payments import MADE as MADE_ENDS
from kiosk.production import HOLD
from offline_cache.audit import Audit, AuditRow
from offline_cache.journal import Intent
from offline_cache.outbox import Outbox, Row
from offline_cache.store import Store

NUMBER = re.compile(r"\[CODE128 (\d{24})\]")
COPY = "副本"
_ENVELOPES = "select key::text, seq, kind, case_id, sha256, prev_sha256 from envelope order by seq"
_MONEY = (
    "select order_no, case_id::text, payment.state as paid, item.state, filed, ended_at is not null as ended "
    "from payment join payment_item item using (order_no) order by made_at"
)
PROMISES = frozenset(
    {"filing", "result", "printing", "slip", "slip_trouble", "complaint_done", "producing", "produce_take"}
)
"""Pages that may be shown only when the case is kept."""


CARDS, PERMITS = "card_dispenser", "permit_maker"
MAKERS = ("licence_printer", "endorsement_writer", PERMITS)
MADE = frozenset({PRODUCE, HOLD, INSERTED, LOCKER, UNLOCK})
"""Intents of things that are made, held or handed out: each has its end before the next person's."""
_MAKER_SAYS = {"written": MADE_ENDS, "voided": {"voided"}, "not_written": {"not_written"}, None: {"not_written"}}
"""By the maker's own journal, how an order may have ended in ours."""
_JOB_OVER = (7, 8, 9)
"""RFC 8011 job-state: canceled, aborted, completed."""


class Ended(msgspec.Struct, frozen=True):
    """An intent of the journal with how it ended, None while open."""

    intent: Intent
    outcome: str | None

    @property
    def number(self) -> str:
        return self.intent.detail.get("number", "")


class After(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be seen at a moment when no machine runs."""

    rows: list[Row]
    digests: dict[str, str]
    chain_broken_at: int | None
    intents: list[Ended]
    audit: list[AuditRow]
    audit_broken_at: int | None
    hub: list[Any]
    case_files: list[Any]
    money: list[Any]
    lockers: list[Any]
    slips: list[str]
    devices: dict[str, Any]
    said: list[dict[str, Any]]

    def doubtful_numbers(self, before: After) -> list[str]:
        """Receipt numbers whose slip was handed to the printer since then and has no outcome."""
        old = {ended.intent.id for ended in before.intents}
        handed = [i for i in self.intents if i.intent.id not in old and i.intent.detail.get("handed")]
        return [ended.number for ended in handed if ended.outcome is None and ended.number]

    def open_kinds(self) -> set[str]:
        """Kinds of what was begun and has no end."""
        return {ended.intent.kind for ended in self.intents if ended.outcome is None}


def look(stage: Stage, said: list[dict[str, Any]], devices: dict[str, Any]) -> After:
    """Look at the store file, the hub's tables and the printer's paper. The machine must be dead.

    ``devices``: what each says of itself.
    """
    store = Store.peek(stage.folder / "state" / "store.sqlite", now=Clock().now)
    try:
        outbox, audit = Outbox(store), Audit(store)
        found = store.query("SELECT id, kind, ref, detail, begun_at, outcome FROM intent ORDER BY id")
        digests = store.query("SELECT key, sha256 FROM outbox")
        kept: dict[str, Any] = {
            "rows": outbox.rows(),
            "digests": {row["key"]: row["sha256"] for row in digests},
            "chain_broken_at": outbox.verify_chain(),
            "intents": [_ended(row) for row in found],
            "audit": audit.rows(),
            "audit_broken_at": audit.verify(),
        }
    finally:
        store.close()
    slips = [path.read_text(encoding="utf-8") for path in sorted(stage.slips.glob("*.txt"))]
    with _city(stage) as city, city.cursor(row_factory=dict_row) as tables:
        kept["hub"] = tables.execute(_ENVELOPES).fetchall()
        kept["case_files"] = tables.execute("select key::text, receipt_number, state from case_file").fetchall()
        kept["lockers"] = tables.execute("select lock, state, department from locker").fetchall()
        kept["money"] = tables.execute(_MONEY).fetchall()
    return After(**kept, slips=slips, devices=devices, said=said)


def _city(stage: Stage) -> psycopg.Connection[Any]:
    sockets = stage.folder / "hub" / "postgres" / "sockets"
    return psycopg.connect(host=str(sockets), user="tongban", dbname="tongban")


def money_ended(stage: Stage) -> bool | None:
    """Whether the hub has heard the end of every order."""
    with _city(stage) as city:
        row = city.execute("select count(*) from payment where ended_at is null").fetchone()
    return True if row == (0,) else None


def forget_resumable(stage: Stage) -> None:
    """What a walk before has paid for goes back: the next one pays anew."""
    with _city(stage) as city:
        city.execute("update refund set due_at = '2000-01-01' where done_at is null")


def _ended(row: dict[str, Any]) -> Ended:
    outcome = row.pop("outcome")
    return Ended(Intent(**{**row, "detail": msgspec.json.decode(row["detail"])}), outcome)


def judge(before: After, dead: After, after: After) -> list[str]:
    """Each invariant that does not hold, in words."""
    kept = [*_chains(after), *_kept(before, dead, after), *_at_the_hub(after)]
    kept += [*_made(before, after), *_cards(before, after), *_handed_out(before, after)]
    return [*kept, *_money(before, dead, after), *_paper(before, dead, after), *_said(dead, after)]


def _chains(after: After) -> Iterator[str]:
    if after.chain_broken_at is not None:
        yield f"the queue's chain is broken at {after.chain_broken_at}"
    if after.audit_broken_at is not None:
        yield f"the audit chain is broken at {after.audit_broken_at}"
    prev = "0" * 64
    for n, row in enumerate(after.hub, 1):
        if row["seq"] != n or row["prev_sha256"] != prev:
            yield f"the chain at the hub is broken at {row['seq']}"
            break
        prev = row["sha256"]


def _kept(before: After, dead: After, after: After) -> Iterator[str]:
    """What was promised is kept; numbers are given once."""
    known = {row.key for row in before.rows}
    new = [row for row in dead.rows if row.key not in known and row.kind in ("case", "complaint")]
    promised = {line["kind"] for line in dead.said if line["type"] == "page"} & PROMISES
    stored = [line["case_id"] for line in dead.said if line["type"] == "case" and line["state"] == "stored"]
    if (promised or stored) and not new:
        yield f"the citizen was told that the case is kept ({', '.join(sorted(promised)) or 'stored'}); it is not"
    if lost := {row.key for row in dead.rows} - {row.key for row in after.rows}:
        yield f"lost from the queue: {sorted(lost)}"
    given = Counter(row.receipt_number for row in after.rows if row.kind in ("case", "complaint"))
    yield from (f"receipt number given {count} times" for count in given.values() if count > 1)


def _at_the_hub(after: After) -> Iterator[str]:
    """Each committed envelope once and as it was signed; nothing that was never committed."""
    at_hub = Counter(row["key"] for row in after.hub)
    ours = {row.key for row in after.rows}
    yield from (f"{row.kind} {row.key} is {row.state} after settling" for row in after.rows if row.state != "delivered")
    yield from (
        f"{row.kind} {row.key} is {at_hub[row.key]} times at the hub" for row in after.rows if at_hub[row.key] != 1
    )
    yield from (f"the hub has {key}, which was never committed" for key in at_hub if key not in ours)
    yield from (
        f"{row['key']} has another digest at the hub"
        for row in after.hub
        if row["key"] in ours and after.digests[row["key"]] != row["sha256"]
    )
    cases = Counter(row["case_id"] for row in after.hub if row["kind"] == "case")
    yield from (f"case {case} is {count} times at the hub" for case, count in cases.items() if count > 1)
    files = Counter(row["receipt_number"] for row in after.case_files if row["receipt_number"])
    yield from (f"{count} case files for one receipt number" for count in files.values() if count > 1)


def _made(before: After, after: After) -> Iterator[str]:
    """Each thing is made at most once, has the end that its maker tells, and lies nowhere."""
    old = {ended.intent.id for ended in before.intents}
    new = [ended for ended in after.intents if ended.intent.id not in old and ended.intent.kind in MADE]
    yield from (f"{ended.intent.kind} has no end" for ended in new if ended.outcome is None)
    orders = [ended for ended in new if ended.intent.kind == PRODUCE]
    for ended in orders:
        said = after.devices[ended.intent.detail["device"]]["journal"].get(ended.intent.detail["key"], {}).get("end")
        if ended.outcome not in _MAKER_SAYS.get(said, ()):
            yield f"its maker says {said}, we say {ended.outcome}"
    made = Counter(ended.intent.ref for ended in orders if ended.outcome in MADE_ENDS)
    yield from (f"made {count} times" for count in made.values() if count > 1)
    filed = {row.key for row in after.rows}
    told = Counter(row.case_id for row in after.rows if row.kind == "hand_out")
    yield from (f"told {told[case]} times that it is made" for case in made if case in filed and told[case] != 1)
    for maker in MAKERS:
        swallowed = sum(ended.outcome == "swallowed" and ended.intent.detail["device"] == maker for ended in new)
        if swallowed != after.devices[maker]["swallowed"]:
            yield f"{maker} has swallowed {after.devices[maker]['swallowed']}, we say {swallowed}"
    yield from (f"something lies in {maker}" for maker in MAKERS if after.devices[maker]["place"] != "nowhere")
    if after.devices[READER]["feeder"] in ("inserted", "at_slot"):
        yield f"something lies in {READER}"
    orphans = [job for job in after.devices["page_printer"]["jobs"] if job["state"] not in _JOB_OVER]
    yield from ("a page may still come out for the next person" for _ in orphans)


def _cards(before: After, after: After) -> Iterator[str]:
    """Every card that has left the stacker is in somebody's hand or in the bin, as writer and journal say."""
    old = {ended.intent.id for ended in before.intents}
    ours = [each for each in after.intents if each.intent.id not in old and each.intent.detail.get("device") == PERMITS]
    ends = Counter(ended.outcome for ended in ours if ended.intent.kind == PRODUCE)
    cards, was = after.devices[CARDS], before.devices[CARDS]
    gone, kept, taken = (was["cards"] - cards["cards"], cards["kept"] - was["kept"], cards["taken"] - was["taken"])
    if cards["place"] != "nowhere":
        yield f"a card lies at the {cards['place']}"
    if taken != ends["produced"] or kept != ends["retained"] + ends["voided"] or gone != taken + kept:
        yield f"{gone} cards are gone, {taken} taken, {kept} in the bin; we say {dict(ends)}"
    used = sum(made["end"] in ("written", "voided") for made in after.devices[PERMITS]["journal"].values())
    if used != gone:
        yield f"the writer has used up {used} numbers, {gone} cards are gone"


def _handed_out(before: After, after: After) -> Iterator[str]:
    """A door is opened once, and what the department hears is what door and person have said."""
    old = {ended.intent.id for ended in before.intents}
    new = [ended for ended in after.intents if ended.intent.id not in old and ended.intent.kind == LOCKER]
    opened = after.devices["lock_board"]["opened"]
    if len(opened) > len(new):
        yield f"doors {opened} were opened for {len(new)} intents"
    for ended in new:
        told = [row for row in after.rows if row.kind == "hand_out" and row.case_id == ended.intent.ref]
        lies = [row["state"] for row in after.lockers if row["lock"] == ended.intent.detail["lock"]]
        right = {"handed_over": [], "in_doubt": ["in_doubt"], "not_opened": ["filled"]}.get(ended.outcome or "")
        if lies != right or len(told) != (ended.outcome != "not_opened"):
            yield f"the door was {ended.outcome}, the city says {lies}, told {len(told)} times"


def _money(before: After, dead: After, after: After) -> Iterator[str]:
    """Every order has its end: closed unpaid, paid for what is made or kept, or owed back."""
    known = {row["order_no"] for row in before.money}
    new = [row for row in after.money if row["order_no"] not in known]
    for row in new:
        if not row["ended"] or row["paid"] == "unpaid":
            yield f"an order is {row['paid']} and has no end"
        right = _owed(after, row["case_id"])
        if row["paid"] == "paid" and row["state"] not in right:
            yield f"paid, the item is {row['state']}, not {' or '.join(right)}"
    shown = {line["kind"] for line in dead.said if line["type"] == "page"}
    if "paid" in shown and not any(row["paid"] == "paid" for row in new):
        yield "the page said paid, the hub has no money"


def _owed(after: After, case_id: str) -> tuple[str, ...]:
    """What a paid item of this case must be, by what came of it."""
    of_case = [ended for ended in after.intents if ended.intent.kind == PRODUCE and ended.intent.ref == case_id]
    items = [item for ended in after.intents if ended.intent.kind == PAY for item in ended.intent.detail["items"]]
    if any(ended.outcome in MADE_ENDS for ended in of_case):
        return ("produced",)
    if [case_id, False] in items and any(row.key == case_id for row in after.rows):
        return ("paid", "produced")
    return ("refund_due", "refunded")


def _paper(before: After, dead: After, after: After) -> Iterator[str]:
    """Each sheet once, or the doubt is open; a second one is marked."""
    kept = {row.receipt_number for row in after.rows}
    for number in {n for slip in dead.slips for n in NUMBER.findall(slip)}:
        if number not in kept:
            yield "a slip names a number whose case is not kept"
    old = {ended.intent.id for ended in before.intents}
    new = [ended for ended in dead.intents if ended.intent.id not in old and ended.number]
    for number in {ended.number for ended in new} | {n for slip in dead.slips for n in NUMBER.findall(slip)}:
        yield from _sheets_of(number, [ended for ended in new if ended.number == number], dead.slips)
    if dead.slips and not any(NUMBER.search(slip) for slip in dead.slips):
        yield "a sheet without a number"
    for number in dead.doubtful_numbers(before):
        marked = [slip for slip in after.slips[len(dead.slips) :] if number in NUMBER.findall(slip) and COPY in slip]
        if not marked:
            yield "the doubtful slip was not offered again as a copy"


def _sheets_of(number: str, intents: list[Ended], slips: list[str]) -> Iterator[str]:
    sheets = sum(number in NUMBER.findall(slip) for slip in slips)
    proved = sum(ended.outcome == "printed" for ended in intents)
    doubted = sum(ended.outcome is None and ended.intent.detail.get("handed") is True for ended in intents)
    if not proved <= sheets <= proved + doubted:
        yield f"{sheets} sheets came out, the journal has {proved} as printed and {doubted} in doubt"


def _said(dead: After, after: After) -> Iterator[str]:
    """Every intent that was open at the death is decided: once in the audit chain, and as a status line."""
    audited = Counter(row.detail.get("intent") for row in after.audit if row.event == "recovered")
    lines = {line["intent"] for line in after.said if line["type"] == "recovered"}
    for ended in dead.intents:
        if ended.outcome is None:
            if audited[ended.intent.id] != 1:
                yield f"the open intent is {audited[ended.intent.id]} times in the audit"
            if ended.intent.id not in lines:
                yield "the open intent has no recovered line"
            if ended.intent.detail.get("handed") is False and not _resolved(after, ended.intent.id, "not_printed"):
                yield "what was never handed over is not resolved as not printed"


def _resolved(after: After, intent_id: int, outcome: str) -> bool:
    return any(i.intent.id == intent_id and i.outcome == outcome for i in after.intents)
