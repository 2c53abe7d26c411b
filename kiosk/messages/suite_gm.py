"""Suite ``gm``: SM2 (GB/T 32918), SM3 (GB/T 32905) and SM4-GCM (GB/T 32907, RFC 8998), of equal rank with ``std``."""

from __future__ import annotations

import secrets

import gmssl_pyx
from cryptography.exceptions import InvalidTag
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

_POINT = b"\x04"
_COORDINATE = 32
_DIGEST = 32
_KEY = 16
_NONCE = 12
_TAG = 16
_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
"""The curve of GB/T 32918.5: y² = x³ − 3x + b (mod p). Its points are all of one large prime order."""
_WRAPPED = 1 + 2 * _COORDINATE + _DIGEST + _KEY
OVERHEAD_BYTES = _WRAPPED + _NONCE + _TAG


@asn1.sequence
class _Ciphertext:
    """``SM2Cipher`` of GM/T 0009 §7.2."""

    x: int
    y: int
    digest: bytes
    text: bytes


class GmSuite:
    """SM2 signs and wraps, SM3 digests inside both, SM4-GCM seals.

    A public key is ``04 || X || Y`` (65 bytes), a private one ``d || X || Y`` (96): signing needs the point too.
    A signature is the DER of GM/T 0009 §7.3 with the default signer id ``1234567812345678``.
    A sealed text is ``C1 || C3 || C2`` (GB/T 32918.4: a fresh SM4 key, 113 bytes), nonce (12), SM4-GCM text and tag
    (16), with ``info`` as the additional data; it is 141 bytes longer than the plain one.
    """

    def new_seal_key(self) -> tuple[bytes, bytes]:
        point, number = gmssl_pyx.sm2_key_generate()
        return number + point, _POINT + point

    new_sign_key = new_seal_key

    def public_of_seal_key(self, private: bytes) -> bytes:
        return _POINT + _halves(private)[1]

    public_of_sign_key = public_of_seal_key

    def check_seal_key(self, public: bytes) -> None:
        """Raises ValueError for what is no point of the curve."""
        point = _point(public)
        x, y = (int.from_bytes(half) for half in (point[:_COORDINATE], point[_COORDINATE:]))
        if max(x, y) >= _P or (y * y - x * x * x + 3 * x - _B) % _P:
            raise ValueError("not a point of the SM2 curve")

    check_sign_key = check_seal_key

    def seal(self, plain: bytes, public: bytes, info: bytes) -> bytes:
        key, nonce = secrets.token_bytes(_KEY), secrets.token_bytes(_NONCE)
        encryptor = Cipher(SM4(key), GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(info)
        sealed = encryptor.update(plain) + encryptor.finalize()
        return _wrap(key, _point(public)) + nonce + sealed + encryptor.tag

    def unseal(self, sealed: bytes, private: bytes, info: bytes) -> bytes:
        """Raises ValueError when the bytes were not sealed to this key with this info."""
        if len(sealed) < OVERHEAD_BYTES:
            raise ValueError("too short to be sealed")
        wrapped, nonce = sealed[:_WRAPPED], sealed[_WRAPPED : _WRAPPED + _NONCE]
        decryptor = Cipher(SM4(_unwrap(wrapped, private)), GCM(nonce, sealed[-_TAG:])).decryptor()
        decryptor.authenticate_additional_data(info)
        try:
            return decryptor.update(sealed[_WRAPPED + _NONCE : -_TAG]) + decryptor.finalize()
        except InvalidTag as error:
            raise ValueError("not sealed at this place, or damaged") from error

    def sign(self, message: bytes, private: bytes) -> bytes:
        number, point = _halves(private)
        return gmssl_pyx.sm2_sign(number, point, message)

    def verify(self, signature: bytes, message: bytes, public: bytes) -> bool:
        try:
            return gmssl_pyx.sm2_verify(_point(public), message, signature)
        except (ValueError, gmssl_pyx.GmsslInnerError):
            return False


def _halves(private: bytes) -> tuple[bytes, bytes]:
    if len(private) != 3 * _COORDINATE:
        raise ValueError("not an SM2 private key with its point")
    return private[:_COORDINATE], private[_COORDINATE:]


def _point(public: bytes) -> bytes:
    if len(public) != 1 + 2 * _COORDINATE or not public.startswith(_POINT):
        raise ValueError("not an uncompressed SM2 public key")
    return public[1:]


def _wrap(key: bytes, point: bytes) -> bytes:
    # The DER form has 1 to 4 bytes more or less from time to time; C1 || C3 || C2 is always as long.
    try:
        parts = asn1.decode_der(_Ciphertext, gmssl_pyx.sm2_encrypt(point, key))
    except gmssl_pyx.GmsslInnerError as error:
        raise ValueError("not a point of the SM2 curve") from error
    c1 = _POINT + parts.x.to_bytes(_COORDINATE, "big") + parts.y.to_bytes(_COORDINATE, "big")
    return c1 + parts.digest + parts.text


def _unwrap(wrapped: bytes, private: bytes) -> bytes:
    x, y = wrapped[1 : 1 + _COORDINATE], wrapped[1 + _COORDINATE : 1 + 2 * _COORDINATE]
    digest, text = wrapped[-_DIGEST - _KEY : -_KEY], wrapped[-_KEY:]
    parts = _Ciphertext(x=int.from_bytes(x, "big"), y=int.from_bytes(y, "big"), digest=digest, text=text)
    try:
        if wrapped.startswith(_POINT):
            return gmssl_pyx.sm2_decrypt(_halves(private)[0], asn1.encode_der(parts))
    except gmssl_pyx.GmsslInnerError as error:
        raise ValueError("not sealed to this key, or damaged") from error
    raise ValueError("not sealed by this suite")
