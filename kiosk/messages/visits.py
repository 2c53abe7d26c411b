"""A visit's own key: it asks about the one person whose card was read, and is gone with the visit.

The machine makes it when it has read a card and introduces it with its own signature. What this proves, and what not: a
question belongs to one card reading that the machine stands for, it is about that person and no other, and it was made
while that visit was known to the machine; no question can be made later from what is left of a visit. A stranger who
controls the machine and its key can claim readings that never were: the hub counts them (docs/hub-api.md).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import END, Count, Named, Signed
from kiosk.messages.encoding import BadSignature, canonical_json, sha256_hex
from kiosk.messages.seal import new_sign_key, require_sign_key, sign, verify
from kiosk.messages.suites import DEFAULT

LIVES_S = 3600
"""Longer than any visit."""
APART_S = 300
"""How far the clocks of a machine and its hub may differ."""


class Introduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In this visit, at this time (Unix seconds), a card of this person was read; this key asks about them."""

    visit: Annotated[str, Meta(pattern=f"^[A-Za-z0-9_-]{{1,64}}{END}")]
    person: Named
    public_key: Signed
    read_at_s: Count
    signature: Signed


class VisitKey(NamedTuple):
    """Lives in the memory of one visit only."""

    introduction: Introduction
    private_key: str
    suite: str

    def __repr__(self) -> str:
        return f"VisitKey({self.introduction.visit})"

    def is_young(self, now_s: int) -> bool:
        """Whether a question that is asked now arrives while it is good."""
        return abs(now_s - self.introduction.read_at_s) <= LIVES_S // 2

    def sign(self, kiosk_id: str, kind: str, key: str, question: bytes) -> str:
        """The signature of one ``question``, as canonical JSON."""
        return sign(_question_text(kiosk_id, kind, key, question), self.private_key, self.suite)


def introduce(
    visit: str, person: str, *, kiosk_id: str, machine_key: str, read_at_s: int, suite: str = DEFAULT
) -> VisitKey:
    """A fresh key for one person of one visit, introduced by the machine's private key."""
    pair = new_sign_key(suite)
    text = _introduction_text(kiosk_id, visit, person, pair.public, read_at_s)
    said = Introduction(visit, person, pair.public, read_at_s, sign(text, machine_key, suite))
    return VisitKey(said, pair.private, suite)


def check_introduction(said: Introduction, *, kiosk_id: str, public_key: str, now_s: int, suite: str = DEFAULT) -> None:
    """Raises BadSignature unless this machine introduced it, lately; InvalidMessage for a key that proves nothing."""
    require_sign_key(said.public_key, suite, "visit.public_key")
    text = _introduction_text(kiosk_id, said.visit, said.person, said.public_key, said.read_at_s)
    verify(text, said.signature, public_key, suite)
    if not -APART_S <= now_s - said.read_at_s <= LIVES_S + APART_S:
        raise BadSignature("the visit is over")


def check_question(
    said: Introduction, signature: str, *, kiosk_id: str, kind: str, key: str, question: bytes, suite: str = DEFAULT
) -> None:
    """Raises BadSignature unless the visit's key asked exactly this."""
    verify(_question_text(kiosk_id, kind, key, question), signature, said.public_key, suite)


def _introduction_text(kiosk_id: str, visit: str, person: str, public_key: str, read_at_s: int) -> bytes:
    said = {"visit_at": kiosk_id, "visit": visit, "person": person, "public_key": public_key, "read_at_s": read_at_s}
    return canonical_json(said)


def _question_text(kiosk_id: str, kind: str, key: str, question: bytes) -> bytes:
    return canonical_json({"asked_at": kiosk_id, "kind": kind, "key": key, "question_sha256": sha256_hex(question)})
