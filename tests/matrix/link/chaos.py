"""A machine, a bad line and a hub, killed and restarted: ``python -m tests.matrix.link.chaos --cases 10000 --seed 7``.

Filing, store, forwarder, HTTP client, hub and PostgreSQL are the real ones, each in its own process. At the end the
machine's store and the hub's database are laid side by side. The seed fixes the cases, the dice of the proxy and the
plan of kills; how the processes interleave is the computer's.
"""

from __future__ import annotations

import argparse
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import trio
from rich.console import Console
from rich.table import Table

from hub.postgres import OwnPostgres
from kiosk.clock import Clock
from kiosk.hub_link.enrolment import enrol
from kiosk.hub_link.identity import Identity
from kiosk.messages.envelope import FIRST_PREV
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from offline_cache.values import Values
from tests.hub.fixtures import ROOT, RunningHub
from tests.matrix.link import mistakes
from tests.matrix.link.kiosk_child import Plan
from tests.matrix.link.proxy import Proxy

QUIET_S = 40.0
"""So long without a word from a machine that still has something to do means that it is stuck."""
OPENED_WITHIN_S = 120.0
NOTHING_WRONG = (
    "lost",
    "duplicated",
    "out of order",
    "held",
    "undelivered",
    "no effect",
    "chain broken",
    "not as kept",
)


class Told(NamedTuple):
    """What the machine said, over all its lives. ``keys``: item to the keys it was filed under."""

    keys: dict[int, set[str]]
    kept: dict[int, set[str]]
    delivered: set[str]


class Report(NamedTuple):
    """``wrong``: how many of each kind of trouble; all 0 is what is promised."""

    seed: int
    wrong: dict[str, int]
    facts: dict[str, float]

    @property
    def is_whole(self) -> bool:
        return not any(self.wrong.values())


class Run:
    """One machine in ``folder`` against ``hub``, ``cases`` items long."""

    def __init__(
        self,
        hub: RunningHub,
        folder: Path,
        *,
        cases: int,
        seed: int,
        kiosk_kills: int,
        hub_kills: int,
        mistake: str = "",
        quiet_s: float = QUIET_S,
        limit_s: float = 3600.0,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.hub, self.cases, self.seed, self.mistake = hub, cases, seed, mistake
        self._folder, self._quiet_s, self._progress = folder, quiet_s, progress
        self._ends = time.monotonic() + limit_s
        self._dice = Random(seed)
        self.told = Told({}, {}, set())
        self.counts: Counter[str] = Counter()
        port = int(hub.url.rpartition(":")[2])
        self.proxy = Proxy(("127.0.0.1", port), seed)
        self._hub_port = port
        # Where the next kill falls: after so many kept items, at a moment of the next 0.3 s.
        self._kills = sorted(
            (self._dice.randrange(1, max(2, cases)), who)
            for who, times in (("kiosk", kiosk_kills), ("hub", hub_kills))
            for _ in range(times)
        )
        self.store_path = folder / f"kiosk-{seed}-{mistake or 'right'}.db"
        self.kiosk_id = f"chaos-{seed}-{(mistake or 'right').replace(' ', '-')}"

    def go(self) -> Report:
        """Enrols, lives through all kills, and compares."""
        began = time.monotonic()
        self._enrol()
        self.proxy.start()
        try:
            while not self._one_life():
                pass
        finally:
            self.proxy.stop()
        seconds, wrong = time.monotonic() - began, self._compare()
        facts = {"seconds": seconds, **self.counts, **self.proxy.counts}
        return Report(self.seed, wrong, facts)

    def _enrol(self) -> None:
        clock = Clock()
        store = Store.open(self.store_path, now=clock.now, ballast_mb=1, free_floor_mb=1)
        identity = Identity.load(Values(store), self.kiosk_id)
        trio.run(enrol, self.hub.url, self.hub.demo("POST", "codes")["code"], identity, clock)
        store.close()

    def _one_life(self) -> bool:
        """Runs the machine until it is done, killed or stuck; whether that was its last life."""
        child = self._spawn()
        self.counts["starts of the machine"] += 1
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(child, lines), daemon=True)
        reader.start()
        try:
            end = self._listen(child, lines)
        finally:
            child.kill()
            child.wait(10)
            reader.join(5)
        while not lines.empty():
            end = self._hear(lines.get()) or end
        if not end:
            raise RuntimeError(f"the machine ended by itself with {child.returncode}, see {self._folder}")
        self.counts["stuck"] += end == "stuck"
        return end != "killed"

    def _listen(self, child: subprocess.Popen, lines: queue.Queue[str]) -> str:
        """``done``, ``killed``, ``stuck``, or nothing when it ended by itself."""
        heard = time.monotonic()
        while True:
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                if child.poll() is not None and lines.empty():
                    return ""
                if time.monotonic() - heard > self._quiet_s:
                    return "stuck"
                continue
            heard = time.monotonic()
            if self._hear(line):
                return "done"
            if heard > self._ends:
                self._ends, self._kills = float("inf"), []
                # What was begun is the whole run; one more life brings it to its end.
                self.cases = max(self.told.keys) + 1
                return "killed"
            if self._kills and len(self.told.kept) >= self._kills[0][0]:
                who = self._kills.pop(0)[1]
                threading.Event().wait(self._dice.random() * 0.3)
                if self._kill(who) == "kiosk":
                    return "killed"

    def _spawn(self) -> subprocess.Popen:
        plan = Plan(
            store=str(self.store_path),
            kiosk_id=self.kiosk_id,
            url=f"http://127.0.0.1:{self.proxy.port}",
            seal_key=self.hub.said["seal_key"],
            verify_key=self.hub.said["verify_key"],
            seed=self.seed,
            items=self.cases,
            shift_days=400,
            clock_seed=self._dice.randrange(2**31),
        )
        path = self.store_path.with_suffix(".json")
        path.write_bytes(msgspec.json.encode(plan))
        with self.store_path.with_suffix(".log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.matrix.link.kiosk_child", str(path)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, mistakes.VARIABLE: self.mistake},
            )

    def _kill(self, who: str) -> str:
        """The hub is killed and started here, the machine by the caller."""
        self.counts[f"{who} kills"] += 1
        if who == "hub":
            self.hub.kill()
            threading.Event().wait(self._dice.random() * 0.5)
            self.hub.start(self._hub_port)
        return who

    def _hear(self, line: str) -> str:
        """Notes what was said; ``done`` when that was the last word."""
        word, *rest = line.split()
        if word in ("begun", "kept"):
            places = self.told.keys if word == "begun" else self.told.kept
            places.setdefault(int(rest[0]), set()).add(rest[1])
        elif word == "delivered":
            self.told.delivered.add(rest[0])
            done = len(self.told.delivered)
            if done % 100 == 0:
                self._progress(f"{done} delivered, {self.proxy.counts['requests']} requests, {dict(self.counts)}")
        return word if word == "done" else ""

    def _compare(self) -> dict[str, int]:
        wrong = dict.fromkeys(NOTHING_WRONG, 0)
        store = Store.open(self.store_path, now=Clock().now, ballast_mb=1, free_floor_mb=1)
        rows = store.query("SELECT seq, key, state, sha256, prev_sha256, receipt, attempts FROM outbox ORDER BY seq")
        wrong["chain broken"] += Outbox(store).verify_chain() is not None
        store.close()
        at_hub = self._at_hub()
        self.counts["tries of envelopes"] = sum(row["attempts"] for row in rows)
        wrong["undelivered"] = max(0, self.cases - sum(row["state"] == "delivered" for row in rows))
        wrong["held"] = sum(row["state"] == "held" for row in rows)
        self._check_items(wrong, at_hub, {row["key"] for row in rows if row["state"] != "delivered"})
        self._check_rows(wrong, rows, at_hub)
        self._check_order(wrong, at_hub)
        return wrong

    def _check_items(self, wrong: dict[str, int], at_hub: dict[str, AtHub], waiting: set[str]) -> None:
        for n, kept in self.told.kept.items():
            arrived = [key for key in self.told.keys[n] if key in at_hub]
            wrong["lost"] += any(key not in at_hub and key not in waiting for key in kept)
            wrong["duplicated"] += max(0, len(arrived) - 1)
        for each in at_hub.values():
            wrong["duplicated"] += max(0, each.received - 1) + max(0, each.case_states - 1)
            wrong["no effect"] += not each.received or (each.kind == "case") != bool(each.case_files)

    def _check_rows(self, wrong: dict[str, int], rows: list[dict], at_hub: dict[str, AtHub]) -> None:
        """The store's word against the hub's: digests, receipts, and the chain without a gap."""
        prev = FIRST_PREV
        for place, row in enumerate(rows, 1):
            there = at_hub.get(row["key"])
            if there is None:
                prev = row["sha256"]
                continue
            same = (there.seq, there.sha256, there.prev_sha256) == (row["seq"], row["sha256"], row["prev_sha256"])
            receipt = row["receipt"] in (None, there.receipt)
            wrong["not as kept"] += not (same and receipt and there.parcels_whole)
            wrong["chain broken"] += there.seq != place or there.prev_sha256 != prev
            prev = there.sha256
        wrong["not as kept"] += len(at_hub.keys() - {row["key"] for row in rows})
        said = "select count(*) from event where kiosk_id = %s and kind = 'chain_broken'"
        wrong["chain broken"] += self.hub.sql(said, self.kiosk_id)[0][0]

    def _check_order(self, wrong: dict[str, int], at_hub: dict[str, AtHub]) -> None:
        last: dict[str, int] = {}
        for each in sorted(at_hub.values(), key=lambda each: each.hub_seq):
            wrong["out of order"] += last.get(each.case_id, 0) > each.seq
            last[each.case_id] = max(each.seq, last.get(each.case_id, 0))

    def unopened(self) -> int:
        """Cases whose work behind the receipt the hub has not begun: a killed hub must take it up again."""
        said = """select count(*) from envelope e where kiosk_id = %s and kind = 'case' and not exists
            (select from event v where v.envelope_key = e.key and v.kind = 'opened')"""
        return self.hub.sql(said, self.kiosk_id)[0][0]

    def _at_hub(self) -> dict[str, AtHub]:
        rows = self.hub.sql(
            """select e.key::text, e.hub_seq, e.seq, e.kind, e.case_id, e.sha256, e.prev_sha256, e.receipt,
                   (select count(*) from event v where v.envelope_key = e.key and v.kind = 'received'),
                   (select count(*) from event v where v.envelope_key = e.key and v.kind = 'case_state'
                        and v.data->>'state' = 'delivered'),
                   (select count(*) from case_file c where c.key = e.key),
                   not exists (select from jsonb_array_elements(convert_from(e.header, 'UTF8')::jsonb->'parts') part
                        where not exists (select from parcel p where p.complete
                            and p.sha256 = part->>'sha256' and p.total = (part->>'bytes')::bigint))
               from envelope e where e.kiosk_id = %s""",
            self.kiosk_id,
        )
        return {row[0]: AtHub(*row) for row in rows}


class AtHub(NamedTuple):
    """One envelope as the hub has it, and what it brought about there."""

    key: str
    hub_seq: int
    seq: int
    kind: str
    case_id: str
    sha256: str
    prev_sha256: str
    receipt: bytes
    received: int
    case_states: int
    case_files: int
    parcels_whole: bool


def _read(child: subprocess.Popen, lines: queue.Queue[str]) -> None:
    assert child.stdout is not None
    with child.stdout:
        for line in child.stdout:
            if line.endswith("\n"):  # a kill may cut the last one
                lines.put(line)


def table_of(report: Report, cases: int, mistake: str) -> Table:
    table = Table(title=f"chaos · seed {report.seed} · {cases} cases · {mistake or 'as built'}")
    table.add_column("what", min_width=40)
    table.add_column("count", justify="right", min_width=10)
    for name, count in report.wrong.items():
        table.add_row(name, str(count), style="red" if count else "green")
    table.add_section()
    for name, count in report.facts.items():
        table.add_row(name, f"{count:,.0f}")
    return table


def main(argv: list[str]) -> int:
    """Prints progress and the table; 0 when nothing is wrong."""
    options = argparse.ArgumentParser(prog="python -m tests.matrix.link.chaos", description=__doc__)
    options.add_argument("--cases", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=0, help="0 takes a fresh one")
    options.add_argument("--kiosk-kills", type=int, help="default: one in 200 cases")
    options.add_argument("--hub-kills", type=int, help="default: one in 1000 cases")
    options.add_argument("--mistake", default="", choices=["", "ack first", "no order", "new key"])
    options.add_argument("--limit-s", type=float, default=3600.0, help="stop filing then")
    options.add_argument("--folder", help="a folder on the disk to use")
    chosen = options.parse_args(argv)
    seed = chosen.seed or new_seed()
    console = Console(width=140)
    console.print(f"seed {seed}")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name, OwnPostgres(Path(name) / "postgres") as postgres:
        hub = RunningHub(postgres.dsn, Path(name) / "hub")
        hub.start()
        try:
            run = Run(
                hub,
                Path(name),
                cases=chosen.cases,
                seed=seed,
                kiosk_kills=chosen.cases // 200 if chosen.kiosk_kills is None else chosen.kiosk_kills,
                hub_kills=chosen.cases // 1000 if chosen.hub_kills is None else chosen.hub_kills,
                mistake=chosen.mistake,
                limit_s=chosen.limit_s,
                progress=lambda line: console.print(line, markup=False, highlight=False),
            )
            report = run.go()
            took_s = _until(lambda: not run.unopened(), OPENED_WITHIN_S)
            report.facts.update({"seconds until all were opened": took_s, "cases not opened": run.unopened()})
        finally:
            hub.stop()
    console.print(table_of(report, run.cases, chosen.mistake))
    return 0 if report.is_whole and not report.facts["cases not opened"] else 1


def _until(true: Callable[[], bool], limit_s: float) -> float:
    began = time.monotonic()
    while not true() and time.monotonic() - began < limit_s:
        threading.Event().wait(1.0)
    return time.monotonic() - began


def new_seed() -> int:
    return int.from_bytes(os.urandom(4), "big") or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
