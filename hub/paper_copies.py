"""Paper copies of cases as the hub keeps them, beside the envelopes: a case has one key and may have both."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from hub.context import Hub
from kiosk.messages.content import CaseForm, decode_content
from kiosk.messages.encoding import InvalidMessage
from kiosk.messages.paper import PaperCopy, read_paper

RESTORED = "restored_from_paper"
"""The paper came first and had the effect."""
PAPER_SEEN = "paper_seen"
"""The paper came after the envelope that it is a copy of."""
ORIGINAL_ARRIVED = "original_arrived"
"""The envelope came after its paper copy."""
CONTRADICTED = "paper_contradicted"
"""Envelope and paper of one key do not say the same; the later one had no effect, a person must look."""


class Opened(NamedTuple):
    """A case that is here on paper."""

    kiosk_id: str
    form: CaseForm
    created_at: datetime


async def one_at_a_time(conn: AsyncConnection, key: str) -> None:
    """Nothing else is taken in under this key, no envelope and no paper, until the caller's transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtextextended(%s::uuid::text, 0))", [key])


async def form_of(hub: Hub, conn: AsyncConnection, key: str) -> Opened | None:
    """The content of a kept copy, None without one."""
    row = await (await conn.execute("select paper from paper_copy where key = %s", [key])).fetchone()
    if row is None:
        return None
    copy = read_paper(row[0])
    return Opened(copy.facts.kiosk_id, content_of(hub, copy), copy.facts.created_at)


def content_of(hub: Hub, copy: PaperCopy) -> CaseForm:
    """The case of a copy whose signature was checked. Raises SealBroken, InvalidMessage."""
    content = decode_content("case", hub.keys.open_with(copy.facts.suite, copy.form))
    if not isinstance(content, CaseForm) or content.receipt_number != copy.facts.receipt_number:
        raise InvalidMessage("paper.receipt_number", "not the one of the case")
    return content
