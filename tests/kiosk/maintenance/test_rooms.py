"""Queue, doubtful prints, out of service, facts about the machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from trio.testing import MockClock

from kiosk import lobby
from kiosk.hub_link.state import LinkState
from kiosk.maintenance import queue
from kiosk.maintenance.stay import Stay
from kiosk.pages import Board, Facts, Page
from tests.kiosk.maintenance.desk import TECHNICIAN, Desk, card_of, said

CASE = "01890000-0000-7000-8000-000000000001"
RECEIPT = "990101270112000100000017"
INSIDE = b"what a citizen filed"


def file_case(desk: Desk, key: str = CASE) -> int:
    proof = desk.machine.outbox.put(
        kind="case",
        key=key,
        case_id=key,
        receipt_number=RECEIPT,
        parts=[("form", INSIDE)],
        stamp=lambda seq, _prev, _digests: (b'{"header": %d}' % seq, "signature"),
    )
    return proof.seq


def facts(page: Page) -> dict[str, str]:
    return {r.label.en: r.value.en for b in page.blocks if isinstance(b, Facts) for r in b.rows}


async def test_queue_shows_envelopes_and_releases_a_held_one(desk: Desk, mock_clock: MockClock) -> None:
    held, waiting = file_case(desk), file_case(desk, CASE[:-1] + "2")
    desk.machine.outbox.hold(held, "409 conflict 赵德福")
    async with desk.technician():
        page = await desk.open_board()
        assert "待发 1 件，搁置 1 件" in said(page)
        assert "暂停服务" not in said(page), "it is in service"
        desk.screen.touch("queue")
        page = await desk.page("maintenance_queue")
        assert facts(page)["Waiting"] == "1"
        board = next(b for b in page.blocks if isinstance(b, Board))
        assert [(r.state.en, len(r.actions)) for r in board.rows] == [("Held", 1), ("Waiting", 0)]
        assert "(409)" in board.rows[0].detail.en
        assert "conflict" not in said(page)
        desk.screen.touch(f"release:{held}")
        await desk.until(lambda: desk.machine.outbox.held() == 0)
        await desk.page("maintenance_queue")
        desk.screen.touch("back")
        await desk.page("maintenance")
    assert [r.detail for r in desk.audit() if r.event == "maintenance_released"] == [{"seq": held}]
    assert waiting == held + 1
    everything = "".join(map(said, desk.screen.seen))
    for secret in (INSIDE.decode(), "赵德福", RECEIPT, CASE, "signature", "header"):
        assert secret not in everything


async def test_a_damaged_envelope_is_shown_with_what_to_do_and_is_only_sent_when_it_is_whole_again(
    desk: Desk, mock_clock: MockClock
) -> None:
    machine, seq = desk.machine, file_case(desk)
    set_part = "UPDATE parcel SET sealed = ? WHERE id = ?"
    machine.store.write(lambda: machine.store.db.execute(set_part, (b"?", seq * 256)))
    machine.outbox.scrub()
    async with desk.technician():
        assert "待发 0 件，搁置 1 件" in said(await desk.open_board())
        desk.screen.touch("queue")
        page = await desk.page("maintenance_queue")
        assert "凭群众手中的回执" in said(page)
        assert "本机磁盘上的内容已损坏" in said(page)
        assert "not what was signed" not in said(page), "a known cause is said in words"
        assert facts(page)["Oldest waits for"] == "Nothing waits", "it is held"
        desk.screen.touch(f"release:{seq}")
        await desk.until(lambda: any(r.event == "maintenance_released" for r in desk.audit()))
        assert machine.outbox.row(seq).state == "held"
        await desk.page("maintenance_queue")
        machine.store.write(lambda: machine.store.db.execute(set_part, (INSIDE, seq * 256)))
        desk.screen.touch(f"release:{seq}")
        await desk.until(lambda: machine.outbox.row(seq).state == "stored")
        await desk.page("maintenance_queue")


def test_a_cause_without_words_is_shown_as_the_machine_s_own_word() -> None:
    assert queue._reason("503 try later", is_damaged=False).zh == "原因（机器原文）：503 try later"
    assert not queue._reason(None, is_damaged=False)


async def test_release_that_cannot_be_audited_does_not_happen(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    seq = file_case(desk)
    desk.machine.outbox.hold(seq, "409")
    stay = Stay(desk.visit, await desk.machine.staff.find(card_of(TECHNICIAN)))

    def broken(*_args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(desk.machine.audit_log, "append", broken)
    with pytest.raises(RuntimeError):
        await stay.order("release", seq=seq)
    assert desk.machine.outbox.row(seq).state == "held"


async def test_doubtful_print_is_settled_by_the_technician(desk: Desk, mock_clock: MockClock) -> None:
    file_case(desk)
    first = await desk.machine.begin_intent("print", CASE)
    second = await desk.machine.begin_intent("print", "notice")
    async with desk.technician():
        page = await desk.open_board()
        assert "2 项等您确认" in said(page)
        desk.screen.touch("doubts")
        page = await desk.page("maintenance_doubts")
        assert f"末四位 {RECEIPT[-4:]}" in said(page)
        assert RECEIPT not in said(page)
        desk.screen.touch(f"printed:{first}")
        await desk.until(lambda: len(desk.machine.journal.open_intents()) == 1)
        await desk.page("maintenance_doubts")
        desk.screen.touch(f"not_printed:{second}")
        await desk.until(lambda: "没有要确认的" in said(desk.screen.page) if desk.screen.page else False)
    outcomes = [desk.machine.journal.outcome(intent) for intent in (first, second)]
    assert outcomes == ["seen by staff", "missed by staff"], "a person's word, not the printer's"
    settled = [r.detail for r in desk.audit() if r.event == "maintenance_doubt_settled"]
    assert settled == [{"intent": first, "outcome": "printed"}, {"intent": second, "outcome": "not_printed"}]


async def test_out_of_service_stands_on_the_home_page_also_after_a_restart(
    open_desk: Callable[[], Desk], mock_clock: MockClock
) -> None:
    desk = open_desk()
    async with desk.technician():
        await desk.open_board()
        desk.screen.touch("service_state")
        await desk.tap("maintenance_service", "close:paper")
        await desk.until(lambda: desk.machine.out_of_service == "paper")
        page = await desk.page("maintenance_service")
        assert "已暂停：等待加纸" in said(page)
        assert "close:paper" not in {t.action.id for b in page.blocks if hasattr(b, "tiles") for t in b.tiles if
                                     t.action.enabled}  # fmt: skip
    again = open_desk()
    home = lobby.home_page(again.machine, again.visit, card_lies_there=False)
    for word in (
        "等待加纸",
        "暂停时间",
        desk.machine.out_of_service_since,
        "去哪里办",
        again.machine.catalogue.help_phone,
    ):
        assert word
        assert word in said(home)
    async with again.technician():
        await again.open_board()
        again.screen.touch("service_state")
        await again.tap("maintenance_service", "open:")
        await again.until(lambda: again.machine.out_of_service == "")
    assert "等待加纸" not in said(lobby.home_page(again.machine, again.visit, card_lies_there=False))
    changes = [(r.actor, r.detail["reason"]) for r in again.audit() if r.event == "maintenance_service_state"]
    assert changes == [("tech-1", "paper"), ("tech-1", "in_service")]


async def test_a_link_that_needs_a_person_stands_first_among_the_facts(
    desk: Desk, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = desk.machine.link
    async with desk.technician():
        await desk.open_board()
        monkeypatch.setattr(link, "_become", lambda *_: None)
        link.state, link.detail = LinkState.NOT_A_HUB, "200, a web page"
        desk.screen.touch("facts")
        page = await desk.page("maintenance_facts")
        assert (page.blocks[0].level, page.blocks[0].text.en[:14]) == ("error", "Something else")
        assert "Link" not in facts(page)
        assert facts(page)["What was seen"] == "200, a web page"


async def test_facts_name_store_disk_hub_and_versions(desk: Desk, mock_clock: MockClock) -> None:
    async with desk.technician():
        await desk.open_board()
        desk.screen.touch("facts")
        found = facts(await desk.page("maintenance_facts"))
        assert found["Database"].startswith("SQLite 3.")
        assert "ms" in found["Sync time (median / slowest 1 %)"]
        assert found["Link"].startswith("Not connected")
        assert found["Catalogue"] == desk.machine.catalogue.version
        desk.screen.touch("again")
        await desk.tap("maintenance_facts", "back")
        await desk.page("maintenance")
