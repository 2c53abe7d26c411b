"""What the department is told of the card: everything of use, with the address that counts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio

from devices.id_card_reader.status import CARD_LEFT
from kiosk import running
from kiosk.citizen import Control, Script
from kiosk.hub_link.filing import Filing
from kiosk.messages.content import Applicant, CaseForm, decode_content
from kiosk.walk import ScriptedPresenter
from tests.kiosk.machine.conftest import World
from tests.waiting import HANG_S, comes_true


@pytest.fixture
def filed(monkeypatch: pytest.MonkeyPatch) -> list[Applicant]:
    """The applicants of all cases that are filed, as they go into the seal."""
    found: list[Applicant] = []
    file = Filing.file

    async def told(self: Filing, **case: Any) -> Any:
        form = decode_content("case", case["parts"]["form"])
        assert isinstance(form, CaseForm)
        found.append(form.applicant)
        return await file(self, **case)

    monkeypatch.setattr(Filing, "file", told)
    return found


def _lifted_late(script: Script) -> Script:
    """The card lies until its owner signs: whatever is on it can be read."""
    late = (msgspec.structs.replace(each, page="sign") if each.do == "lift" else each for each in script.control)
    return msgspec.structs.replace(script, control=tuple(late))


async def test_last_appended_address_is_filed_with_everything_else_that_was_read(
    world: World, filed: list[Applicant]
) -> None:
    script = world.script("wang", "T01")
    await world.walk(_lifted_late(script))
    (applicant,) = filed
    assert applicant.address == "通办市试点区示范街6号"
    assert applicant.first_address == "通办省石㟰县大𡎚乡3号"
    assert applicant.added_addresses == ("通办市试点区演示路12号", "通办市试点区示范街6号")
    assert (applicant.nation, applicant.nation_code, applicant.authority) == ("汉", "01", "石㟰县公安局")
    assert not applicant.added_addresses_unread
    assert [line["command"] for line in world.of("command") if line["device"] == "id_card_reader"][-2:] == [
        "read_card",
        "read_added_addresses",
    ]


async def test_what_could_not_be_read_any_more_is_said_and_the_case_goes_on(
    world: World, filed: list[Applicant]
) -> None:
    fails = Control(
        page="home",
        socket=world.socket("id_card_reader"),
        do="error",
        arguments={"sw3": "41", "count": 1, "command": "3003"},
    )
    script = world.script("wang", "T01")
    # Before the card is there: on a busy computer it is read before a later word reaches the reader.
    await world.walk(msgspec.structs.replace(script, control=(fails, *script.control)))
    (applicant,) = filed
    assert (applicant.address, applicant.first_address) == ("通办省石㟰县大𡎚乡3号", "")
    assert applicant.added_addresses_unread
    assert world.slips(), "it stops nobody"


async def test_card_without_appended_addresses(world: World, filed: list[Applicant]) -> None:
    script = world.script("zhao", "T01", values={"delivery": "window"})
    await world.walk(_lifted_late(script))
    (applicant,) = filed
    assert applicant.address == "通办市试点区演示路12号3单元401室"
    assert (applicant.first_address, applicant.added_addresses_unread) == ("", False)


async def test_absent_reader_is_asked_again_when_it_is_back_and_not_before(world: World) -> None:
    world.do("id_card_reader", "unplug")
    machine = world.machine(ScriptedPresenter())
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run, machine)
        with trio.fail_after(HANG_S):
            while machine.peripherals.status("id_card_reader").device != "noDevice":
                await trio.sleep(0.05)
        await trio.sleep(1.0)
        asked = len(world.of("command"))
        await trio.sleep(4.0)
        assert len(world.of("command")) == asked, "nothing is done for ever"
        world.do("id_card_reader", "replug")
        await comes_true(lambda: machine.peripherals.status("id_card_reader").device == "online", "the reader is back")
        world.do("id_card_reader", "place", card="wang")
        with trio.fail_after(HANG_S):
            while not any(line["code"] == "success" for line in world.of("command")):
                if machine.peripherals.status("id_card_reader").error == CARD_LEFT:
                    # It came before the reader had seen its place empty: the person is asked to lay it down anew.
                    world.do("id_card_reader", "lift")
                    await trio.sleep(1.0)
                    world.do("id_card_reader", "place", card="wang")
                await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
