"""Suite ``std``: HPKE base mode (RFC 9180, X25519-HKDF-SHA256-AES256GCM) and Ed25519 (RFC 8032)."""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

_HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_P = 2**255 - 19
_BYTES = 32


@lru_cache(maxsize=8)
def _sign_key(private: bytes) -> SigningKey:
    """Kept: making it from its bytes takes longer than signing, and a hub signs with the same few for ever."""
    return SigningKey(private)


class StandardSuite:
    """Keys are the raw 32 bytes of X25519 and Ed25519; a sealed text is ``enc || ciphertext``, 48 bytes longer."""

    def new_seal_key(self) -> tuple[bytes, bytes]:
        private = X25519PrivateKey.generate().private_bytes_raw()
        return private, self.public_of_seal_key(private)

    def new_sign_key(self) -> tuple[bytes, bytes]:
        private = Ed25519PrivateKey.generate().private_bytes_raw()
        return private, self.public_of_sign_key(private)

    def public_of_seal_key(self, private: bytes) -> bytes:
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    def public_of_sign_key(self, private: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    def check_seal_key(self, public: bytes) -> None:
        """Raises ValueError for a key that seals to everybody: of small order (RFC 7748 §6.1), or of another length."""
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))

    def check_sign_key(self, public: bytes) -> None:
        """Raises ValueError for a key under which anybody signs: of small order, or not in its one form (RFC 8032)."""
        y = int.from_bytes(public, "little") & (2**255 - 1)
        if len(public) != _BYTES or y >= _P:
            raise ValueError("not an Ed25519 public key")
        # The same point on the curve of X25519 (RFC 7748 §4.1), where small orders are refused.
        u = (1 + y) * pow(1 - y, -1, _P) % _P if y != 1 else 0
        self.check_seal_key(u.to_bytes(_BYTES, "little"))

    def seal(self, plain: bytes, public: bytes, info: bytes) -> bytes:
        return _HPKE.encrypt(plain, X25519PublicKey.from_public_bytes(public), info=info)

    def unseal(self, sealed: bytes, private: bytes, info: bytes) -> bytes:
        """Raises ValueError when the bytes were not sealed to this key with this info."""
        try:
            return _HPKE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info=info)
        except (InvalidTag, ValueError) as error:
            raise ValueError("not sealed to this key, or damaged") from error

    def sign(self, message: bytes, private: bytes) -> bytes:
        return _sign_key(private).sign(message).signature

    def verify(self, signature: bytes, message: bytes, public: bytes) -> bool:
        # libsodium's takes half the time of OpenSSL's, as in signing: of a hub's work with a case this was a third.
        try:
            VerifyKey(public).verify(message, signature)
        except (BadSignatureError, ValueError):
            return False
        return True
