"""Cases that come back from paper. A case has one key: whichever comes first, envelope or paper, has the effect.

Both are kept as proofs, the log says what came when, and a second one changes nothing else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from psycopg import AsyncConnection

from hub import events
from hub.context import Hub
from hub.machines import every_key
from kiosk.messages.content import CaseForm, decode_content
from kiosk.messages.encoding import BadSignature, InvalidMessage
from kiosk.messages.paper import PaperCopy, read_paper
from kiosk.messages.seal import SealBroken

RESTORED = "restored_from_paper"
PAPER_SEEN = "paper_seen"
ORIGINAL_ARRIVED = "original_arrived"
CONTRADICTED = "paper_contradicted"


class Taken(StrEnum):
    """What became of a copy."""

    RESTORED = "restored"
    KNOWN = "already known"
    REFUSED = "refused"
    NOT_OURS = "not ours"


class Verdict(NamedTuple):
    """``receipt_number`` is what the copy says, "" when nothing of it could be read; ``why`` is for people."""

    taken: Taken
    receipt_number: str
    why: str = ""


async def take_in(hub: Hub, conn: AsyncConnection, payload: bytes) -> Verdict:
    """A whole copy: judged, then kept with its effect in one transaction."""
    try:
        copy = read_paper(payload)
    except InvalidMessage as error:
        return Verdict(Taken.REFUSED, "", str(error))
    refusal = await _refusal(hub, conn, copy)
    if refusal is not None:
        return refusal
    async with conn.transaction():
        return await _keep(hub, conn, copy, payload)


async def form_of(hub: Hub, conn: AsyncConnection, key: str) -> tuple[str, CaseForm] | None:
    """Machine and content of a case that is here on paper."""
    row = await (await conn.execute("select paper from paper_copy where key = %s", [key])).fetchone()
    if row is None:
        return None
    copy = read_paper(row[0])
    return copy.facts.kiosk_id, _content(hub, copy)


async def sha256_of(conn: AsyncConnection, key: str) -> str | None:
    """The digest of the envelope that a paper copy names, None without a copy."""
    row = await (await conn.execute("select sha256 from paper_copy where key = %s", [key])).fetchone()
    return row[0] if row else None


async def _refusal(hub: Hub, conn: AsyncConnection, copy: PaperCopy) -> Verdict | None:
    number, kiosk_id = copy.facts.receipt_number, copy.facts.kiosk_id
    keys = await every_key(conn, kiosk_id, copy.facts.suite)
    if not keys:
        return Verdict(Taken.NOT_OURS, number, f"the machine {kiosk_id} was never enrolled here")
    if not any(_signed_by(copy, key) for key in keys):
        return Verdict(Taken.REFUSED, number, f"not signed by the machine {kiosk_id}")
    try:
        _content(hub, copy)
    except SealBroken:
        return Verdict(Taken.NOT_OURS, number, "sealed to another hub's key")
    except InvalidMessage as error:
        return Verdict(Taken.REFUSED, number, str(error))
    return None


def _signed_by(copy: PaperCopy, public_key: str) -> bool:
    try:
        copy.check(public_key)
    except (BadSignature, InvalidMessage):
        return False
    return True


def _content(hub: Hub, copy: PaperCopy) -> CaseForm:
    content = decode_content("case", copy.form(hub.keys.seal_private(copy.facts.suite)))
    if not isinstance(content, CaseForm) or content.receipt_number != copy.facts.receipt_number:
        raise InvalidMessage("paper.receipt_number", "not the one of the case")
    return content


async def _keep(hub: Hub, conn: AsyncConnection, copy: PaperCopy, payload: bytes) -> Verdict:
    facts, now = copy.facts, hub.clock.now()
    said = {"actor": "hub", "key": facts.key, "kiosk_id": facts.kiosk_id, "seq": facts.seq, "sha256": facts.sha256}
    kept = await conn.execute(
        "insert into paper_copy values (%s, %s, %s, %s, %s, %s) on conflict do nothing returning key",
        [facts.key, facts.kiosk_id, facts.seq, facts.sha256, payload, now],
    )
    fresh_paper = await kept.fetchone() is not None
    opened = await conn.execute(
        "insert into case_file (key, state) values (%s, 'delivered') on conflict do nothing returning key", [facts.key]
    )
    if await opened.fetchone():
        await events.record(conn, now, kind=RESTORED, **said)
        await events.record(
            conn, now, actor="hub", kind=events.CASE_STATE, key=facts.key, kiosk_id=facts.kiosk_id,
            state="delivered", note="",
        )  # fmt: skip
        await _open_later(hub, conn, facts.key)
        return Verdict(Taken.RESTORED, facts.receipt_number)
    return await _known(conn, hub, facts.receipt_number, said, fresh=fresh_paper)


async def _known(conn: AsyncConnection, hub: Hub, number: str, said: dict, *, fresh: bool) -> Verdict:
    rows = await conn.execute(
        "select sha256 from envelope where key = %s union all select sha256 from paper_copy where key = %s",
        [said["key"], said["key"]],
    )
    same = all(sha256 == said["sha256"] for (sha256,) in await rows.fetchall())
    if fresh or not same:
        await events.record(conn, hub.clock.now(), kind=PAPER_SEEN if same else CONTRADICTED, **said)
    if not same:
        return Verdict(Taken.REFUSED, number, "another content is held under this case's key")
    return Verdict(Taken.KNOWN, number)


async def _open_later(hub: Hub, conn: AsyncConnection, key: str) -> None:
    from hub.work import open_later  # the work of a case reads its paper copy here

    await open_later(hub.jobs, conn, key)
