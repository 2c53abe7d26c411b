"""What a machine and the hub say to each other about the machine itself: enrolment and heartbeats."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kiosk.messages.bounds import Count, Named, Signed, Word, check_values
from kiosk.messages.encoding import BadSignature, InvalidMessage, canonical_json
from kiosk.messages.envelope import KioskId, Sha256
from kiosk.messages.seal import require_seal_key, require_sign_key, sign, verify
from kiosk.messages.suites import DEFAULT

MOST_COMMANDS = 100
"""That wait for one machine at a time."""


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/enrolments``, signed with the key that it brings; ``code`` is good once."""

    code: Named
    kiosk_id: KioskId
    public_key: Signed
    suite: Word = DEFAULT


class Numbering(msgspec.Struct, frozen=True):
    """What makes this machine's receipt numbers its own.

    ``machine_number`` is unique in the city, ``last_receipt`` the highest sequence (five digits) that the hub knows of
    it; 0: none.
    """

    machine_number: Annotated[int, Meta(ge=0, le=9999)]
    last_receipt: Annotated[int, Meta(ge=0, le=99_999)] = 0


class Enrolled(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer: what goes into ``[hub]``, of the machine's suite. A hub of another version may say less, or more."""

    kiosk_id: KioskId
    seal_key: Signed
    verify_key: Signed
    numbering: Numbering | None = None


MOST_KEYS = 100


class KeyStatement(msgspec.Struct, frozen=True):
    """Which keys the hub has for this machine's suite, signed for this machine by the very key that it names."""

    seal_key: Signed
    verify_key: Signed
    signature: Signed
    former: Annotated[list[Signed], Meta(max_length=MOST_KEYS)] = []
    """Keys of before by which something may still be signed; believed only in an answer that our hub has signed."""


class AuditHead(msgspec.Struct, frozen=True):
    """Where a machine's audit chain ends: how many entries, and the digest of the last (64 zeros: none)."""

    entries: Count
    sha256: Sha256


class AuditProved(msgspec.Struct, frozen=True):
    """The highest head that the hub has of a machine's audit chain, and since when (RFC 3339 UTC)."""

    entries: Count
    sha256: Sha256
    at: Word


class Heartbeat(msgspec.Struct, frozen=True):
    """``POST /v1/heartbeats``. ``last_seq`` is the highest ``seq`` committed (0: none); no personal data.

    A machine of another version may say less, or more.
    """

    last_seq: Count = 0
    queue_depth: Count = 0
    held: Count = 0
    oldest_age_s: Annotated[float, Meta(ge=0, le=2**53)] | None = None
    catalogue_version: Word = ""
    software_version: Word = ""
    in_service: bool = True
    devices: Annotated[dict[Word, Word], Meta(max_length=64)] = {}
    done_commands: Annotated[list[Word], Meta(max_length=MOST_COMMANDS)] = []
    cannot: Annotated[list[Word], Meta(max_length=2000)] | None = None
    """The services that nobody can begin here now, by key; None from machines of before, which do not say."""
    audit_head: AuditHead | None = None
    audit_base: AuditHead | None = None
    """What the row holds up to which the hub last said to have the chain: only with it a longer one continues that."""


class Command(msgspec.Struct, frozen=True):
    """Something the city asks of a machine; executed once, by its id."""

    id: Named
    do: Named
    arguments: Annotated[dict[Word, Any], Meta(max_length=64)] = {}

    def __post_init__(self) -> None:
        check_values(self.arguments)


class HeartbeatAnswer(msgspec.Struct, frozen=True):
    """``now`` is the hub's wall time (RFC 3339 UTC): signed with the answer, it bounds the machine's clock.

    A hub of another version may say less, or more.

    ``numbering`` is told to a machine that asks for it (``POST /v1/heartbeats?numbering=true``).
    """

    commands: Annotated[list[Command], Meta(max_length=MOST_COMMANDS)]
    now: Word = ""
    hub_keys: KeyStatement | None = None
    numbering: Numbering | None = None
    audit_proved: AuditProved | None = None


def sign_hub_keys(
    kiosk_id: str, seal_key: str, verify_key: str, private_key: str, suite: str = DEFAULT
) -> KeyStatement:
    """What the hub says of its keys to one machine."""
    return KeyStatement(seal_key, verify_key, sign(_keys_text(kiosk_id, seal_key, verify_key), private_key, suite))


def is_stated(said: KeyStatement, kiosk_id: str, suite: str = DEFAULT) -> bool:
    """Whether the key that is named has signed this for this machine; what does not verify states nothing."""
    try:
        require_seal_key(said.seal_key, suite)
        require_sign_key(said.verify_key, suite)
        verify(_keys_text(kiosk_id, said.seal_key, said.verify_key), said.signature, said.verify_key, suite)
    except (BadSignature, InvalidMessage):
        return False
    return True


def key_trouble(said: KeyStatement, seal_key: str, verify_key: str) -> str:
    """Which of our two keys a verified statement contradicts (``verify_key``, ``seal_key``); empty: neither."""
    if said.verify_key != verify_key:
        return "verify_key"
    return "" if said.seal_key == seal_key else "seal_key"


def _keys_text(kiosk_id: str, seal_key: str, verify_key: str) -> bytes:
    return canonical_json({"hub_keys_for": kiosk_id, "seal_key": seal_key, "verify_key": verify_key})
