"""Sealed certificates: what a machine believes of a PDF before it prints it.

A certificate is a PDF with one PAdES signature over all of it. In its document information (``Subject``) stands a
``Statement`` as canonical JSON: for whom and by whom it was made. What does not hold is refused as a whole.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any

import msgspec

from kiosk.messages.bounds import Line, Word
from kiosk.messages.encoding import InvalidMessage, canonical_json, decode, from_text

ISSUER = "tongban hub"
"""The name under which the hub's signing key vouches for the departments' seals."""
MOST_BYTES = 4 * 1024 * 1024
_RANGE = re.compile(rb"/ByteRange\s*\[\s*0\s+([0-9]{1,10})\s+([0-9]{1,10})\s+([0-9]{1,10})\s*\]")
_SEAL_BYTES = 64 * 1024
"""Of a seal as hex: ours has 2 KB, one with a chain and a time stamp some ten."""
MOST_PAGES = 24
"""Five years of journeys fill some ten; whoever seals more by mistake must not empty a machine's paper."""
_MOST_NODES = 4 * MOST_PAGES
_LARGEST_PT = (600.0, 847.0)
"""A4 and two millimetres."""


class Statement(msgspec.Struct, frozen=True):
    """What the sealed pages are: for whom (``id_number``), by which ``department``, of which ``service``."""

    number: Word
    code: Word
    service: Word
    department: Word
    id_number: Word
    issued_on: date
    title: Line = ""


class BadSeal(Exception):
    """The pages prove nothing, or are no paper of a few A4 sheets.

    ``reason`` is ``not_sealed``, ``broken``, ``wrong_signer``, ``other_certificate`` or ``not_printable``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def statement_text(statement: Statement) -> str:
    """As it stands in the document."""
    return canonical_json(msgspec.to_builtins(statement)).decode()


def read_sealed(pdf: bytes, trusted: Sequence[str], at: datetime) -> Statement:
    """The statement of sealed pages. ``trusted``: the hub's public signing keys (suite std). Raises BadSeal.

    Blocking, a second at the first call: call it in a thread.
    """
    if not 0 < len(pdf) <= MOST_BYTES:
        raise BadSeal("not_sealed")
    try:
        return _read(pdf, trusted, at)
    except BadSeal:
        raise
    except Exception as error:
        # The boundary of foreign bytes: a file that no reader understands is no certificate.
        raise BadSeal("broken") from error


def _read(pdf: bytes, trusted: Sequence[str], at: datetime) -> Statement:
    # Before anything is parsed: a file of 200 bytes can keep a reader of PDF busy for ever, one of a department cannot.
    _require_seal(pdf, _context(trusted, at))
    # Here, not above: a second of loading that only who prints a certificate waits for.
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature

    reader = PdfFileReader(io.BytesIO(pdf))
    seals = reader.embedded_signatures
    if len(seals) != 1:
        raise BadSeal("not_sealed")
    status = validate_pdf_signature(seals[0], signer_validation_context=_context(trusted, at))
    whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    if not (whole and status.intact and status.valid and status.modification_level is ModificationLevel.NONE):
        raise BadSeal("broken")
    if not status.bottom_line:
        raise BadSeal("wrong_signer")
    statement = _statement(str(reader.trailer_view["/Info"]["/Subject"]))
    if status.signing_cert.subject.native.get("common_name") != statement.department:
        raise BadSeal("wrong_signer")
    _require_sheets(reader.root)
    return statement


def _require_sheets(catalog: Any) -> None:
    """Some sheets of A4 at most and nothing that acts by itself (ISO 32000-1 §12.6), though it be truly sealed."""
    acts = "/AA" in catalog or "/JavaScript" in catalog.get("/Names", {}) or "/S" in catalog.get("/OpenAction", {})
    sheets, nodes, waiting = 0, 0, [(catalog["/Pages"], None)]
    while waiting and nodes <= _MOST_NODES:
        node, box = waiting.pop()
        nodes, box = nodes + 1, node.get("/MediaBox", box)
        if "/Kids" in node:
            # What is said of their number is nobody's word.
            waiting += [(kid.get_object(), box) for kid in islice(node["/Kids"], _MOST_NODES + 1)]
        else:
            sheets += 1
            acts = acts or "/AA" in node or not _is_sheet(box, node.get("/UserUnit", 1))
    if acts or waiting or not 0 < sheets <= MOST_PAGES:
        raise BadSeal("not_printable")


def _is_sheet(box: Any, unit: Any) -> bool:
    left, low, right, high = map(float, box)
    sides = sorted((abs(right - left), abs(high - low)))
    return unit == 1 and all(0 < side <= most for side, most in zip(sides, _LARGEST_PT, strict=True))


def _require_seal(pdf: bytes, context: Any) -> None:
    """The bytes bear one seal over all of them (ISO 32000-1 §12.8.1), by somebody for whom the hub vouches."""
    from asn1crypto import cms
    from pyhanko.sign.validation.generic_cms import async_validate_detached_cms

    found = _RANGE.findall(pdf)
    if len(found) != 1:
        raise BadSeal("not_sealed")
    before, after, rest = map(int, found[0])
    hole = pdf[before:after]
    if after + rest != len(pdf) or not 2 < len(hole) <= _SEAL_BYTES or (hole[:1], hole[-1:]) != (b"<", b">"):
        raise BadSeal("broken")
    seal = cms.ContentInfo.load(bytes.fromhex(hole[1:-1].decode("ascii")))["content"]
    status = asyncio.run(async_validate_detached_cms(pdf[:before] + pdf[after:], seal, context))
    if not (status.intact and status.valid):
        raise BadSeal("broken")
    if not status.bottom_line:
        raise BadSeal("wrong_signer")


def _context(trusted: Sequence[str], at: datetime) -> Any:
    from asn1crypto import keys, x509
    from pyhanko_certvalidator import ValidationContext
    from pyhanko_certvalidator.authority import NamedKeyAuthority, TrustAnchor

    name = x509.Name.build({"common_name": ISSUER})
    anchors = [
        TrustAnchor(
            NamedKeyAuthority(name, keys.PublicKeyInfo({"algorithm": {"algorithm": "ed25519"}, "public_key": raw}))
        )
        for raw in map(from_text, trusted)
        if len(raw) == 32
    ]
    return ValidationContext(trust_roots=anchors, moment=at, allow_fetching=False)


def _statement(words: str) -> Statement:
    try:
        return decode(words.encode(), Statement)
    except InvalidMessage as error:
        raise BadSeal("other_certificate") from error
