"""Sealing: only the hub opens a part, and only at its own place."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.messages.encoding import BadSignature, InvalidMessage, from_text, to_text
from kiosk.messages.seal import SealBroken, new_seal_key, new_sign_key, public_seal_key, seal, sign, unseal, verify

HUB = new_seal_key()
PLACE = {"kiosk_id": "K-1", "key": "0190", "part": "form"}


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=5000))
def test_what_is_sealed_opens_and_is_48_bytes_longer(plain: bytes) -> None:
    sealed = seal(plain, HUB.public, **PLACE)
    assert len(sealed) == len(plain) + 48
    assert unseal(sealed, HUB.private, **PLACE) == plain


def test_the_same_part_never_seals_to_the_same_bytes() -> None:
    assert seal(b"x", HUB.public, **PLACE) != seal(b"x", HUB.public, **PLACE)


@pytest.mark.parametrize("field", PLACE)
def test_a_part_does_not_open_at_another_place(field: str) -> None:
    with pytest.raises(SealBroken):
        unseal(seal(b"x", HUB.public, **PLACE), HUB.private, **PLACE | {field: "other"})


def test_a_part_does_not_open_with_another_key_or_damaged() -> None:
    sealed = seal(b"x" * 100, HUB.public, **PLACE)
    for damaged in (sealed[:-1], sealed + b"x", b"", bytes(48), sealed[:60] + bytes([sealed[60] ^ 1]) + sealed[61:]):
        with pytest.raises(SealBroken):
            unseal(damaged, HUB.private, **PLACE)
    with pytest.raises(SealBroken):
        unseal(sealed, new_seal_key().private, **PLACE)


def test_a_foreign_implementation_of_the_contract_seals_for_us() -> None:
    info = b"tongban/1|K-1|0190|form"
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    public = X25519PrivateKey.from_private_bytes(from_text(HUB.private)).public_key()
    assert unseal(suite.encrypt(b"x", public, info=info), HUB.private, **PLACE) == b"x"


def test_keys_are_base64url_without_padding() -> None:
    assert len(HUB.public) == 43
    assert to_text(from_text(HUB.public)) == HUB.public
    assert public_seal_key(HUB.private) == HUB.public
    for bad in (HUB.public + "=", HUB.public[:-1] + "+", "a", "ab cd"):
        with pytest.raises(InvalidMessage):
            from_text(bad)


def test_an_unknown_suite_is_refused_by_name() -> None:
    with pytest.raises(InvalidMessage, match="unknown suite"):
        seal(b"x", HUB.public, **PLACE, suite="rot13")


def test_signatures() -> None:
    pair = new_sign_key()
    signature = sign(b"text", pair.private)
    verify(b"text", signature, pair.public)
    wrong = [(b"text!", signature, pair.public), (b"text", signature[:-2], pair.public), (b"text", "", pair.public)]
    for text, said, key in [*wrong, (b"text", signature, new_sign_key().public), (b"text", signature, "AAAA")]:
        with pytest.raises(BadSignature):
            verify(text, said, key)
