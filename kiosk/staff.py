"""Guides and technicians: known by their card and a PIN. The store holds neither, only keyed digests of both.

A card is its number and what else stands on the chip: who knows a number has no card. What the chip says is kept with
the first right PIN, and any other card of that number is refused from then on.

The key of the digests is sealed (``offline_cache.vault``). Where it is not, one guess at a PIN costs ``PACE``: 10^6 of
them three weeks of a core (``make bench`` measures).

The lock-out doubles: five free tries, then 15 s × 2^k up to 7,680 s, kept in the store. No wall clock counts: a running
machine measures it by the monotonic clock, the next one by the time since the computer was switched on. It never
becomes permanent.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from typing import Literal

import argon2
import msgspec
import structlog
import trio

from devices.id_card_reader.card import IdCard
from kiosk import shapes
from kiosk.messages.typed import WronglyTyped
from kiosk.messages.typed import pin as checked_pin
from kiosk.threads import in_thread
from offline_cache.values import Values
from offline_cache.vault import Vault

log = structlog.get_logger()

FREE_TRIES = 5
FIRST_LOCK_S = 15.0
LONGEST_LOCK_S = 7680.0
PACE = argon2.PasswordHasher(time_cost=17, memory_cost=128 * 1024, parallelism=1)
MAX_DIGITS = 12
_SPACE = "staff"
Role = Literal["guide", "technician"]
PinState = Literal["good", "old", "none"]
"""``old``: of a version before, without the key and too short; ``none``: a guide of a version before."""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One card as it is kept.

    ``about`` is a digest of what stands on the chip ("": not seen yet), ``chip`` one of the chip's own number ("": the
    reader has not told it).
    ``is_keyed``: ``pin_hash`` is over a keyed digest of the PIN; in a version before it was over the PIN itself.
    """

    ref: str
    role: Role
    pin_hash: str = ""
    about: str = ""
    chip: str = ""
    is_keyed: bool = False

    @property
    def pin_state(self) -> PinState:
        if not self.pin_hash:
            return "none"
        return "good" if self.is_keyed else "old"


class Staff(msgspec.Struct, frozen=True):
    """A member of staff whose card lies there; ``ref`` stands in the audit. The three after it are digests."""

    ref: str
    role: Role
    place: str
    about: str
    chip: str
    pin_state: PinState = "good"


class Known(msgspec.Struct, frozen=True):
    """One line of the list of staff; ``pin`` is the worst of the cards', ``seen`` how many have been signed in with."""

    ref: str
    role: Role
    cards: int
    pin: PinState
    seen: int


class Lock(msgspec.Struct, frozen=True):
    """Failed tries in a row, and how long from ``at_s`` (seconds since this computer's ``boot``) none is taken."""

    failures: int = 0
    left_s: float = 0.0
    boot: str = ""
    at_s: float = 0.0


class StaffBook:
    """Looks up, enrols and checks staff. Blocking store calls run in a worker thread.

    ``since_boot`` gives this start of the computer a name and counts its seconds. ``on_alarm(what, reason)`` is told of
    a card that has a member's number and is another.
    """

    def __init__(
        self,
        values: Values,
        keys: Vault | Values,
        since_boot: Callable[[], tuple[str, float]],
        on_alarm: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._values, self._keys = values, keys
        self._since_boot, self._on_alarm = since_boot, on_alarm
        self._hasher = PACE
        self._ends: dict[str, float] = {}
        self._one_try = trio.Lock()

    async def find(self, card: IdCard) -> Staff | None:
        """Whose card this is, or None: also for a card that has the number of one and is another."""
        return await in_thread(self._find, card)

    def enrol(self, card_number: str, role: Role, ref: str, pin: str) -> None:
        """Remember a member of staff; a second call replaces the first. It opens no lock-out."""
        record = Record(ref, role, self._hasher.hash(self._keyed("pin", pin)), is_keyed=True)
        self._keep(self._place(card_number), record)

    def known(self) -> list[Known]:
        """Everybody, by reference."""
        found: dict[str, list[Record]] = {}
        for _, record in self._cards():
            found.setdefault(record.ref, []).append(record)
        return [_line(found[ref]) for ref in sorted(found)]

    def remove(self, ref: str) -> int:
        """Forget every card of ``ref`` and their lock-out; returns how many cards there were."""
        names = [name for name, record in self._cards() if record.ref == ref]
        for name in names:
            self._values.delete(_SPACE, name)
        if names:
            self._values.delete(_SPACE, f"lock:{ref}")
            self._ends.pop(ref, None)
        return len(names)

    async def locked_for_s(self, staff: Staff) -> float:
        """Seconds until the next try is taken."""
        if staff.ref not in self._ends:
            self._lock_for(staff, self._left_s(await self._lock(staff)))
        return max(0.0, self._ends[staff.ref] - trio.current_time())

    async def check_pin(self, staff: Staff, pin: str) -> bool:
        """One try. The failure is counted before the hash is checked, so that pulling the plug gains nothing."""
        async with self._one_try:
            if await self.locked_for_s(staff) > 0:
                return False
            await self._count(staff, (await self._lock(staff)).failures + 1)
            right = await in_thread(self._is_right, staff, pin)
            if right:
                await self._count(staff, 0)
            return right

    # -- cards -------------------------------------------------------------------------------------------------------

    def _find(self, card: IdCard) -> Staff | None:
        place, about = self._place(card.number), self._keyed("about", _standing_on(card))
        chip = self._keyed("chip", card.chip) if card.chip else ""
        record = self._record(place)
        if record is None:
            return None
        if record.chip and not chip:
            log.warning("staff_chip_not_told", ref=record.ref)
            return None
        if record.about not in ("", about) or record.chip not in ("", chip):
            log.warning("staff_card_differs", ref=record.ref)
            self._on_alarm("staff", f"a card with the number of {record.ref} is not the one that was signed in with")
            return None
        return Staff(record.ref, record.role, place, about, chip, record.pin_state)

    def _cards(self) -> Iterator[tuple[str, Record]]:
        for name in self._values.names(_SPACE):
            record = self._record(name) if name.startswith("card:") else None
            if record:
                yield name, record

    def _record(self, place: str) -> Record | None:
        raw = self._values.get(_SPACE, place)
        return shapes.from_json(raw, Record) if raw else None

    def _keep(self, place: str, record: Record) -> None:
        self._values.put(_SPACE, place, msgspec.json.encode(record))

    def _place(self, card_number: str) -> str:
        return "card:" + hmac.new(self._key(), card_number.encode(), hashlib.sha256).hexdigest()

    def _keyed(self, what: str, said: str) -> str:
        return hmac.new(self._key(), f"tongban/{what}/1|{said}".encode(), hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        key = self._keys.get(_SPACE, "secret")
        if not key:
            key = secrets.token_bytes(32)
            self._keys.put(_SPACE, "secret", key)
        return key

    # -- PINs --------------------------------------------------------------------------------------------------------

    def _is_right(self, staff: Staff, pin: str) -> bool:
        record = self._record(staff.place)
        if record is None or not record.pin_hash:
            return False
        if record.about not in ("", staff.about) or record.chip not in ("", staff.chip):
            return False
        try:
            self._hasher.verify(record.pin_hash, self._keyed("pin", pin) if record.is_keyed else pin)
        except argon2.exceptions.VerifyMismatchError:
            return False
        better = msgspec.structs.replace(self._renewed(record, pin), about=staff.about, chip=staff.chip)
        if better != record:
            self._keep(staff.place, better)
        return True

    def _renewed(self, record: Record, pin: str) -> Record:
        """The record as it is made today; one whose PIN would not be taken today stays, and is named in the list."""
        if record.is_keyed and not self._hasher.check_needs_rehash(record.pin_hash):
            return record
        try:
            good = checked_pin(pin, MAX_DIGITS)
        except WronglyTyped:
            return record
        pin_hash = self._hasher.hash(self._keyed("pin", good))
        return msgspec.structs.replace(record, pin_hash=pin_hash, is_keyed=True)

    # -- the lock-out ------------------------------------------------------------------------------------------------

    def _left_s(self, lock: Lock) -> float:
        """What is left of a lock-out that another process has begun."""
        boot, now_s = self._since_boot()
        whole_s = lock_s(lock.failures)
        if not lock.boot:
            return whole_s  # of a version before, which went by the wall clock
        passed_s = now_s - lock.at_s if lock.boot == boot else now_s
        return min(whole_s, lock.left_s - max(0.0, passed_s))

    def _lock_for(self, staff: Staff, seconds: float) -> None:
        self._ends[staff.ref] = trio.current_time() + seconds

    async def _count(self, staff: Staff, failures: int) -> None:
        lock = Lock(failures, lock_s(failures), *self._since_boot())
        await in_thread(self._values.put, _SPACE, f"lock:{staff.ref}", msgspec.json.encode(lock))
        self._lock_for(staff, lock_s(failures))

    async def _lock(self, staff: Staff) -> Lock:
        raw = await in_thread(self._values.get, _SPACE, f"lock:{staff.ref}")
        return shapes.from_json(raw, Lock) if raw else Lock()


def is_same_person(one: IdCard, other: IdCard) -> bool:
    """Whether two cards are of one person: by number, or by name and birth, whatever kind of card each is."""
    return one.number == other.number or (one.birth == other.birth and one.shown_name == other.shown_name)


def lock_s(failures: int) -> float:
    """Seconds of lock-out after this many failures in a row: 0 up to five, then 15 s doubling to 7,680 s."""
    return 0.0 if failures < FREE_TRIES else min(LONGEST_LOCK_S, FIRST_LOCK_S * 2.0 ** (failures - FREE_TRIES))


def _standing_on(card: IdCard) -> str:
    names, days = (card.kind, card.name, card.english_name), (card.birth, card.valid_from, card.valid_to)
    return msgspec.json.encode([*names, *days, card.authority, card.times_issued]).decode()


def _line(records: list[Record]) -> Known:
    worst = max(records, key=lambda record: ("good", "old", "none").index(record.pin_state))
    seen = sum(bool(record.about) for record in records)
    return Known(worst.ref, worst.role, len(records), worst.pin_state, seen)
