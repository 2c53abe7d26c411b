"""The second copy on the slip: the case sealed to the hub, as codes that ``hub restore`` reads from a photograph."""

from __future__ import annotations

import structlog

from kiosk.hub_link.filing import Filed
from kiosk.hub_link.identity import Identity
from kiosk.messages.content import CaseForm, encode_content
from kiosk.messages.paper import PaperFacts, PaperTooLong, make_paper, mark_of, to_codes
from kiosk.slips.model import SecondCopy

log = structlog.get_logger()


def second_copy(
    form: CaseForm, filed: Filed, *, case_id: str, identity: Identity, seal_key: str, key: str
) -> SecondCopy | None:
    """The copy of a case that was filed; None for one that is too long for the paper. Make it once per case."""
    facts = PaperFacts(
        kiosk_id=identity.kiosk_id,
        seq=filed.seq,
        sha256=filed.sha256,
        key=key,
        case_id=case_id,
        receipt_number=form.receipt_number,
        created_at=form.filed_at,
        suite=identity.suite,
    )
    payload = make_paper(encode_content(form), facts, seal_key=seal_key, private_key=identity.private_key)
    try:
        return SecondCopy(mark_of(payload), to_codes(payload))
    except PaperTooLong:
        log.warning("second_copy_too_long", case_id=case_id, bytes=len(payload))
        return None
