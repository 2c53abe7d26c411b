"""Who this machine is to the hub: its signing key, made at the first start."""

from __future__ import annotations

from typing import NamedTuple

from kiosk.messages.seal import new_sign_key, public_sign_key
from kiosk.messages.suites import DEFAULT
from kiosk.messages.visits import VisitKey, introduce
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox
from offline_cache.values import Values
from offline_cache.vault import Vault

_NAMESPACE = "identity"


class Identity(NamedTuple):
    """Keys as base64url without padding; the private one never leaves the store and this object."""

    kiosk_id: str
    private_key: str
    public_key: str
    suite: str = DEFAULT

    def __repr__(self) -> str:
        return f"Identity({self.kiosk_id}, {self.public_key})"

    def introduce(self, visit: str, person: str, read_at_s: int) -> VisitKey:
        """A key for questions about the person whose card was read in this visit."""
        names = {"kiosk_id": self.kiosk_id, "machine_key": self.private_key, "suite": self.suite}
        return introduce(visit, person, **names, read_at_s=read_at_s)

    @classmethod
    def load(cls, secrets: Vault | Values, kiosk_id: str, suite: str = DEFAULT) -> Identity:
        """The machine's key from the store; made and kept durably when there is none yet."""
        name = f"sign_key_{suite}"
        kept = secrets.get(_NAMESPACE, name)
        if kept is None:
            kept = new_sign_key(suite).private.encode("ascii")
            secrets.put(_NAMESPACE, name, kept)
        private = kept.decode("ascii")
        return cls(kiosk_id, private, public_sign_key(private, suite), suite)


class SuiteChanged(StoreError):
    """``[hub] suite`` is not the one by which what still waits was sealed and signed."""


def keep_suite(values: Values, outbox: Outbox, suite: str) -> None:
    """Notes the suite of everything that is filed from now on.

    Raises SuiteChanged while something filed by another one waits: its receipts could not be checked any more.
    """
    kept = (values.get(_NAMESPACE, "suite") or b"").decode()
    waiting = outbox.depth() + outbox.held()
    if kept not in ("", suite) and waiting:
        raise SuiteChanged(
            f'{waiting} envelopes of suite "{kept}" still wait; set [hub] suite = "{kept}" again until they are '
            "delivered, or take them out with kiosk queue export"
        )
    if kept != suite:
        values.put(_NAMESPACE, "suite", suite.encode())
