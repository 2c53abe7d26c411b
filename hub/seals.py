"""The electronic seals 电子印章 of the departments: keys that sign a PDF (PAdES, ETSI EN 319 142-1) in their name.

The hub's signing key vouches for a seal by an X.509 certificate, so that a machine, which knows the hub's key, can
check one without further configuration. A department with a seal of a real authority brings its own ``Seal``.
"""

from __future__ import annotations

import io
import threading
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from hub.keys import write_secret
from kiosk.messages.certificates import ISSUER
from kiosk.messages.encoding import from_text
from kiosk.messages.ours import read_ours

_VALID = timedelta(days=3653)
_FIELD = "Seal"
_FILE_BYTES = 4096
_MAKING = threading.Lock()


class Seal:
    """One department's seal. ``vouched_by``: the hub's private signing key of the suite ``std``, base64url."""

    def __init__(self, department: str, key: EllipticCurvePrivateKey, *, vouched_by: str, now: datetime) -> None:
        issuer = Ed25519PrivateKey.from_private_bytes(from_text(vouched_by))
        self._key, self._certificate = _der(key), _certificate(department, key, issuer, now)

    def on(self, pdf: bytes) -> bytes:
        """The same pages with the seal over all of them. Blocking: half a second; call it in a thread."""
        # Here, not above: a second of loading that only who seals something waits for.
        from asn1crypto import keys, x509
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
        from pyhanko.sign.fields import SigSeedSubFilter
        from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
        from pyhanko_certvalidator.registry import SimpleCertificateStore

        own, certificate = keys.PrivateKeyInfo.load(self._key), x509.Certificate.load(self._certificate)
        made = sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)),
            PdfSignatureMetadata(field_name=_FIELD, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256"),
            signer=SimpleSigner(certificate, own, SimpleCertificateStore()),
        )
        return made.getvalue()


def load_or_make(folder: Path, department: str) -> EllipticCurvePrivateKey:
    """The key of a department's seal in ``folder``, made when it is first asked for. Raises OSError."""
    path = folder / f"{department}.key"
    with _MAKING:
        if not path.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            write_secret(path, _pem(generate_private_key(SECP256R1())))
    key = serialization.load_pem_private_key(read_ours(path, _FILE_BYTES, secret=True), None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise OSError(f"{path}: no key of an elliptic curve; remove it, and one is made")
    return key


def _certificate(department: str, key: EllipticCurvePrivateKey, issuer: Ed25519PrivateKey, now: datetime) -> bytes:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(department))
        .issuer_name(_name(ISSUER))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(usage, critical=True)
        .sign(issuer, None)
    )
    return made.public_bytes(serialization.Encoding.DER)


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])


def _der(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(key: EllipticCurvePrivateKey) -> str:
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return raw.decode("ascii").strip()
