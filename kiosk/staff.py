"""Guides and technicians: known by a keyed digest of their card's number, technicians by a PIN besides.

The lock-out doubles: five free tries, then 15 s × 2^k up to 7,680 s, kept in the store: a restart does not shorten it.
A running machine measures it by the monotonic clock; the wall clock counts only from one start to the next, and a
clock that was set back locks for no longer than the whole time. It never becomes permanent.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Literal

import argon2
import msgspec
import trio

from offline_cache.values import Values

FREE_TRIES = 5
FIRST_LOCK_S = 15.0
LONGEST_LOCK_S = 7680.0
_SPACE = "staff"
Role = Literal["guide", "technician"]


class Staff(msgspec.Struct, frozen=True):
    """One member of staff as this machine knows them; ``ref`` stands in the audit."""

    ref: str
    role: Role
    pin_hash: str = ""


class Known(msgspec.Struct, frozen=True):
    """One line of the list of staff."""

    ref: str
    role: Role
    cards: int


class Lock(msgspec.Struct, frozen=True):
    """Failed tries in a row and until when no further one is taken (wall time, UTC)."""

    failures: int = 0
    until: datetime | None = None


class StaffBook:
    """Looks up, enrols and checks staff. Blocking store calls run in a worker thread."""

    def __init__(self, values: Values, now: Callable[[], datetime]) -> None:
        self._values = values
        self._now = now
        self._hasher = argon2.PasswordHasher()
        self._ends: dict[str, float] = {}
        self._one_try = trio.Lock()

    async def find(self, card_number: str) -> Staff | None:
        """Whose card this is, or None."""
        raw = await trio.to_thread.run_sync(lambda: self._values.get(_SPACE, self._digest_key(card_number)))
        return msgspec.json.decode(raw, type=Staff) if raw else None

    def enrol(self, card_number: str, role: Role, ref: str, pin: str = "") -> None:
        """Remember a member of staff; a second call replaces the first."""
        staff = Staff(ref, role, self._hasher.hash(pin) if pin else "")
        self._values.put(_SPACE, self._digest_key(card_number), msgspec.json.encode(staff))

    def known(self) -> list[Known]:
        """Everybody, by reference."""
        found: dict[str, Known] = {}
        for _, staff in self._cards():
            before = found.get(staff.ref)
            found[staff.ref] = Known(staff.ref, staff.role, before.cards + 1 if before else 1)
        return [found[ref] for ref in sorted(found)]

    def remove(self, ref: str) -> int:
        """Forget every card of ``ref`` and their lock-out; returns how many cards there were."""
        names = [name for name, staff in self._cards() if staff.ref == ref]
        for name in names:
            self._values.delete(_SPACE, name)
        if names:
            self._values.delete(_SPACE, f"lock:{ref}")
            self._ends.pop(ref, None)
        return len(names)

    def _cards(self) -> Iterator[tuple[str, Staff]]:
        for name in self._values.names(_SPACE):
            raw = self._values.get(_SPACE, name) if name.startswith("card:") else None
            if raw:
                yield name, msgspec.json.decode(raw, type=Staff)

    async def locked_for_s(self, staff: Staff) -> float:
        """Seconds until the next try is taken."""
        if staff.ref not in self._ends:
            lock = await self._lock(staff)
            left_s = (lock.until - self._now()).total_seconds() if lock.until else 0.0
            self._lock_for(staff, min(left_s, lock_s(lock.failures)))
        return max(0.0, self._ends[staff.ref] - trio.current_time())

    async def check_pin(self, staff: Staff, pin: str) -> bool:
        """One try. The failure is counted before the hash is checked, so that pulling the plug gains nothing."""
        async with self._one_try:
            if not staff.pin_hash or await self.locked_for_s(staff) > 0:
                return False
            failures = (await self._lock(staff)).failures + 1
            await self._write(staff, Lock(failures, self._now() + timedelta(seconds=lock_s(failures))))
            self._lock_for(staff, lock_s(failures))
            right = await trio.to_thread.run_sync(self._verify, staff.pin_hash, pin)
            if right:
                await self._write(staff, Lock())
                self._lock_for(staff, 0.0)
            return right

    def _verify(self, pin_hash: str, pin: str) -> bool:
        try:
            return self._hasher.verify(pin_hash, pin)
        except argon2.exceptions.VerificationError:
            return False

    def _lock_for(self, staff: Staff, seconds: float) -> None:
        self._ends[staff.ref] = trio.current_time() + seconds

    async def _lock(self, staff: Staff) -> Lock:
        raw = await trio.to_thread.run_sync(self._values.get, _SPACE, f"lock:{staff.ref}")
        return msgspec.json.decode(raw, type=Lock) if raw else Lock()

    async def _write(self, staff: Staff, lock: Lock) -> None:
        await trio.to_thread.run_sync(self._values.put, _SPACE, f"lock:{staff.ref}", msgspec.json.encode(lock))

    def _digest_key(self, card_number: str) -> str:
        secret = self._values.get(_SPACE, "secret")
        if not secret:
            secret = secrets.token_bytes(32)
            self._values.put(_SPACE, "secret", secret)
        return "card:" + hmac.new(secret, card_number.encode(), hashlib.sha256).hexdigest()


def lock_s(failures: int) -> float:
    """Seconds of lock-out after this many failures in a row: 0 up to five, then 15 s doubling to 7,680 s."""
    return 0.0 if failures < FREE_TRIES else min(LONGEST_LOCK_S, FIRST_LOCK_S * 2.0 ** (failures - FREE_TRIES))
