"""What the hub has signed of this machine's audit chain, kept beside it: an owner of the file cannot sign it anew."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kiosk import shapes
from kiosk.hub_link.http import Answer
from kiosk.messages import requests
from kiosk.messages.encoding import BadSignature, InvalidMessage, decode
from kiosk.messages.fleet import AuditHead, AuditProved, HeartbeatAnswer
from offline_cache.audit import FIRST_PREV, Audit
from offline_cache.values import Values

_NAMESPACE, _NAME = "audit_proof", "hub"
By = Literal["hub", "another_key", "nobody"]


class Kept(msgspec.Struct, frozen=True):
    """A heartbeat's answer as the hub signed it, for this machine."""

    kiosk_id: str
    suite: str
    verify_key: str
    nonce: str
    status: int
    body: bytes
    signature: str


class AuditProof:
    """``keep`` what was heard, ``examine`` the chain against it."""

    def __init__(self, values: Values, audit: Audit, *, kiosk_id: str, suite: str, verify_key: str) -> None:
        self._values, self._audit = values, audit
        self._kiosk_id, self._suite, self.verify_key = kiosk_id, suite, verify_key
        self._last: tuple[AuditProved, str] | None = None

    def keep(self, proved: AuditProved, answer: Answer) -> bool:
        """Keeps a verified answer, durably; whether the chain is the one that it proves. Raises StoreError.

        The same word again is not written again.
        """
        if self._last != (proved, self.verify_key):
            who = (self._kiosk_id, self._suite, self.verify_key)
            kept = Kept(*who, answer.nonce, answer.status, answer.body, answer.signature)
            self._values.put(_NAMESPACE, _NAME, msgspec.json.encode(kept))
            self._last = proved, self.verify_key
        return self._audit.digest_of(proved.entries) == proved.sha256

    def base(self) -> AuditHead | None:
        """What our chain holds where the hub's ends, as told since this start; 64 zeros for a row that is gone."""
        if self._last is None:
            return None
        entries = self._last[0].entries
        return AuditHead(entries, self._audit.digest_of(entries) or FIRST_PREV)

    def examine(self) -> dict[str, Any]:
        """The chain as far as it can be judged here.

        ``broken_at`` is the first row that is missing or was changed, or that is not the one the hub has signed (0: the
        chain is whole) · ``entries`` how many there are · ``proved_by`` who vouches for the first ``proved_entries``
        since ``proved_at``: ``hub``, ``another_key`` than ``[hub] verify_key``, ``nobody``.
        """
        entries, bad = self._audit.head()[0], self._audit.verify()
        by, proved = self._proved()
        if proved is not None and by == "hub" and self._audit.digest_of(proved.entries) != proved.sha256:
            bad = min(bad or proved.entries, proved.entries, entries + 1)
        found = (proved.entries, proved.at) if proved is not None else (0, "")
        names = ("broken_at", "entries", "proved_by", "proved_entries", "proved_at")
        return dict(zip(names, (bad or 0, entries, by, *found), strict=True))

    def _proved(self) -> tuple[By, AuditProved | None]:
        raw = self._values.get(_NAMESPACE, _NAME)
        if raw is None:
            return "nobody", None
        try:
            kept = shapes.from_json(raw, Kept)
            requests.verify_answer(
                kept.signature,
                kept.status,
                kept.body,
                kiosk_id=kept.kiosk_id,
                nonce=kept.nonce,
                verify_key=kept.verify_key,
                suite=kept.suite,
            )
            proved = decode(kept.body, HeartbeatAnswer).audit_proved
        except (msgspec.DecodeError, BadSignature, InvalidMessage):
            return "nobody", None
        if proved is None or kept.kiosk_id != self._kiosk_id:
            return "nobody", None
        return ("hub" if kept.verify_key == self.verify_key else "another_key"), proved
