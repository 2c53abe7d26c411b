"""Whether the keys in ``[hub]`` are the hub's: what is sealed to a wrong one nobody can ever open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import structlog

from kiosk.messages.fleet import KeyStatement, is_stated, key_trouble
from offline_cache.errors import StoreError
from offline_cache.values import Values

if TYPE_CHECKING:
    from kiosk.hub_link.identity import Identity

log = structlog.get_logger()

_NAMESPACE = "hub_keys"


class KnownKeys:
    """What the hub said last, kept over restarts: a wrong key is noticed at the start even without a network.

    ``on_alarm(what, reason)`` is told of ``trouble`` once.
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
        self._seal_key = seal_key
        self._verify_key = verify_key
        self._on_alarm = on_alarm
        self._kept = values.get(_NAMESPACE, identity.suite)
        self._told = ""
        self.trouble = ""
        """Which key of ``[hub]`` is not the hub's: ``seal_key`` or ``verify_key``; empty when none is known to be."""
        if self._kept is not None and self._kept != self._ours():
            self.trouble = "seal_key" if self._kept.endswith(verify_key.encode()) else "verify_key"

    def heard(self, said: KeyStatement) -> Literal["ours", "others", "nothing"]:
        """Whoever answers has named its keys: those of our hub, others, or nothing that counts.

        What does not verify states nothing. A stranger can sign for keys of its own: where the hub has once called our
        keys its own, such a word stops no filing, but it is no answer of our hub either.
        """
        if not is_stated(said, self._identity.kiosk_id, self._identity.suite):
            log.warning("hub.damaged_key_statement")
            return "nothing"
        trouble = key_trouble(said, self._seal_key, self._verify_key)
        if trouble != "verify_key" or self._kept != self._ours():
            self.trouble = trouble
            self.tell()
        return "others" if trouble == "verify_key" else "ours"

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
            remember(self._values, self._identity.suite, self._seal_key, self._verify_key)
            self._kept = self._ours()
        except StoreError as error:
            log.warning("hub.keys_not_kept", error=str(error))

    def _ours(self) -> bytes:
        return _line(self._seal_key, self._verify_key)


def remember(values: Values, suite: str, seal_key: str, verify_key: str) -> None:
    """Keeps what the hub has said of its keys; durable when it returns. Raises StoreError."""
    values.put(_NAMESPACE, suite, _line(seal_key, verify_key))


def _line(seal_key: str, verify_key: str) -> bytes:
    return f"{seal_key} {verify_key}".encode()
