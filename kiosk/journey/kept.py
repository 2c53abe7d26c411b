"""What this machine itself holds of cases and complaints, found by number or by the card of the person.

While a case waits here for the network its row carries a mark made from the person's card. The mark needs the picture
block of the card's chip, which nobody can guess: whoever takes the disk, with the key that lies on it, cannot find out
whose a case is by trying numbers, only by holding a reading of that very card. It is erased when the case is delivered.

Receipt numbers can be guessed, so a slip has a code besides. Of it only a slow digest stays here: whoever takes the
disk needs days for one code, and learns with it what the disk tells without.
"""

from __future__ import annotations

import hmac
import secrets

import msgspec
from argon2.low_level import Type, hash_secret_raw

from devices.id_card_reader.card import IdCard
from kiosk import shapes
from kiosk.machine import Machine
from kiosk.slips.intents import PRINT, WITH_SLIP, Slip
from kiosk.threads import in_thread
from offline_cache.outbox import Row

_KEY_BYTES = 32
_SALT_BYTES = 16


class Kept(msgspec.Struct, frozen=True):
    """One case as far as this machine can prove it. ``service`` is "" where no slip was ever begun.

    ``state`` is the outbox's: ``stored``, ``sending``, ``delivered`` or ``held``; ``at`` RFC 3339, when it was filed.
    """

    number: str
    state: str
    service: str
    at: str


async def owner_mark(machine: Machine, card: IdCard) -> bytes:
    """The mark of this card here; b"" for a card without a picture, which could be guessed. Raises StoreError."""
    if not card.photo:
        return b""
    key = await in_thread(_key, machine)
    return hmac.digest(key, card.number.encode() + b"\0" + card.photo, "sha256")


async def paper_mark(code: str) -> bytes:
    """What stays here of a slip's code: salt and argon2id digest."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return salt + await in_thread(_slow_digest, code, salt)


async def has_slip(machine: Machine, number: str, code: str) -> bool:
    """Whether a case or complaint that was filed here has this code on its slip. Raises StoreError."""
    return await in_thread(_has_slip, machine, number, code)


def _has_slip(machine: Machine, number: str, code: str) -> bool:
    rows = [row for row in machine.outbox.find(receipt_number=number) if row.kind in WITH_SLIP]
    marks = [mark for row in rows if (mark := machine.outbox.marks.on_paper(row.seq))]
    return any(hmac.compare_digest(_slow_digest(code, m[:_SALT_BYTES]), m[_SALT_BYTES:]) for m in marks)


def _slow_digest(code: str, salt: bytes) -> bytes:
    return hash_secret_raw(
        code.encode(), salt, time_cost=3, memory_cost=32 * 1024, parallelism=1, hash_len=32, type=Type.ID
    )


async def kept_by_number(machine: Machine, number: str) -> list[Kept]:
    """What was filed here under this receipt number."""
    return await in_thread(_by_number, machine, number)


async def kept_by_card(machine: Machine, card: IdCard) -> list[Kept]:
    """What this person filed here and has not left yet, newest first."""
    mark = await owner_mark(machine, card)
    return await in_thread(_by_mark, machine, mark) if mark else []


def _key(machine: Machine) -> bytes:
    kept = machine.values.get("mark_key", "owner")
    if kept is None:
        kept = secrets.token_bytes(_KEY_BYTES)
        machine.values.put("mark_key", "owner", kept)
    return kept


def _by_number(machine: Machine, number: str) -> list[Kept]:
    rows = machine.outbox.find(receipt_number=number)
    return [_kept_of_row(machine, row) for row in rows if row.kind in WITH_SLIP]


def _by_mark(machine: Machine, mark: bytes) -> list[Kept]:
    rows = [machine.outbox.row(seq) for seq in reversed(machine.outbox.marks.find(mark))]
    return [_kept_of_row(machine, row) for row in rows]


def _kept_of_row(machine: Machine, row: Row) -> Kept:
    tries = machine.journal.outcomes(PRINT, row.case_id) if row.case_id else []
    named = [shapes.convert(detail, Slip).service for detail, _ in tries]
    if row.kind == "complaint":
        named += [service.key for service in machine.catalogue.services.values() if service.has_step("complaint")]
    return Kept(row.receipt_number or "", row.state, next(iter(named), ""), row.created_at)
