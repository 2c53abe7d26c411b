"""Secrets of the store, sealed at rest: its file alone opens none of them.

They are sealed with one secret of 32 bytes that is never kept in clear: systemd keeps it (systemd-creds(1)), bound to
this computer's TPM2 chip where there is one, else to its host key. It comes from ``$CREDENTIALS_DIRECTORY``
(``LoadCredentialEncrypted=`` of the unit), or, where this process may, from ``systemd-creds`` itself.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from offline_cache.errors import StoreError
from offline_cache.store import Store, sync_folder
from offline_cache.values import Values

log = structlog.get_logger()

Kind = Literal["tpm2", "host", "none"]
CREDENTIAL = "tongban.seal"
"""The name of the secret in the unit, and of the file in ``$CREDENTIALS_DIRECTORY``."""
SEALED = b"sealed/1:"
_SECRET_BYTES, _NONCE_BYTES = 32, 12
_LIMIT_S = 20.0
_LARGEST = 64 * 1024
# The first 16 bytes of a credential name the key (systemd, src/shared/creds-util.h); one with the null key is in clear.
_TPM2_KEYS = {bytes.fromhex("93a894094874449090caf2fc93cab553"), bytes.fromhex("0c7cc07b117645919c4b0bea08bc20fe")}
_NULL_KEY = bytes.fromhex("058469daf6f54324800549da0f8ea2fb")


class SealedAway(StoreError):
    """What seals the store's secrets does not open here. Nothing was changed, and nothing is kept in clear instead."""


class Vault:
    """``get`` and ``put`` like ``Values``, of secrets. ``kind`` is what binds them to this computer."""

    def __init__(self, values: Values, store: Store, kind: Kind, secret: bytes) -> None:
        self.kind: Kind = kind
        self._values, self._store = values, store
        self._cipher = AESGCM(_derived(secret)) if kind != "none" else None

    def get(self, namespace: str, name: str) -> bytes | None:
        """The secret in clear. One that lies in clear is sealed before. Raises SealedAway."""
        kept = self._values.get(namespace, name)
        if kept is None or not kept.startswith(SEALED):
            if kept is not None and self._cipher is not None and not self._store.read_only:
                self.put(namespace, name, kept)
                log.info("secret_sealed", namespace=namespace, kind=self.kind)
            return kept
        if self._cipher is None:
            raise SealedAway(f"the store's secrets are sealed, and nothing here opens them; {_WHAT_TO_DO}")
        try:
            raw = base64.b64decode(kept.removeprefix(SEALED), validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _place(namespace, name))
        except (InvalidTag, ValueError) as error:
            raise SealedAway(f"the store's secrets were sealed with another secret; {_WHAT_TO_DO}") from error

    def put(self, namespace: str, name: str, value: bytes) -> None:
        """Durable when this returns; what was there before is overwritten in the file, and its log is emptied."""
        if self._cipher is None:
            self._values.put(namespace, name, value)
            return
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, value, _place(namespace, name))
        self._values.put(namespace, name, SEALED + base64.b64encode(sealed))
        self._store.empty_log()


_WHAT_TO_DO = (
    "start it by its systemd unit (LoadCredentialEncrypted), or as root on the computer on which it was sealed; "
    "where that is lost, make new keys with kiosk enrol --new-key"
)


def open_vault(store: Store) -> Vault:
    """The vault of an open store; where this process may, what it needs is made at the first time.

    Raises SealedAway. Without systemd-creds, or without the right to use it, ``kind`` is ``none``.
    """
    path, handed = credential_path(store.path), _handed_over()
    if not path.exists() and handed is None and not store.read_only and may_make():
        make(path)
    return Vault(Values(store), store, *_opened(path, handed))


def forget_sealed(store: Store) -> int:
    """Forgets every sealed secret, and what it was sealed with: for a store that was taken to another computer.

    Returns how many there were. They are made anew by whoever needs them.
    """
    rows = store.query("SELECT namespace, name FROM value WHERE substr(value, 1, ?) = ?", len(SEALED), SEALED)
    for row in rows:
        Values(store).delete(row["namespace"], row["name"])
    credential_path(store.path).unlink(missing_ok=True)
    return len(rows)


def credential_path(store: Path) -> Path:
    """Where the sealed secret lies: beside the store, of no use on another computer."""
    return store.with_name(store.name + ".cred")


def may_make() -> bool:
    """Whether this process can seal to this computer: systemd lets only root use the host key."""
    return os.geteuid() == 0 and shutil.which("systemd-creds") is not None


def make(path: Path) -> None:
    """Makes the secret and keeps it sealed, durably, with its folder's owner. Raises SealedAway."""
    secret = secrets.token_bytes(_SECRET_BYTES)
    key = "host+tpm2" if _creds("has-tpm2", "--quiet") is not None else "host"
    sealed = _creds("encrypt", f"--with-key={key}", f"--name={CREDENTIAL}", "-", "-", said=secret)
    # What could not be opened again must seal nothing.
    if sealed is None or _creds("decrypt", f"--name={CREDENTIAL}", "-", "-", said=sealed) != secret:
        raise SealedAway("systemd-creds cannot seal to this computer; see what systemd-creds encrypt says as root")
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(handle, "wb") as file:
            owner = path.parent.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
            file.write(sealed)
            file.flush()
            os.fsync(handle)
        new.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise SealedAway(f"{path} cannot be written ({error.strerror or error})") from error


def kind_of(path: Path) -> Kind:
    """What binds a sealed secret to this computer, by its own first bytes. Raises SealedAway."""
    try:
        with path.open("rb") as file:
            head = base64.b64decode(b"".join(file.read(_LARGEST).split()), validate=True)[:16]
    except (OSError, binascii.Error) as error:
        raise SealedAway(f"{path} cannot be read as a credential of systemd; {_WHAT_TO_DO}") from error
    if head == _NULL_KEY:
        raise SealedAway(f"{path} is sealed with nothing (null key); remove it, and make it with kiosk seal")
    return "tpm2" if head in _TPM2_KEYS else "host"


def _opened(path: Path, handed: bytes | None) -> tuple[Kind, bytes]:
    if not path.exists():
        # From elsewhere than beside the store: a secret of this computer all the same.
        return ("none", b"") if handed is None else ("host", handed)
    kind = kind_of(path)
    if handed is not None:
        return kind, handed
    secret = _creds("decrypt", f"--name={CREDENTIAL}", str(path), "-")
    if not secret:
        raise SealedAway(f"{path} does not open here; {_WHAT_TO_DO}")
    return kind, secret


def _handed_over() -> bytes | None:
    """The secret as the service manager hands it to its unit."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    file = Path(folder, CREDENTIAL) if folder else None
    if file is None or not file.is_file():
        return None
    with file.open("rb") as opened:
        secret = opened.read(_LARGEST)
    if len(secret) < _SECRET_BYTES:
        raise SealedAway(f"the credential {CREDENTIAL} of the unit has fewer than {_SECRET_BYTES} bytes")
    return secret


def _creds(*words: str, said: bytes = b"") -> bytes | None:
    """What systemd-creds answers, None when it fails. Secrets go through pipes, never as arguments."""
    program = shutil.which("systemd-creds")
    if program is None:
        return None
    try:
        done = subprocess.run([program, *words], input=said, capture_output=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _derived(secret: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"tongban/store/1").derive(secret)


def _place(namespace: str, name: str) -> bytes:
    return f"{namespace}/{name}".encode()
