"""Suite ``gm``: known answers of the standards, the other implementation at hand (OpenSSL), and what must not open."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import gmssl_pyx
import pytest
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.messages import seal
from kiosk.messages.encoding import BadSignature, InvalidMessage, from_text, to_text
from kiosk.messages.suite_gm import OVERHEAD_BYTES, GmSuite, _Ciphertext

GM = GmSuite()
PRIVATE, PUBLIC = GM.new_seal_key()
PLACE = {"kiosk_id": "K-1", "key": "0190", "part": "form", "suite": "gm"}
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")

# GB/T 32918.5-2017, annex A: the recommended curve, message "message digest", the default signer id.
NUMBER = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
POINT = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA


def test_sm3_of_abc_is_that_of_gbt_32905_annex_a() -> None:
    known = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert gmssl_pyx.sm3_hash(b"abc").hex() == known


def test_the_signature_of_gbt_32918_5_verifies() -> None:
    signature = encode_dss_signature(R, S)
    assert GM.verify(signature, b"message digest", b"\x04" + POINT)
    assert not GM.verify(signature, b"message digesT", b"\x04" + POINT)
    assert GM.verify(GM.sign(b"x", NUMBER + POINT), b"x", b"\x04" + POINT)


def test_sm4_gcm_is_that_of_rfc_8998_a_1() -> None:
    encryptor = Cipher(
        SM4(bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")), GCM(bytes.fromhex("00001234567800000000ABCD"))
    ).encryptor()
    encryptor.authenticate_additional_data(bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2"))
    plain = bytes.fromhex("".join(c * 16 for c in "ABCDEFEA"))
    assert (encryptor.update(plain) + encryptor.finalize()).hex().upper() == (
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    )
    assert encryptor.tag.hex().upper() == "83DE3541E4C2B58177E065A9BF7B62EC"


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=3000))
def test_what_is_sealed_opens_and_is_always_as_much_longer(plain: bytes) -> None:
    sealed = GM.seal(plain, PUBLIC, b"info")
    assert len(sealed) == len(plain) + OVERHEAD_BYTES
    assert GM.unseal(sealed, PRIVATE, b"info") == plain


@pytest.mark.parametrize("field", ["kiosk_id", "key", "part"])
def test_a_part_opens_at_its_own_place_only(field: str) -> None:
    sealed = seal.seal(b"x", to_text(PUBLIC), **PLACE)
    assert seal.unseal(sealed, to_text(PRIVATE), **PLACE) == b"x"
    with pytest.raises(seal.SealBroken):
        seal.unseal(sealed, to_text(PRIVATE), **PLACE | {field: "other"})


@pytest.mark.parametrize("at", [0, 5, 40, 70, 100, 114, 130, -1])
def test_damage_anywhere_is_noticed(at: int) -> None:
    sealed = bytearray(GM.seal(b"x" * 20, PUBLIC, b"info"))
    sealed[at] ^= 1
    with pytest.raises(ValueError, match=r"sealed|damaged"):
        GM.unseal(bytes(sealed), PRIVATE, b"info")


def test_another_key_and_another_suite_do_not_open() -> None:
    sealed = seal.seal(b"x", to_text(PUBLIC), **PLACE)
    for private, suite in ((seal.new_seal_key("gm").private, "gm"), (seal.new_seal_key().private, "std")):
        with pytest.raises(seal.SealBroken):
            seal.unseal(sealed, private, **PLACE | {"suite": suite})
    for short in (b"", sealed[:140]):
        with pytest.raises(seal.SealBroken):
            seal.unseal(short, to_text(PRIVATE), **PLACE)


def test_signatures_and_keys_of_the_other_suite_prove_nothing() -> None:
    pair, std = seal.new_sign_key("gm"), seal.new_sign_key()
    signature = seal.sign(b"text", pair.private, "gm")
    seal.verify(b"text", signature, pair.public, "gm")
    assert seal.public_sign_key(pair.private, "gm") == pair.public
    wrong = [(signature, std.public, "gm"), (signature, std.public, "std"), (signature[:-4], pair.public, "gm")]
    for said, key, suite in [*wrong, (seal.sign(b"text", std.private), pair.public, "gm"), ("", pair.public, "gm")]:
        with pytest.raises(BadSignature):
            seal.verify(b"text", said, key, suite)


def test_a_key_off_the_curve_is_refused() -> None:
    for bad in (b"\x04" + b"\x01" * 64, PUBLIC[1:], b"\x02" + PUBLIC[1:33]):
        with pytest.raises(ValueError, match="SM2"):
            GM.seal(b"x", bad, b"info")
    with pytest.raises(InvalidMessage):
        seal.seal(b"x", "not a key", **PLACE)


def run(*words: object, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *map(str, words)], input=data, capture_output=True, check=True).stdout


def pem_of(private: bytes, folder: Path) -> Path:
    """SEC 1 ECPrivateKey (RFC 5915) of the SM2 curve, with its point."""
    body = b"\x02\x01\x01\x04\x20" + private[:32] + bytes.fromhex("a00a06082a811ccf5501822d")
    body += b"\xa1\x44\x03\x42\x00\x04" + private[32:]
    path = folder / "key.pem"
    path.write_bytes(run("ec", "-inform", "DER", data=b"\x30" + bytes([len(body)]) + body))
    return path


@openssl
def test_openssl_verifies_ours_and_we_verify_openssls(tmp_path: Path) -> None:
    key, message, signed = pem_of(PRIVATE, tmp_path), tmp_path / "message", tmp_path / "signature"
    message.write_bytes(b"what was said")
    public = tmp_path / "public.pem"
    public.write_bytes(run("pkey", "-in", key, "-pubout"))
    common = ["-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678", "-in", message]
    signed.write_bytes(GM.sign(b"what was said", PRIVATE))
    verified = run("pkeyutl", "-verify", "-pubin", "-inkey", public, *common, "-sigfile", signed)
    assert b"Verified Successfully" in verified
    theirs = run("pkeyutl", "-sign", "-inkey", key, *common)
    assert GM.verify(theirs, b"what was said", PUBLIC)


@openssl
def test_openssl_opens_the_key_that_we_sealed(tmp_path: Path) -> None:
    sealed = GM.seal(b"the form", PUBLIC, b"info")
    x, y, digest, text = sealed[1:33], sealed[33:65], sealed[65:97], sealed[97:113]
    der = asn1.encode_der(_Ciphertext(x=int.from_bytes(x, "big"), y=int.from_bytes(y, "big"), digest=digest, text=text))
    (tmp_path / "wrapped").write_bytes(der)
    sm4 = run("pkeyutl", "-decrypt", "-inkey", pem_of(PRIVATE, tmp_path), "-in", tmp_path / "wrapped")
    decryptor = Cipher(SM4(sm4), GCM(sealed[113:125], sealed[-16:])).decryptor()
    decryptor.authenticate_additional_data(b"info")
    assert decryptor.update(sealed[125:-16]) + decryptor.finalize() == b"the form"
    assert len(from_text(to_text(PUBLIC))) == 65
