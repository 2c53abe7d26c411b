"""What a machine and the hub say to each other about the machine itself: enrolment and heartbeats."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kiosk.messages.envelope import KioskId


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/enrolments``, signed with the key that it brings; ``code`` is good once."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    kiosk_id: KioskId
    public_key: str


class Enrolled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer: what goes into ``[hub]``."""

    kiosk_id: str
    seal_key: str
    verify_key: str


class Heartbeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``POST /v1/heartbeats``. ``last_seq`` is the highest ``seq`` committed (0: none); no personal data."""

    last_seq: Annotated[int, Meta(ge=0)] = 0
    queue_depth: Annotated[int, Meta(ge=0)] = 0
    held: Annotated[int, Meta(ge=0)] = 0
    oldest_age_s: float | None = None
    catalogue_version: str = ""
    software_version: str = ""
    in_service: bool = True
    devices: dict[str, str] = {}
    done_commands: list[str] = []


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something the city asks of a machine; executed once, by its id."""

    id: str
    do: str
    arguments: dict[str, Any] = {}


class HeartbeatAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``now`` is the hub's wall time (RFC 3339 UTC)."""

    commands: list[Command]
    now: str
