"""Whether the keys in ``[hub]`` are the hub's: what is sealed to a wrong one nobody can ever open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import structlog

from kiosk import shapes
from kiosk.hub_link.audit_proof import AuditProof
from kiosk.hub_link.filing import Filing
from kiosk.hub_link.forwarder import Forwarder
from kiosk.hub_link.identity import Identity
from kiosk.messages.fleet import KeyStatement, is_stated, key_trouble
from kiosk.messages.seal import key_id
from offline_cache.audit import Audit
from offline_cache.errors import StoreError
from offline_cache.values import Values

log = structlog.get_logger()

_NAMESPACE = "hub_keys"


class HubKeys(msgspec.Struct, frozen=True):
    """The hub's present keys, and the signing keys of before by which something may still be signed."""

    seal_key: str
    verify_key: str
    former: tuple[str, ...] = ()

    @property
    def trusted(self) -> tuple[str, ...]:
        """Every key by which the hub's word counts."""
        return (self.verify_key, *self.former)


class _Taken(msgspec.Struct, frozen=True):
    """What the hub has announced, and the keys of ``[hub]`` from which the announcements began."""

    root: HubKeys
    keys: HubKeys


def present_keys(values: Values, suite: str, *, seal_key: str, verify_key: str) -> HubKeys:
    """The keys of ``[hub]``, or those that the hub has announced since, signed by them. Other ones in ``[hub]`` win."""
    configured = HubKeys(seal_key, verify_key)
    raw = values.get(_NAMESPACE, f"{suite}_taken")
    if raw is None:
        return configured
    taken = shapes.from_json(raw, _Taken)
    is_begun_here = configured in (taken.root, msgspec.structs.replace(taken.keys, former=()))
    return taken.keys if is_begun_here else configured


class KnownKeys:
    """What the hub said last, kept over restarts: a wrong key is noticed at the start even without a network.

    New keys are taken only from an answer that the present one has signed (``take``). ``on_alarm(what, reason)`` is
    told of ``trouble`` once, ``on_taken`` (in a thread) of new keys.
    """

    def __init__(
        self,
        values: Values,
        identity: Identity,
        *,
        seal_key: str,
        verify_key: str,
        on_alarm: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._values = values
        self._identity = identity
        self._root = HubKeys(seal_key, verify_key)
        self.keys = present_keys(values, identity.suite, seal_key=seal_key, verify_key=verify_key)
        self._on_alarm = on_alarm
        self.on_taken: Callable[[HubKeys], None] = lambda _: None
        self._kept = values.get(_NAMESPACE, identity.suite)
        self._told = ""
        self.trouble = ""
        """Which key of ``[hub]`` is not the hub's: ``seal_key`` or ``verify_key``; empty when none is known to be."""
        if self._kept is not None and self._kept != self._ours():
            self.trouble = "seal_key" if self._kept.endswith(self.keys.verify_key.encode()) else "verify_key"

    def heard(self, said: KeyStatement, *, proved: bool = False) -> Literal["ours", "others", "nothing"]:
        """Whoever answers has named its keys: those of our hub, others, or nothing that counts.

        What does not verify states nothing. A stranger can sign for keys of its own: where the hub has once called our
        keys its own, such a word stops no filing, but it is no answer of our hub either. ``proved``: the answer around
        it was signed by the key that we have.
        """
        if not is_stated(said, self._identity.kiosk_id, self._identity.suite):
            log.warning("hub.damaged_key_statement")
            return "nothing"
        trouble = key_trouble(said, self.keys.seal_key, self.keys.verify_key)
        if proved and trouble == "verify_key":
            return "ours"
        if trouble != "verify_key" or self._kept != self._ours():
            self.trouble = trouble
            self.tell()
        return "others" if trouble == "verify_key" else "ours"

    def take(self, said: KeyStatement) -> None:
        """Believes what an answer has said that the present key has signed; durable before it counts."""
        keys = self._told_by(said)
        # Pairs change as a whole: another seal key alone is a mistake in [hub], and is told as one.
        is_mistaken = keys.verify_key == self.keys.verify_key and keys.seal_key != self.keys.seal_key
        if keys == self.keys or is_mistaken or not is_stated(said, self._identity.kiosk_id, self._identity.suite):
            return
        try:
            taken = msgspec.json.encode(_Taken(self._root, keys))
            self._values.put(_NAMESPACE, f"{self._identity.suite}_taken", taken)
            remember(self._values, self._identity.suite, keys.seal_key, keys.verify_key)
        except StoreError as error:
            log.warning("hub.keys_not_kept", error=str(error))
            return
        log.warning("hub.keys_changed", key=key_id(keys.verify_key), former=len(keys.former))
        self.keys, self.trouble = keys, ""
        self._kept = self._ours()
        self.on_taken(keys)

    def _told_by(self, said: KeyStatement) -> HubKeys:
        """Of the former keys only those that we have trusted before, and the hub still names."""
        former = tuple(key for key in self.keys.trusted if key in said.former and key != said.verify_key)
        return HubKeys(said.seal_key, said.verify_key, former)

    def tell(self) -> None:
        """The alarm, once for each trouble."""
        if self.trouble and self.trouble != self._told:
            log.error("hub.wrong_key", key=self.trouble)
            reason = f"[hub] {self.trouble} is not the hub's key; nothing is filed until it is corrected"
            self._on_alarm("hub_key", reason)
        self._told = self.trouble

    def keep(self) -> None:
        """Remembers keys that the hub has called its own; durable when this returns."""
        if self.trouble or self._kept == self._ours():
            return
        try:
            remember(self._values, self._identity.suite, self.keys.seal_key, self.keys.verify_key)
            self._kept = self._ours()
        except StoreError as error:
            log.warning("hub.keys_not_kept", error=str(error))

    def _ours(self) -> bytes:
        return _line(self.keys.seal_key, self.keys.verify_key)


def apply(keys: HubKeys, filing: Filing, forwarder: Forwarder, proof: AuditProof, audit: Audit) -> None:
    """From now on everything is sealed to, and checked by, these keys; the audit chain tells of it. In a thread."""
    filing.seal_key, forwarder.verify_key, proof.verify_key = keys.seal_key, keys.trusted, keys.verify_key
    try:
        audit.append("hub", "hub_keys_changed", {"key": key_id(keys.verify_key)})
    except StoreError as error:
        log.error("audit_not_kept", error=str(error))


def remember(values: Values, suite: str, seal_key: str, verify_key: str) -> None:
    """Keeps what the hub has said of its keys; durable when it returns. Raises StoreError."""
    values.put(_NAMESPACE, suite, _line(seal_key, verify_key))


def _line(seal_key: str, verify_key: str) -> bytes:
    return f"{seal_key} {verify_key}".encode()
