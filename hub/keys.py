"""The hub's keys: to open what machines seal, to sign what the hub says, to name persons without their number."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.messages.encoding import from_text, to_text
from kiosk.messages.seal import new_seal_key, new_sign_key, public_seal_key, public_sign_key


@dataclass(frozen=True, slots=True)
class HubKeys:
    """Private halves stay here; ``seal_key`` and ``verify_key`` go to every machine."""

    seal_private: str = field(repr=False)
    sign_private: str = field(repr=False)
    person_secret: bytes = field(repr=False)

    @property
    def seal_key(self) -> str:
        return public_seal_key(self.seal_private)

    @property
    def verify_key(self) -> str:
        return public_sign_key(self.sign_private)

    def person_ref(self, id_number: str) -> str:
        """A name for a person that only the holder of the keys can make from the number."""
        return hmac.new(self.person_secret, id_number.encode(), hashlib.sha256).hexdigest()


def load_keys(folder: Path) -> HubKeys:
    """The keys in ``folder``. Raises OSError when one is missing."""
    texts = [(folder / name).read_text("ascii").strip() for name in ("seal.key", "sign.key", "person.key")]
    return HubKeys(texts[0], texts[1], from_text(texts[2]))


def load_or_make_keys(folder: Path) -> HubKeys:
    """The keys in ``folder``, made at the first start and readable by their owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    makers = {
        "seal.key": lambda: new_seal_key().private,
        "sign.key": lambda: new_sign_key().private,
        "person.key": lambda: to_text(secrets.token_bytes(32)),
    }
    for name, make in makers.items():
        path = folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(make() + "\n", "ascii")
    return load_keys(folder)
