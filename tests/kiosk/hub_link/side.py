"""A machine with its store and one carrier to the real hub."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import trio

from hub.batch_folder import Folder, Handled, exit_code, told
from hub.keys import load_keys
from hub.server import Extras, make_hub
from kiosk.clock import Clock
from kiosk.hub_link.carriers import HttpsCarrier
from kiosk.hub_link.enrolment import enrol
from kiosk.hub_link.files import FileCarrier
from kiosk.hub_link.filing import PRIORITIES, Filing
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.http import HubHttp
from kiosk.hub_link.identity import Identity
from kiosk.messages.envelope import new_key
from kiosk.messages.fleet import Enrolled
from offline_cache.outbox import Outbox, Row
from offline_cache.store import Store
from offline_cache.values import Values
from tests.forking import forked
from tests.hub.fixtures import TODAY, RunningHub, case_form
from tests.waiting import HANG_S


class Side:
    """A machine with its store, and one carrier to the hub. ``suite`` and ``carrier`` are as in ``[hub]``."""

    def __init__(self, hub: RunningHub, folder: Path, carrier: str, suite: str = "std") -> None:
        self.hub, self.folder, self.name, self.suite = hub, folder, carrier, suite
        self.clock = Clock(TODAY)
        self.kiosk_id = f"k-{new_key()[-8:]}-0001"
        self.exchange = folder / "exchange"
        self.alarms: list[tuple[str, str]] = []
        prefix = "" if suite == "std" else "gm_"
        self.seal_key, self.verify_key = hub.said[f"{prefix}seal_key"], hub.said[f"{prefix}verify_key"]
        self.open()

    def open(self) -> None:
        self.store = Store.open(self.folder / "store.db", now=self.clock.now, ballast_mb=0, free_floor_mb=1)
        self.outbox = Outbox(self.store, priorities=PRIORITIES, cap_s=0.4)
        self.identity = Identity.load(Values(self.store), self.kiosk_id, self.suite)
        self.filing = Filing(self.outbox, self.identity, seal_key=self.seal_key, clock=self.clock)
        self.http = HubHttp(self.hub.url, self.identity, self.clock, timeout_s=HANG_S)
        https = HttpsCarrier(self.http, self.clock)
        self.files = FileCarrier(
            self.exchange, self.kiosk_id, self.clock.monotonic, linger_s=0.05, look_s=0.05, again_after_s=3600
        )
        self.forwarder = Forwarder(
            self.outbox,
            self.files if self.name == "file" else https,
            files=None if self.name == "https" else self.files,
            verify_key=self.verify_key,
            suite=self.suite,
            monotonic=self.clock.monotonic,
            rng=random.Random(1),
            base_s=0.05,
            cap_s=0.4,
            on_alarm=lambda what, reason: self.alarms.append((what, reason)),
        )

    async def close(self) -> None:
        await self.http.aclose()
        self.store.close()

    async def enrol(self) -> Enrolled:
        code = self.hub.code(replace=True)
        told = await enrol(self.hub.url, code, self.identity, self.clock, last_seq=self.outbox.last_seq())
        assert (told.seal_key, told.verify_key) == (self.seal_key, self.verify_key)
        return told

    def file(self, *, case: str | None = None, photo: bytes = b"photo") -> str:
        key = new_key()
        parts = {"form": case_form("zhao", "E13", key.replace("-", "")[:24]), "face": photo}
        self.filing.file_now("case", key, case or key, None, parts)
        return key

    def state(self, key: str) -> str:
        return self.outbox.proof(key).state

    def row(self, key: str) -> Row:
        return next(row for row in self.outbox.rows() if row.key == key)

    def states(self) -> list[str]:
        return [row.state for row in self.outbox.rows()]

    def batches(self) -> list[Path]:
        return sorted((self.exchange / "out").glob("*.tbz"))

    async def run_until(self, done: Callable[[], bool], *, hub_files: bool = True) -> None:
        """Runs the forwarder, and for a file carrier the hub's side whenever a batch is there, until ``done``."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.forwarder.run)
            with trio.fail_after(HANG_S):
                while not done():
                    if hub_files and self.name != "https" and self.batches():
                        await trio.to_thread.run_sync(self.hub_files)
                    await trio.sleep(0.02)
            nursery.cancel_scope.cancel()

    async def deliver(self) -> None:
        await self.run_until(lambda: not self.outbox.depth())

    async def export(self) -> list[Path]:
        """By file only: what is stored is in ``out/``; the hub has not looked yet."""

        def written() -> bool:
            rows = self.outbox.rows()
            return all(row.state == "delivered" or self._is_out(row.state, row.seq) for row in rows)

        await self.run_until(written, hub_files=False)
        return self.batches()

    def _is_out(self, state: str, seq: int) -> bool:
        """Written, and noted as waiting for its receipt: who is stopped before that gives it back."""
        return state == "sending" and seq in self.forwarder._sent._due

    def hub_files(self) -> tuple[int, list[dict]]:
        """What ``hub files --once`` does, without starting a process: its exit code and what became of each file."""

        async def handle() -> list[Handled]:
            hub = make_hub(self.hub.dsn, load_keys(self.hub.data / "keys"), Clock(TODAY), Extras())
            async with hub.pool, hub.jobs.open_async():
                return await Folder(hub, self.exchange).handle_all()

        handled = asyncio.run(handle())
        return exit_code(handled), [told(*each) for each in handled]

    def hub_files_process(self) -> tuple[int, list[dict]]:
        """The command itself."""
        command = ["files", "--once", "--today", str(TODAY), "--dsn", self.hub.dsn]
        command += ["--keys", str(self.hub.data / "keys"), "--folder", str(self.exchange)]
        done = forked("hub", *command)
        assert done.returncode in (0, 1, 3), done.stderr
        return done.returncode, [msgspec.json.decode(line) for line in done.stdout.splitlines()]

    def at_hub(self) -> list[str]:
        """Keys in the order in which the hub took them."""
        query = "select key::text from envelope where kiosk_id = %s order by hub_seq"
        return [key for (key,) in self.hub.sql(query, self.kiosk_id)]

    def once_each(self, keys: list[str]) -> bool:
        said = self.hub.sql(
            "select envelope_key::text from event where kiosk_id = %s and kind = 'received'", self.kiosk_id
        )
        return sorted(self.at_hub()) == sorted(keys) == sorted(key for (key,) in said)

    def events(self, kind: str) -> int:
        return self.hub.sql("select count(*) from event where kiosk_id = %s and kind = %s", self.kiosk_id, kind)[0][0]
