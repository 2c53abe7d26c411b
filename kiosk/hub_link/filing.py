"""Filing: plain bytes in, sealed and durable when it returns (CONTRACTS §4, §5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kiosk.clock import Clock, to_rfc3339
from kiosk.hub_link.identity import Identity
from kiosk.messages import envelope
from kiosk.messages.seal import seal
from kiosk.threads import in_thread
from offline_cache.errors import KeyTaken, StoreError
from offline_cache.outbox import Outbox, PartDigest

PRIORITIES = {
    "case": 0,
    "delivery": 0,
    "supplement": 0,
    "hand_out": 0,
    "complaint": 1,
    "rating": 2,
    "finding": 3,
    "device_event": 4,
    "audit_head": 5,
}


class Filed(NamedTuple):
    """The proof that it is kept: its number in the machine's chain and the envelope's digest."""

    seq: int
    sha256: str


class ToFile(NamedTuple):
    """One message to be filed, as ``Filing.file`` takes it."""

    kind: envelope.Kind
    key: str
    case_id: str | None
    receipt_number: str | None
    parts: Mapping[str, bytes]
    mark: bytes = b""
    paper_mark: bytes = b""


class WrongHubKey(StoreError):
    """Nobody could open what would be sealed now, so nothing is."""


class Filing:
    """The only way into the outbox. ``on_filed`` is told after each commit (the forwarder's ``nudge``)."""

    def __init__(
        self,
        outbox: Outbox,
        identity: Identity,
        *,
        seal_key: str,
        clock: Clock,
        on_filed: Callable[[], None] = lambda: None,
        key_trouble: Callable[[], str] = lambda: "",
    ) -> None:
        self._outbox = outbox
        self._identity = identity
        self.seal_key = seal_key
        """Everything is sealed to it from the next filing on."""
        self._clock = clock
        self._on_filed = on_filed
        self._key_trouble = key_trouble

    async def file(
        self,
        *,
        kind: envelope.Kind,
        key: str,
        case_id: str | None,
        receipt_number: str | None,
        parts: Mapping[str, bytes],
        mark: bytes = b"",
        paper_mark: bytes = b"",
    ) -> Filed:
        """Seals each part to the hub and keeps all in one transaction; returns after its sync and not before.

        ``mark`` tells whose it is while it waits here, ``paper_mark`` who has its slip (``kiosk.journey.kept``).

        The same key again gives what was filed (a second tap). Once begun it cannot be canceled. Raises StoreFull,
        StoreBroken (not known to be kept), KeyTaken (the key was used for other parts) or WrongHubKey (nothing was
        sealed).
        """
        filed = await in_thread(self.file_now, kind, key, case_id, receipt_number, parts, mark, paper_mark)
        self._on_filed()
        return filed

    async def file_all(self, messages: Sequence[ToFile]) -> list[Filed]:
        """Several in one transaction: all of them are kept, or none is. Raises as ``file`` does."""
        filed = await in_thread(self._outbox.at_once, lambda: [self.file_now(*message) for message in messages])
        self._on_filed()
        return filed

    def file_now(
        self,
        kind: envelope.Kind,
        key: str,
        case_id: str | None,
        receipt_number: str | None,
        parts: Mapping[str, bytes],
        mark: bytes = b"",
        paper_mark: bytes = b"",
    ) -> Filed:
        """The same in the calling thread."""
        wrong = self._key_trouble()
        if wrong:
            raise WrongHubKey(f"[hub] {wrong} is not the hub's key; put the right one into the configuration")
        try:
            kept = self._outbox.put(
                kind=kind,
                key=key,
                case_id=case_id,
                receipt_number=receipt_number,
                parts=self._sealed(key, parts),
                stamp=lambda seq, prev, digests: self._stamp(kind, key, case_id, seq, prev, digests),
                mark=mark,
                paper_mark=paper_mark,
            )
        except KeyTaken as taken:
            if not _could_be(taken.known.parts, parts):
                raise
            kept = taken.known
        return Filed(kept.seq, kept.sha256)

    def _sealed(self, key: str, parts: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
        who = self._identity
        for name, plain in parts.items():
            yield name, seal(plain, self.seal_key, kiosk_id=who.kiosk_id, key=key, part=name, suite=who.suite)

    def _stamp(
        self, kind: envelope.Kind, key: str, case_id: str | None, seq: int, prev: str, digests: list[PartDigest]
    ) -> tuple[bytes, str]:
        who = self._identity
        named = [envelope.Part(*part) for part in digests]
        at = to_rfc3339(self._clock.now())
        header = envelope.canonical(
            envelope.Header(1, who.suite, who.kiosk_id, seq, key, kind, case_id, at, named, prev)
        )
        return header, envelope.sign_header(header, who.private_key, who.suite)


def _could_be(kept: list[PartDigest], parts: Mapping[str, bytes]) -> bool:
    """Sealing is never the same twice, so names and lengths tell a second tap from another content."""
    overheads = {part.bytes - len(parts.get(part.name, b"")) for part in kept}
    return [part.name for part in kept] == list(parts) and len(overheads) <= 1
