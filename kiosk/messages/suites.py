"""The cryptographic suites that envelopes name, all of equal rank. A further one is one file and one line."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.suite_gm import GmSuite
from kiosk.messages.suite_std import StandardSuite


class KeyPair(NamedTuple):
    """Both halves as base64url without padding."""

    private: str
    public: str


class Suite(Protocol):
    """Raw bytes in, raw bytes out; keys are the raw keys of the suite."""

    def new_seal_key(self) -> tuple[bytes, bytes]: ...
    def new_sign_key(self) -> tuple[bytes, bytes]: ...
    def seal(self, plain: bytes, public: bytes, info: bytes) -> bytes: ...
    def unseal(self, sealed: bytes, private: bytes, info: bytes) -> bytes: ...
    def sign(self, message: bytes, private: bytes) -> bytes: ...
    def verify(self, signature: bytes, message: bytes, public: bytes) -> bool: ...
    def check_seal_key(self, public: bytes) -> None: ...
    def check_sign_key(self, public: bytes) -> None: ...
    def public_of_seal_key(self, private: bytes) -> bytes: ...
    def public_of_sign_key(self, private: bytes) -> bytes: ...


DEFAULT = "std"
SUITES: dict[str, Suite] = {DEFAULT: StandardSuite(), "gm": GmSuite()}


def suite_named(name: str) -> Suite:
    """The suite of an envelope header. Raises InvalidMessage for one that this build does not have."""
    try:
        return SUITES[name]
    except KeyError:
        raise InvalidMessage("suite", f"unknown suite, known are {', '.join(sorted(SUITES))}") from None
