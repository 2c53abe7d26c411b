"""Who takes the disk takes no key: secrets are sealed by real systemd-creds, and the clear bytes are gone."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from offline_cache.store import Store
from offline_cache.values import Values
from offline_cache.vault import CREDENTIAL, SealedAway, Vault, credential_path, forget_sealed, kind_of, open_vault

pytestmark = [
    pytest.mark.attack(8),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("systemd-creds") is None,
        reason="sealing to the host needs root and systemd-creds (Debian package systemd)",
    ),
]
KEY = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=")
PLACE = ("identity", "sign_key_std")
# The 16 bytes by which systemd names the kinds of its credentials.
HOST_AND_TPM2, TPM2, NULL = (
    "93a894094874449090caf2fc93cab553",
    "0c7cc07b11764591 9c4b0bea08bc20fe".replace(" ", ""),
    "058469daf6f54324800549da0f8ea2fb",
)


def every_byte(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def in_clear(folder: Path, key: bytes = KEY) -> list[bytes]:
    """The spellings of the key that lie in any file of the folder."""
    raw = base64.urlsafe_b64decode(key + b"=" * (-len(key) % 4))
    found = every_byte(folder)
    return [each for each in (key, raw, raw.hex().encode(), base64.b64encode(raw)) if each in found]


def without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "systemd-creds" else which(name))


@pytest.fixture
def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """What the service manager hands to its unit."""

    def hand(secret: bytes) -> None:
        folder = tmp_path / "credentials"
        folder.mkdir(exist_ok=True)
        (folder / CREDENTIAL).write_bytes(secret)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))

    return hand


def test_secret_is_in_no_file_and_opens_again(open_store: Callable[..., Store], path: Path) -> None:
    store = open_store()
    vault = open_vault(store)
    vault.put(*PLACE, KEY)
    assert (vault.kind, vault.get(*PLACE)) == ("host", KEY)
    store.close()
    assert in_clear(path.parent) == []
    assert open_vault(open_store()).get(*PLACE) == KEY
    assert credential_path(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("neighbours", [0, 1, 60, 600])
def test_clear_key_of_a_store_is_sealed_and_its_bytes_are_gone(
    open_store: Callable[..., Store], path: Path, monkeypatch: pytest.MonkeyPatch, neighbours: int
) -> None:
    with monkeypatch.context() as patch:
        without_systemd(patch)
        store = open_store()
        before = open_vault(store)
        for number in range(neighbours):
            Values(store).put("filler", str(number), secrets.token_bytes(200))
        before.put(*PLACE, KEY)
        for number in range(neighbours, 2 * neighbours):
            Values(store).put("filler", str(number), secrets.token_bytes(200))
        assert before.kind == "none"
        store.close()
        assert KEY in in_clear(path.parent), "the search finds what lies in clear"
    store = open_store()
    vault = open_vault(store)
    assert (vault.kind, vault.get(*PLACE)) == ("host", KEY)
    assert in_clear(path.parent) == [], "while the machine runs"
    store.close()
    assert in_clear(path.parent) == [], "after its end"


def test_on_another_computer_nothing_opens_and_nothing_is_changed(
    open_store: Callable[..., Store], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    open_vault(store).put(*PLACE, KEY)
    store.close()
    thief = tmp_path / "thief"
    shutil.copytree(path.parent, thief)
    before = every_byte(thief)
    monkeypatch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(tmp_path / "other.secret"))
    stolen = open_store(thief / path.name)
    with pytest.raises(SealedAway, match="does not open here"):
        open_vault(stolen)
    credential_path(thief / path.name).unlink()
    with pytest.raises(SealedAway, match="sealed with another secret"):
        open_vault(stolen).get(*PLACE)
    assert Values(stolen).get(*PLACE) in before
    stolen.close()
    assert in_clear(thief) == []


def test_sealed_is_never_read_as_clear_without_what_opens_it(
    open_store: Callable[..., Store], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    open_vault(store).put(*PLACE, KEY)
    without_systemd(monkeypatch)
    with pytest.raises(SealedAway):
        open_vault(store)
    credential_path(path).unlink()
    vault = open_vault(store)
    assert vault.kind == "none"
    with pytest.raises(SealedAway, match="nothing here opens them"):
        vault.get(*PLACE)


def test_unit_hands_the_secret_over(
    open_store: Callable[..., Store], handed: Callable[[bytes], None], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    open_vault(store).put(*PLACE, KEY)
    sealed = credential_path(path)
    told = subprocess.run(
        ["systemd-creds", "decrypt", f"--name={CREDENTIAL}", sealed, "-"], capture_output=True, check=True
    )
    handed(told.stdout)
    # From here on as a user who may not use the host key.
    without_systemd(monkeypatch)
    vault = open_vault(store)
    assert (vault.kind, vault.get(*PLACE)) == ("host", KEY)
    handed(secrets.token_bytes(32))
    with pytest.raises(SealedAway, match="another secret"):
        open_vault(store).get(*PLACE)
    handed(b"short")
    with pytest.raises(SealedAway, match="fewer than 32 bytes"):
        open_vault(store)


def test_unit_that_has_its_secret_from_elsewhere(
    open_store: Callable[..., Store], handed: Callable[[bytes], None], path: Path
) -> None:
    handed(secrets.token_bytes(64))
    store = open_store()
    vault = open_vault(store)
    vault.put(*PLACE, KEY)
    assert (vault.kind, vault.get(*PLACE)) == ("host", KEY)
    assert not credential_path(path).exists()


@pytest.mark.parametrize("damage", [b"", b"sealed/1:", b"sealed/1:AAAA", b"sealed/1:????", b"other place"])
def test_sealed_bytes_that_were_changed_or_moved_open_nothing(open_store: Callable[..., Store], damage: bytes) -> None:
    store = open_store()
    vault = open_vault(store)
    vault.put("staff", "secret", KEY)
    moved = Values(store).get("staff", "secret")
    if damage:
        Values(store).put(*PLACE, moved if damage == b"other place" else damage)
        with pytest.raises(SealedAway):
            vault.get(*PLACE)
    else:
        assert vault.get(*PLACE) is None


@pytest.mark.parametrize(("named", "kind"), [(HOST_AND_TPM2, "tpm2"), (TPM2, "tpm2")])
def test_kind_is_read_from_the_credential_itself(tmp_path: Path, named: str, kind: str) -> None:
    file = tmp_path / "cred"
    file.write_bytes(base64.encodebytes(bytes.fromhex(named) + bytes(100)))
    assert kind_of(file) == kind


@pytest.mark.parametrize("content", [base64.encodebytes(bytes.fromhex(NULL) + bytes(100)), b"\xff\xfe no base64 \0"])
def test_credential_that_seals_nothing_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cred"
    file.write_bytes(content)
    with pytest.raises(SealedAway):
        kind_of(file)


def test_what_does_not_open_any_more_can_be_given_up(open_store: Callable[..., Store], path: Path) -> None:
    store = open_store()
    vault = open_vault(store)
    vault.put(*PLACE, KEY)
    Values(store).put("machine", "out_of_service", b"")
    assert forget_sealed(store) == 1
    assert not credential_path(path).exists()
    assert Values(store).names("machine") == ["out_of_service"]
    again: Vault = open_vault(store)
    assert (again.kind, again.get(*PLACE)) == ("host", None)
