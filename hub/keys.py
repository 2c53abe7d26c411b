"""The hub's keys: to open what machines seal, to sign what the hub says, to name persons without their number."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.messages.encoding import InvalidMessage, from_text, to_text
from kiosk.messages.foreign import OpenFolder, Refused
from kiosk.messages.ours import NotOurs, read_ours
from kiosk.messages.seal import new_seal_key, new_sign_key, public_seal_key, public_sign_key
from kiosk.messages.suites import DEFAULT, SUITES

_FILE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class HubKeys:
    """Private halves stay here; ``seal_key`` and ``verify_key`` go to every machine of the suite."""

    private: Mapping[str, tuple[str, str]] = field(repr=False)
    """By suite: the key to open with and the key to sign with."""
    person_secret: bytes = field(repr=False)

    def seal_private(self, suite: str = DEFAULT) -> str:
        """What opens a part of this suite. Raises InvalidMessage when the hub has no keys of it."""
        return self._of(suite)[0]

    def sign_private(self, suite: str = DEFAULT) -> str:
        """What signs for this suite. Raises InvalidMessage when the hub has no keys of it."""
        return self._of(suite)[1]

    def seal_key(self, suite: str = DEFAULT) -> str:
        return public_seal_key(self.seal_private(suite), suite)

    def verify_key(self, suite: str = DEFAULT) -> str:
        return public_sign_key(self.sign_private(suite), suite)

    def public(self) -> dict[str, str]:
        """The public halves by the names under which the hub says them when it is ready."""
        named = {}
        for suite in self.private:
            prefix = "" if suite == DEFAULT else f"{suite}_"
            named |= {f"{prefix}seal_key": self.seal_key(suite), f"{prefix}verify_key": self.verify_key(suite)}
        return named

    def _of(self, suite: str) -> tuple[str, str]:
        try:
            return self.private[suite]
        except KeyError:
            raise InvalidMessage("suite", "this hub has no keys of this suite") from None

    def person_ref(self, id_number: str) -> str:
        """A name for a person that only the holder of the keys can make from the number."""
        return hmac.new(self.person_secret, id_number.encode(), hashlib.sha256).hexdigest()

    def slip_ref(self, number: str, code: str) -> str | None:
        """What the hub keeps of a slip's code; None without one. With the tables alone nobody can try codes."""
        slip = f"slip|{number}|{code}"
        return hmac.new(self.person_secret, slip.encode(), hashlib.sha256).hexdigest() if code else None


def load_keys(folder: Path) -> HubKeys:
    """The keys in ``folder``; a further suite without its files is just absent.

    Raises OSError when one is missing, or when others may read or write it.
    """
    private = {suite: _pair(folder, suite) for suite in SUITES if suite == DEFAULT or _file(folder, suite).exists()}
    return HubKeys(private, from_text(_secret(folder / "person.key")))


def _pair(folder: Path, suite: str) -> tuple[str, str]:
    seal_private, sign_private = (_secret(_file(folder, suite, use)) for use in ("seal", "sign"))
    return seal_private, sign_private


def _secret(path: Path) -> str:
    try:
        return read_ours(path, _FILE_BYTES, secret=True).decode("ascii", "replace").strip()
    except Refused as error:
        raise NotOurs(f"{path}: {error}") from None


def _file(folder: Path, suite: str, use: str = "seal") -> Path:
    return folder / (f"{use}.key" if suite == DEFAULT else f"{use}_{suite}.key")


def load_or_make_keys(folder: Path) -> HubKeys:
    """The keys in ``folder``, made at the first start and readable by their owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    makers = {folder / "person.key": lambda: to_text(secrets.token_bytes(32))}
    for suite in SUITES:
        makers[_file(folder, suite, "seal")] = lambda suite=suite: new_seal_key(suite).private
        makers[_file(folder, suite, "sign")] = lambda suite=suite: new_sign_key(suite).private
    for path, make in makers.items():
        if not path.exists():
            with OpenFolder.at(folder) as there:
                there.write(path.name, [f"{make()}\n".encode("ascii")])
    return load_keys(folder)
