"""A machine that died with the paper under way: judged by evidence, asked of a person, printed again as a copy."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import trio

from devices.contract import Completed
from devices.vocabulary import Completion
from kiosk import running, status_socket
from kiosk.citizen import Script
from kiosk.machine import Machine
from kiosk.peripherals import Peripherals
from kiosk.roster import PRINTER
from kiosk.slips.intents import Slip, begin_slip, hand_over
from offline_cache.sealed import parcel_id
from tests.kiosk.machine.conftest import World, code_of
from tests.kiosk.machine.test_end_to_end import Waiting, number_of
from tests.waiting import comes_true

COPY = "副本"


def intents(machine: Machine) -> list[Any]:
    return machine.journal.open_intents()


async def filed_without_paper(world: World, person: str = "wang", service: str = "H13") -> tuple[str, str]:
    """A case whose citizen went without a slip: (case id, receipt number)."""
    await world.walk(world.script(person, service, actions={"result": "leave"}))
    case_id = next(line["case_id"] for line in world.of("case") if line["state"] == "stored")
    machine = world.machine(None)
    (row,) = machine.outbox.find(key=case_id)
    machine.store.close()
    assert row.receipt_number
    return case_id, row.receipt_number


async def left_open(world: World, ref: str, slip: Slip, *, handed: bool) -> None:
    """The journal as a machine leaves it that died before (or after) the printer got the job."""
    machine = world.machine(None)
    intent = begin_slip(machine, ref, slip)
    if handed:
        hand_over(machine, PRINTER, intent, ref, slip)
    machine.store.close()


def written(world: World) -> list[str]:
    """The sheets that say something; what a killed machine had left in the printer is cut off on a sheet of its own."""
    return [slip for slip in world.slips() if slip.strip()]


async def test_what_was_never_handed_to_the_printer_is_not_printed_and_said_so_once(world: World) -> None:
    await left_open(world, "case-1", Slip(number="1" * 24, service="T01"), handed=False)
    world.lines.clear()
    await started_and_ended(world)
    (line,) = world.of("recovered")
    assert (line["outcome"], line["evidence"]) == ("not_printed", "never_handed_over")
    machine = world.machine(None)
    try:
        assert intents(machine) == []
        assert [r.detail["outcome"] for r in machine.audit_log.rows(1)] == ["not_printed"]
        assert machine.audit_log.verify() is None
    finally:
        machine.store.close()


async def test_a_slip_in_doubt_stays_with_the_technician_and_is_offered_as_a_copy_by_its_person(world: World) -> None:
    case_id, number = await filed_without_paper(world)
    await left_open(world, case_id, Slip(number=number, service="H13"), handed=True)
    world.lines.clear()
    machine = await started_and_ended(world)
    (line,) = world.of("recovered")
    assert (line["outcome"], line["ref"]) == ("doubt", case_id)
    world.lines.clear()
    await world.walk(by_card(world))
    assert [line["outcome"] for line in world.of("recovered")] == ["doubt"], "shown at every start until it is settled"
    (slip,) = written(world)
    assert COPY in slip
    assert number_of(slip) == number
    machine = world.machine(None)
    try:
        assert intents(machine) == [], "who holds a copy needs no technician"
        audited = [row for row in machine.audit_log.rows() if row.detail.get("ref") == case_id]
        assert len(audited) == 1, "decided once, audited once"
    finally:
        machine.store.close()


async def test_while_it_is_not_known_what_hangs_in_the_printer_nothing_is_printed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a picture from before would swallow the head of the slip."""
    case_id, number = await filed_without_paper(world)
    await left_open(world, case_id, Slip(number=number, service="H13"), handed=True)
    asked, call = [], Peripherals.call

    async def not_ready_once(self: Peripherals, name: str, command: str, *more: Any, **named: Any) -> Any:
        asked.append(command)
        if asked.count("reset") == 1 and command == "reset":
            return Completed(Completion.DEVICE_NOT_READY)
        return await call(self, name, command, *more, **named)

    monkeypatch.setattr(Peripherals, "call", not_ready_once)
    world.lines.clear()
    await world.walk(by_card(world))
    paper = [each for each in asked if each in ("reset", "print_job")]
    assert paper[-2:] == ["reset", "print_job"]
    assert paper.count("print_job") == 1, "only after a reset that went well"
    outcomes = [line["outcome"] for line in world.of("print")]
    assert outcomes == [*(["not_printed"] * (len(outcomes) - 1)), "printed"]
    (slip,) = written(world)
    assert COPY in slip


async def test_a_copy_in_doubt_is_followed_by_the_next_copy(world: World) -> None:
    case_id, number = await filed_without_paper(world)
    await left_open(world, case_id, Slip(number=number, service="H13", copy=1), handed=True)
    await world.walk(by_card(world))
    (slip,) = written(world)
    assert f"{COPY}" in slip
    assert "2" in next(line for line in slip.split("\n") if COPY in line)


async def test_without_network_the_copy_names_no_person_and_no_date(world: World) -> None:
    world.do("network", "cut")
    case_id, number = await filed_without_paper(world)
    await left_open(world, case_id, Slip(number=number, service="H13"), handed=True)
    await world.walk(by_card(world))
    (slip,) = written(world)
    assert COPY in slip
    assert "承诺办结" not in slip
    assert "王" not in slip


async def test_who_had_no_slip_gets_the_first_one_later_by_the_card(world: World) -> None:
    """The machine died before it printed, or the citizen left without it."""
    _, number = await filed_without_paper(world, "zhao", "T01")
    with psycopg.connect(world.stage.ready["hub"]["dsn"], autocommit=True) as city:
        opened = "select 1 from case_file where receipt_number = %s and state = 'accepted'"
        await comes_true(lambda: city.execute(opened, [number]).fetchone(), "the city knows the number")
    await world.walk(by_card(world, "zhao"))
    (slip,) = written(world)
    assert number_of(slip) == number
    assert COPY not in slip, "nothing had come out before"
    assert "驾驶证有效期满换证" in slip
    await world.walk(by_card(world, "zhao"))
    # A story that broke off before may have left this person another one.
    assert [number_of(each) for each in written(world)].count(number) == 1, "it is not owed any more"


async def test_a_slip_that_did_not_come_out_for_want_of_paper_is_owed_without_a_network_too(world: World) -> None:
    world.do("network", "cut")
    world.do("receipt_printer", "paper", state="out")
    actions = {"slip_trouble": "without"}
    await world.walk(world.script("li", "T01", actions=actions))
    number = next(row.receipt_number for row in queued(world) if row.kind == "case" and row.state != "delivered")
    world.do("receipt_printer", "paper", state="full")
    await world.walk(by_card(world, "li"))
    (slip,) = written(world)
    assert number_of(slip) == number
    assert COPY not in slip
    assert "驾驶证有效期满换证" in slip


def queued(world: World) -> list[Any]:
    machine = world.machine(None)
    try:
        return machine.outbox.rows()
    finally:
        machine.store.close()


async def test_a_slip_that_is_known_to_be_out_is_not_offered_again(world: World) -> None:
    await world.walk(world.script("zhao", "T01"))
    (slip,) = written(world)
    await world.walk(by_slip(slip))
    assert "progress" in world.pages()
    assert len(written(world)) == 1


async def test_an_envelope_that_rots_on_the_disk_is_named_while_the_others_go_and_goes_too_when_it_is_whole_again(
    world: World,
) -> None:
    world.do("network", "cut")
    await world.walk(world.script("zhao", "T01", values={"delivery": "window"}))
    await world.walk(world.script("wang", "T01"))
    machine = world.machine(None)
    case, other = [row for row in machine.outbox.rows() if row.state != "delivered"]
    whole = machine.store.query("SELECT sealed FROM parcel WHERE id = ?", parcel_id(case.seq, 0))[0]["sealed"]
    set_parcel(machine, case.seq, bytes([whole[0] ^ 1]) + whole[1:])
    machine.store.close()
    world.do("network", "restore")
    world.lines.clear()
    machine = world.machine(Waiting())
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: machine.outbox.row(other.seq).state == "delivered", "the whole one goes")
        await comes_true(lambda: world.of("alarm"), "the alarm")
        (alarm,) = [line for line in world.of("alarm") if line["what"] == "damaged"]
        assert alarm["reason"] == f"envelope {case.seq} is set aside: part form is not what was signed"
        assert (machine.outbox.row(case.seq).state, machine.outbox.held()) == ("held", 1)
        set_parcel(machine, case.seq, whole)
        assert await status_socket.ask(str(world.stage.status_socket), "release", seq=case.seq)
        await comes_true(lambda: machine.outbox.row(case.seq).state == "delivered", "the mended one goes")
        machine.stop()


def set_parcel(machine: Machine, seq: int, sealed: bytes) -> None:
    sql = "UPDATE parcel SET sealed = ? WHERE id = ?"
    machine.store.write(lambda: machine.store.db.execute(sql, (sealed, parcel_id(seq, 0))))


def by_card(world: World, person: str = "wang") -> Script:
    """Somebody who comes back with the card, and wants the slip."""
    return world.script(person, "C01", actions={"progress": "reprint"})


def by_slip(slip: str) -> Script:
    """Somebody who has only the slip, and wants another one."""
    return Script(
        services=("C01",),
        anonymous=True,
        values={"number": number_of(slip), "slip_code": code_of(slip)},
        actions={"progress_how": "number", "progress": "reprint"},
    )


async def started_and_ended(world: World) -> Machine:
    """One start of the machine up to its home page."""
    machine = world.machine(Waiting())
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        await comes_true(lambda: "home" in world.pages(), "the home page")
        machine.stop()
    return machine
