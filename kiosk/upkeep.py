"""When nobody is there the machine looks whether all that it keeps is still whole, and says what is not."""

from __future__ import annotations

import structlog
import trio

from kiosk.machine import Machine
from kiosk.threads import in_thread
from offline_cache.errors import StoreError
from offline_cache.store import WAL_BYTES
from offline_cache.strangers import strangers

log = structlog.get_logger()

LOOK_S = 10.0
ROUND_S = 600.0
"""From the end of one reading of everything that waits to the beginning of the next."""
WAITS_TOO_LONG_S = 24 * 3600.0
LOG_LIMIT_BYTES = 2 * WAL_BYTES


class Upkeep:
    """Reads the queue a stretch at a time in quiet moments; alarms for what is damaged and what waits too long.

    Each is said once in the life of the process, and again after a restart: it waits for a person (CONTRACTS §3).
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._told: set[int] = set()
        self._told_waiting = self._told_log = False
        self._next_round = 0.0

    async def run(self) -> None:
        """Looks every ten seconds until canceled. A store that fails now is looked at again."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.error("upkeep.store", error=str(error))
            await trio.sleep(LOOK_S)

    async def look(self) -> None:
        """One look; the disk is read only while no visit is under way. Raises StoreError."""
        machine = self._machine
        if machine.is_quiet and trio.current_time() >= self._next_round:
            scrubbed = await in_thread(machine.outbox.scrub)
            if scrubbed.came_round:
                self._next_round = trio.current_time() + ROUND_S
        await self._look_at_log()
        for row in await in_thread(machine.outbox.quarantined):
            if row.seq not in self._told:
                self._told.add(row.seq)
                machine.alarm("damaged", f"envelope {row.seq} is set aside: {row.what}")
        oldest_s = await in_thread(lambda: machine.outbox.oldest_age_s)
        waits = oldest_s is not None and oldest_s > WAITS_TOO_LONG_S
        if waits and not self._told_waiting:
            machine.alarm("waiting", f"the oldest envelope has waited for {int((oldest_s or 0) // 3600)} hours")
        self._told_waiting = waits

    async def _look_at_log(self) -> None:
        """A stranger who reads the store keeps its log from being emptied: it is tried again until that one is gone."""
        store = self._machine.store
        if store.log_held or store.log_bytes > LOG_LIMIT_BYTES:
            await in_thread(store.empty_log)
        if store.log_held and not self._told_log:
            who = ", ".join(await in_thread(strangers, store.path)) or "another program"
            self._machine.alarm("store_read", f"{who} reads the store, its log grows: end that program")
        self._told_log = store.log_held
