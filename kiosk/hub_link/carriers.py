"""Ways on which envelopes travel. A carrier moves sealed bytes and says what came back; it decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from kiosk.clock import Clock
from kiosk.hub_link.http import REPLAYED, Answer, HubHttp, NoAnswer
from kiosk.hub_link.outcome import Outcome, outcome_of
from kiosk.messages.envelope import wire
from offline_cache.outbox import PartDigest

CHUNK_BYTES = 256 * 1024
_ROUNDS = 3


class Outgoing(NamedTuple):
    """An envelope to send. ``parcel(name)`` reads the sealed bytes of one part when they are needed."""

    key: str
    header: bytes
    signature: str
    parts: list[PartDigest]
    tried_before: bool
    parcel: Callable[[str], Awaitable[bytes]]


class Carrier(Protocol):
    """One contract suite holds for all: the same bytes every time, expected faults are outcomes, never exceptions."""

    async def deliver(self, envelope: Outgoing) -> Outcome: ...


class HttpsCarrier:
    """The hub's API: parcels first, then the envelope that names them."""

    def __init__(self, http: HubHttp, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def deliver(self, envelope: Outgoing) -> Outcome:
        """One try. A broken connection or no answer in time is ``retry``."""
        try:
            return await self._deliver(envelope)
        except NoAnswer as error:
            return Outcome("no_answer" if error.reason == REPLAYED else "retry", error.reason)

    async def _deliver(self, envelope: Outgoing) -> Outcome:
        wanted = list(envelope.parts)
        outcome = Outcome("retry", "the hub keeps missing parcels")
        for again in range(_ROUNDS):
            for part in wanted:
                trouble = await self._send_parcel(envelope, part, look_first=envelope.tried_before or again > 0)
                if trouble:
                    return trouble
            body = wire(envelope.header, envelope.signature)
            answer = await self._http.send("PUT", f"/v1/envelopes/{envelope.key}", body)
            outcome = outcome_of(answer, self._clock.now())
            if outcome.meaning != "missing":
                return outcome
            wanted = [part for part in envelope.parts if part.sha256 in outcome.missing] or list(envelope.parts)
        return Outcome("retry", f"the hub keeps missing parcels: {outcome.reason}", server_error=True)

    async def _send_parcel(self, envelope: Outgoing, part: PartDigest, *, look_first: bool) -> Outcome | None:
        """None when the parcel is there. A large one, or one that was begun before, goes on where it stopped."""
        path = f"/v1/parcels/{part.sha256}"
        offset = 0
        if look_first or part.bytes > CHUNK_BYTES:
            offset, complete = _progress(await self._http.send("HEAD", path), part.bytes)
            if complete:
                return None
        sealed = await envelope.parcel(part.name)
        for _ in range(2 * (part.bytes // CHUNK_BYTES + 2)):
            answer = await self._chunk(path, sealed, offset)
            there, complete = _progress(answer, part.bytes)
            if answer.status in (200, 201) or complete:
                return None
            if answer.status not in (202, 416):
                return outcome_of(answer, self._clock.now())
            offset = there
        return Outcome("retry", "a parcel does not get on", server_error=True)

    async def _chunk(self, path: str, sealed: bytes, start: int) -> Answer:
        chunk = sealed[start : start + CHUNK_BYTES]
        headers = {"Content-Type": "application/octet-stream"}
        if len(chunk) < len(sealed):
            headers["Content-Range"] = f"bytes {start}-{start + len(chunk) - 1}/{len(sealed)}"
        return await self._http.send("PUT", path, chunk, headers=headers)


def _progress(answer: Answer, total: int) -> tuple[int, bool]:
    """How many bytes are there, and whether that is all; 0 where the answer does not say."""
    told = answer.headers.get("upload-offset", "")
    offset = int(told) if told.isascii() and told.isdigit() and len(told) <= 12 else 0
    complete = answer.headers.get("upload-complete", "") == "?1" and answer.status in (200, 201, 204)
    return (offset if offset < total else 0), complete
