"""Cases back from paper: photographs of slips in, cases in the inbox out. Any order, any repetition will do.

Whichever comes first of a case, its envelope or its paper copy, has the effect. Both are kept as proofs, the log says
what came when, and the second one changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from psycopg import AsyncConnection, DataError

from hub import batch_intake, events
from hub.context import Hub
from hub.ended_keys import NO_LEAVE, Leave, note_taken, signer_of
from hub.machine_keys import MachineKey, is_known, keys_of
from hub.paper_copies import CONTRADICTED, PAPER_SEEN, RESTORED, content_of, one_at_a_time
from hub.work import open_later
from kiosk.messages.batch import SUFFIX
from kiosk.messages.encoding import BadSignature, InvalidMessage
from kiosk.messages.paper import Code, PaperCopy, mark_of, missing_codes, payload_of, read_paper, whole_copies
from kiosk.messages.seal import SealBroken


class Taken(StrEnum):
    """What became of one slip, or of a photograph without any."""

    RESTORED = "restored"
    KNOWN = "already known"
    INCOMPLETE = "incomplete"
    REFUSED = "refused"
    NOT_OURS = "not ours"


GOOD = frozenset({Taken.RESTORED, Taken.KNOWN})


class Row(NamedTuple):
    """One line of the table. ``slip`` is the receipt number, or the mark beside the codes, or the photograph's name."""

    slip: str
    taken: Taken
    why: str = ""


def exit_code(rows: Iterable[Row]) -> int:
    """0: every slip is in the inbox · 3: some are · 1: none is."""
    good = {row.taken in GOOD for row in rows}
    return 0 if good == {True} else 3 if True in good else 1


async def restore(hub: Hub, files: Sequence[Path], leave: Leave = NO_LEAVE) -> list[Row]:
    """Reads all photographs together, then takes in each slip in a transaction of its own; then each batch file.

    With a supervisor's ``leave`` they may be signed by keys that have ended.
    """
    slips, rows = gather([path for path in files if path.suffix != SUFFIX])
    async with hub.pool.connection() as conn:
        for mark, codes in slips.items():
            rows += await _restore_one(hub, conn, mark, codes, leave)
    for path in files:
        if path.suffix == SUFFIX:
            rows += _rows(path, await batch_intake.take_in_batch(hub, path, leave))
    return rows


_TAKEN = {"accepted": Taken.RESTORED, "known": Taken.KNOWN, "rejected": Taken.REFUSED}


def _rows(path: Path, taken_in: batch_intake.TakenIn) -> list[Row]:
    told = [Row(f"{each.kiosk_id} {each.seq}", _TAKEN[each.result], each.reason) for each in taken_in.judged]
    return [*told, *(Row(path.name, Taken.REFUSED, trouble) for trouble in taken_in.trouble)]


def gather(photographs: Sequence[Path]) -> tuple[dict[str, dict[Code, str]], list[Row]]:
    """The codes of each mark with the photograph that shows them, and a row for each photograph that shows none."""
    # Here, not above: a fifth of a second and fifty megabytes of picture library that no other command needs.
    from hub.photographs import NoPicture, codes_in

    slips: dict[str, dict[Code, str]] = {}
    rows = []
    for path in photographs:
        try:
            codes = codes_in(path)
        except (NoPicture, OSError) as error:
            rows.append(Row(path.name, Taken.NOT_OURS, f"cannot be read: {error}"))
            continue
        for code in codes:
            slips.setdefault(code.mark, {}).setdefault(code, path.name)
        if not codes:
            rows.append(Row(path.name, Taken.NOT_OURS, "shows no recovery code; take it closer, flat, in good light"))
    return slips, rows


async def _restore_one(
    hub: Hub, conn: AsyncConnection, mark: str, codes: Mapping[Code, str], leave: Leave
) -> list[Row]:
    """The copy of this mark. A code that does not belong to it is told and left out, and keeps no other from it."""
    copies = whole_copies(codes)
    if not copies:
        return [_not_whole(mark, [code for code in codes if code.total == total]) for total in _totals(codes)]
    rows = [await _judged_codes(hub, conn, mark, payload_of(copy), leave) for copy in copies]
    belonging = {code for copy in copies for code in copy}
    return rows + [
        Row(mark, Taken.REFUSED, f"code {code.number} of {code.total} on {photograph} does not belong to it: left out")
        for code, photograph in codes.items()
        if code not in belonging
    ]


def _totals(codes: Iterable[Code]) -> list[int]:
    return sorted({code.total for code in codes})


def _not_whole(mark: str, codes: Sequence[Code]) -> Row:
    if missing := missing_codes(codes):
        numbers = ", ".join(map(str, missing))
        return Row(mark, Taken.INCOMPLETE, f"photograph code {numbers} of {codes[0].total} too")
    return Row(mark, Taken.REFUSED, "its codes do not belong together; restore the photographs of this slip alone")


async def _judged_codes(hub: Hub, conn: AsyncConnection, mark: str, payload: bytes, leave: Leave) -> Row:
    try:
        return await take_in_paper(hub, conn, payload, leave)
    except DataError:
        return Row(mark, Taken.REFUSED, "holds what the database cannot")


async def take_in_paper(hub: Hub, conn: AsyncConnection, payload: bytes, leave: Leave = NO_LEAVE) -> Row:
    """One whole copy: judged, then kept with its effect in one transaction."""
    try:
        copy = read_paper(payload)
    except InvalidMessage as error:
        return Row(mark_of(payload), Taken.REFUSED, str(error))
    facts, now = copy.facts, hub.clock.now()
    if not await is_known(conn, facts.kiosk_id):
        return Row(facts.receipt_number, Taken.NOT_OURS, f"the machine {facts.kiosk_id} was never enrolled here")
    who = {"written_at": facts.created_at, "now": now, "leave": leave}
    keys = await keys_of(conn, facts.kiosk_id)
    signer = signer_of(keys, facts.kiosk_id, lambda key: _signed_by(copy, key), **who)
    if signer.key is None:
        return Row(facts.receipt_number, Taken.REFUSED, f"not signed by the machine {facts.kiosk_id}")
    if signer.refusal and not await _is_here(conn, copy):
        return Row(facts.receipt_number, Taken.REFUSED, signer.refusal)
    refusal = _refusal(hub, copy)
    if refusal is not None:
        return refusal
    async with conn.transaction():
        await one_at_a_time(conn, facts.key)
        if signer.by_leave:
            await note_taken(conn, now, leave, facts.kiosk_id, [facts.key])
        return await _keep_copy(hub, conn, copy, payload, signer.key.public_key)


async def _is_here(conn: AsyncConnection, copy: PaperCopy) -> bool:
    """Whether the envelope that this is a copy of came while its key was good, or the copy itself did."""
    said = [copy.facts.key, copy.facts.sha256]
    rows = await conn.execute(
        "select 1 from envelope where key = %s and sha256 = %s "
        "union all select 1 from paper_copy where key = %s and sha256 = %s",
        [*said, *said],
    )
    return await rows.fetchone() is not None


def _refusal(hub: Hub, copy: PaperCopy) -> Row | None:
    number = copy.facts.receipt_number
    try:
        content_of(hub, copy)
    except SealBroken:
        return Row(number, Taken.NOT_OURS, "sealed to another hub's key")
    except InvalidMessage as error:
        return Row(number, Taken.REFUSED, str(error))
    return None


def _signed_by(copy: PaperCopy, key: MachineKey) -> bool:
    if key.suite != copy.facts.suite:
        return False
    try:
        copy.check(key.public_key)
    except (BadSignature, InvalidMessage):
        return False
    return True


async def _keep_copy(hub: Hub, conn: AsyncConnection, copy: PaperCopy, payload: bytes, signer: str) -> Row:
    facts, now = copy.facts, hub.clock.now()
    case = {"actor": "hub", "key": facts.key, "kiosk_id": facts.kiosk_id}
    said = {**case, "seq": facts.seq, "sha256": facts.sha256}
    kept = await conn.execute(
        "insert into paper_copy select %s, %s, %s, %s, %s, %s, chain from kiosk_key "
        "where kiosk_id = %s and public_key = %s on conflict do nothing returning key",
        [facts.key, facts.kiosk_id, facts.seq, facts.sha256, payload, now, facts.kiosk_id, signer],
    )
    fresh = await kept.fetchone() is not None
    opened = await conn.execute(
        "insert into case_file (key, state) values (%s, 'delivered') on conflict do nothing returning key", [facts.key]
    )
    if await opened.fetchone() is None:
        return await _second(hub, conn, copy, said, fresh=fresh)
    await events.record(conn, now, kind=RESTORED, **said)
    await events.record(conn, now, kind=events.CASE_STATE, state="delivered", note="", **case)
    await open_later(hub.jobs, conn, facts.key)
    return Row(facts.receipt_number, Taken.RESTORED)


async def _second(hub: Hub, conn: AsyncConnection, copy: PaperCopy, said: Mapping[str, Any], *, fresh: bool) -> Row:
    """What came before decides; a copy that says something else is noted and kept out."""
    key, number = copy.facts.key, copy.facts.receipt_number
    rows = await conn.execute(
        "select sha256 from envelope where key = %s union all select sha256 from paper_copy where key = %s", [key, key]
    )
    if any(sha256 != copy.facts.sha256 for (sha256,) in await rows.fetchall()):
        await events.record(conn, hub.clock.now(), kind=CONTRADICTED, **said)
        return Row(number, Taken.REFUSED, "another content is held under this case's key")
    if fresh:
        await events.record(conn, hub.clock.now(), kind=PAPER_SEEN, **said)
    return Row(number, Taken.KNOWN)
