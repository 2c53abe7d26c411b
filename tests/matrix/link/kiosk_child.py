"""The machine's durable side in a process of its own: files, forwards, says what it has, and may be killed any time.

``python -m tests.matrix.link.kiosk_child PLAN``: the plan is a JSON file. Lines on stdout: ``begun N KEY``,
``kept N KEY SEQ``, ``delivered KEY``, ``held KEY``, ``online yes|no``, ``done``. With ``watch`` it keeps the live link
too and files up to the number in each line on stdin, until that ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import structlog
import trio

from kiosk.clock import Clock
from kiosk.hub_link.carriers import HttpsCarrier
from kiosk.hub_link.client import HubLink
from kiosk.hub_link.enrolment import enrol
from kiosk.hub_link.filing import PRIORITIES, Filing
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.identity import Identity
from kiosk.messages import content
from kiosk.messages.envelope import Kind, new_key
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.values import Values
from tests.matrix.link import mistakes

BLOCK = 8
CASE_OF_PLACE = (0, 1, 2, 0, 4, 0, 1, 7)
"""In each block of eight items three belong to one case, two to another, the rest to cases of their own."""
LOOK_S = 0.02


class Plan(msgspec.Struct):
    """What this process does.

    ``shift_days``: how far its wall clock may jump, both ways, by ``clock_seed`` · ``code``: enrols with it first.
    """

    store: str
    kiosk_id: str
    url: str
    seal_key: str
    verify_key: str
    seed: int
    items: int
    ca_file: str = ""
    code: str = ""
    base_s: float = 0.02
    cap_s: float = 0.2
    backlog: int = 48
    shift_days: int = 0
    clock_seed: int = 0
    watch: bool = False
    request_timeout_s: float = 0.7


class Item(NamedTuple):
    """What item ``n`` of a run consists of, the same in every process."""

    key: str
    case_id: str
    kind: Kind
    receipt_number: str
    parts: dict[str, bytes]


class JumpingClock(Clock):
    """A wall clock that is set wrong at the start and again now and then. The monotonic one never moves."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._dice, self._days = Random(plan.clock_seed), plan.shift_days
        self.jump()

    def jump(self) -> None:
        self._wrong = timedelta(seconds=self._dice.uniform(-1, 1) * self._days * 86_400)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._wrong


def key_of(seed: int, n: int) -> str:
    """A key of UUIDv7's form (RFC 9562) that a restarted process finds again, as a visit keeps its own."""
    x = sha256(f"{seed} {n}".encode()).hexdigest()
    return f"0190{x[:4]}-{x[4:8]}-7{x[8:11]}-8{x[11:14]}-{x[14:26]}"


def item(seed: int, n: int) -> Item:
    """The first of a case is the least urgent, so that priorities pull against the order."""
    block, place = divmod(n, BLOCK)
    first = block * BLOCK + CASE_OF_PLACE[place]
    dice = Random(f"{seed} {n}")
    kind: Kind = "case" if n != first or place in (2, 7) else "finding"
    parts = {"form": _case_form(n) if kind == "case" else dice.randbytes(500)}
    if n % 10 == 3:
        parts["photo"] = dice.randbytes(600_000 if n % 50 == 3 else 30_000)
    return Item(key_of(seed, n), key_of(seed, first), kind, f"R{n:06}", parts)


def _case_form(n: int) -> bytes:
    applicant = content.Applicant(
        kind="resident",
        name="测试卡",
        sex="1",
        nation="01",
        birth="19580101",
        address="",
        number="990101195801010010",
        authority="",
        valid_from="20200101",
        valid_to="20400101",
    )
    form = content.CaseForm(
        service="T01",
        catalogue_version="2027.01",
        receipt_number=f"R{n:06}",
        applicant=applicant,
        answers={},
        identity=content.Identity("face", "passed", 0.3, "test"),
        filed_at=datetime(2027, 1, 12, 2, tzinfo=UTC),
    )
    return content.encode_content(form)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def run(plan: Plan) -> None:
    clock = JumpingClock(plan)
    store = Store.open(plan.store, now=clock.now, ballast_mb=1, free_floor_mb=1)
    outbox = Outbox(store, priorities=PRIORITIES, cap_s=plan.cap_s)
    identity = Identity.load(Values(store), plan.kiosk_id)
    link = HubLink(plan, identity, clock, on_change=lambda _state: _changed(forwarder, link.online))
    forwarder = Forwarder(
        outbox,
        HttpsCarrier(link.http, clock),
        verify_key=plan.verify_key,
        monotonic=clock.monotonic,
        rng=Random(),
        base_s=plan.base_s,
        cap_s=plan.cap_s,
        on_change=lambda _case, key, _kind, state: say(state, key) if state in ("delivered", "held") else None,
        on_idle=store.tidy,
    )
    filing = Filing(outbox, identity, seal_key=plan.seal_key, clock=clock, on_filed=forwarder.nudge)
    if plan.code:
        await enrol(plan.url, plan.code, identity, clock, ca_file=plan.ca_file)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(forwarder.run)
        if plan.watch:
            nursery.start_soon(link.run)
            async for items in _told():
                await _file_all(plan, filing, outbox, clock, items)
        else:
            await _file_all(plan, filing, outbox, clock, plan.items)
        while outbox.depth():
            await trio.sleep(LOOK_S)
        nursery.cancel_scope.cancel()
    await link.http.aclose()
    store.close()
    say("done")


def _changed(forwarder: Forwarder, online: bool) -> None:
    say("online", "yes" if online else "no")
    if online:
        forwarder.network_up()


async def _told() -> AsyncIterator[int]:
    while line := await trio.to_thread.run_sync(sys.stdin.readline):
        yield int(line)


async def _file_all(plan: Plan, filing: Filing, outbox: Outbox, clock: JumpingClock, items: int) -> None:
    """Goes on where the process before this one died; its last filing is repeated, as a person taps again."""
    dice = Random()
    for n in range(max(0, outbox.last_seq() - 1), items):
        each = item(plan.seed, n)
        key = new_key() if mistakes.chosen() == "new key" else each.key
        say("begun", n, key)
        filed = await filing.file(
            kind=each.kind, key=key, case_id=each.case_id, receipt_number=each.receipt_number, parts=each.parts
        )
        say("kept", n, key, filed.seq)
        if dice.random() < 0.02:
            clock.jump()
        while outbox.depth() >= plan.backlog:
            await trio.sleep(LOOK_S)


def main(path: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    mistakes.build_in()
    trio.run(run, msgspec.json.decode(Path(path).read_bytes(), type=Plan))


if __name__ == "__main__":
    main(sys.argv[1])
