"""The way through one visit, in virtual time: home and back, what is due, lines, and what the machine cannot do now."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
import trio

from devices.id_card_reader.card import IdCard
from devices.vocabulary import DeviceState, DeviceStatus, SupplyState
from kiosk import lobby
from kiosk.citizen import offered_actions
from kiosk.hub_link.client import Answered, Unreachable
from kiosk.hub_link.state import LinkState
from kiosk.journey.engine import Outcome
from kiosk.messages.content import Identity
from kiosk.messages.questions import DueAnswer, DueFact, read_answer
from kiosk.next_card import READER
from kiosk.pages import Choices, DueList, Field, Notice, Page, Settings, Tiles
from kiosk.roster import CAMERA
from kiosk.text import Text
from kiosk.visit import Visit, VisitEnded
from kiosk.visits import Visits
from offline_cache.errors import StoreFull

PRINTER = "receipt_printer"
GROWN = IdCard(kind="resident", name="测试甲", number="990101199001010027", birth=date(1990, 1, 1))


class Person:
    """Plays a visit; how it ended is in ``ended``."""

    def __init__(self, machine: Any, finger: Any) -> None:
        self.machine, self.finger = machine, finger
        self.visit = Visit(machine, Settings())
        self.lines: list[dict[str, Any]] = []
        self.ended = ""
        finger.on_touch = self.visit.touched
        machine.status.publish = lambda event, /, **facts: self.lines.append({"type": event, **facts})
        machine.peripherals.publish(READER, DeviceStatus(DeviceState.ONLINE))
        machine.peripherals.take_over(CAMERA, DeviceStatus(DeviceState.ONLINE))
        machine.next_card.read = self._no_card

    async def _no_card(self, _on_trouble: Any) -> IdCard:
        return await trio.sleep_forever()

    @asynccontextmanager
    async def at(self, begin: Callable[[], Any]) -> AsyncIterator[None]:
        async def play() -> None:
            try:
                await begin()
                self.ended = "done"
            except VisitEnded as ended:
                self.ended = ended.reason

        async with trio.open_nursery() as nursery:
            nursery.start_soon(play)
            yield
            nursery.cancel_scope.cancel()

    async def home(self) -> None:
        while await Visits(self.machine).from_home(self.visit) is Outcome.BACK:
            pass

    async def touch(self, kind: str, action: str, /, **values: Any) -> Page:
        """Touch something on the page of this kind; gives that page."""
        with trio.fail_after(60):
            page = await self.finger.until(kind)
        self.finger.page = None
        self.finger.touch(action, **values)
        return page

    async def page(self, kind: str) -> Page:
        with trio.fail_after(60):
            return await self.finger.until(kind)

    async def page_with(self, kind: str, block: type, words: str = "") -> Page:
        """The page of this kind once it has such a block, which says ``words`` where it has words."""
        with trio.fail_after(60):
            while True:
                page = await self.page(kind)
                if any(isinstance(b, block) and words in str(getattr(b, "text", words)) for b in page.blocks):
                    return page
                await trio.sleep(0.01)

    async def ends(self) -> None:
        """Until the visit is over."""
        with trio.fail_after(60):
            while not self.ended:
                await trio.sleep(0.01)

    async def page_of(self, *kinds: str) -> Page:
        """The page that is up, which is of one of these kinds."""
        with trio.fail_after(60):
            while self.finger.page is None or self.finger.page.kind not in kinds:
                await trio.sleep(0.01)
        return self.finger.page


@pytest.fixture
def person(machine: Any, finger: Any) -> Person:
    return Person(machine, finger)


def tiles(page: Page) -> dict[str, Any]:
    found = [t.action for b in page.blocks if isinstance(b, Tiles) for t in b.tiles]
    return {a.id.removeprefix("service:"): a for a in found}


def chosen(page: Page) -> str:
    return next(b.selected for b in page.blocks if isinstance(b, Choices))


# -- home ----------------------------------------------------------------------------------------------------------


async def test_home_page_forgets_what_somebody_set_and_left(person: Person, autojump_clock: Any) -> None:
    async with person.at(person.home):
        await person.touch("home", "set:language")
        await person.touch("home", "set:elder")
        await person.page("home")
        await trio.sleep(29)
        assert person.finger.settings == Settings(language="en", elder=True)
        await trio.sleep(2)
        assert person.finger.settings == Settings()
        assert not person.ended, "nobody had begun anything"


async def test_back_to_the_home_page_keeps_what_was_set_there_for_a_while(person: Person, autojump_clock: Any) -> None:
    async with person.at(person.home):
        await person.touch("home", "set:language")
        await person.touch("home", "set:low_reach")
        await person.touch("home", "line:traffic")
        await person.touch("line", "back")
        await person.page("home")
        assert person.finger.settings == Settings(language="en", low_reach=True)
        await trio.sleep(29)
        assert not person.ended
        await trio.sleep(2)
        assert person.ended == "timeout", "then the visit ends and is wiped like any other"


async def test_every_call_for_a_guide_is_sent_and_says_how_long_ago_the_last_one_was(
    person: Person, autojump_clock: Any
) -> None:
    async with person.at(person.home):
        await person.touch("home", "call_guide")
        first = await person.touch("guide_called", "continue")
        await trio.sleep(180)
        await person.touch("home", "call_guide")
        second = await person.touch("guide_called", "continue")
    assert len([line for line in person.lines if line["type"] == "guide_called"]) == 2
    assert "上一次呼叫是 3 分钟前" in second.blocks[0].lead.zh
    assert "上一次" not in first.blocks[0].lead.zh
    told = [words for page in (first, second) for words in (page.blocks[0].lead.zh, page.blocks[0].lead.en)]
    phone = person.machine.catalogue.help_phone
    assert all(phone in words for words in told), "at night no guide is in the hall, and the page says what to do then"


# -- back ----------------------------------------------------------------------------------------------------------


async def test_back_goes_one_page_and_loses_nothing_in_a_complaint(person: Person) -> None:
    async with person.at(person.home):
        await person.touch("home", "service:C03")
        await person.touch("complaint_kind", "next", kind="complaint")
        await person.touch("complaint_subject", "next", subject="delay")
        await person.touch("complaint_contact", "back", phone="139")
        assert chosen(await person.touch("complaint_subject", "back", subject="delay")) == "delay"
        assert chosen(await person.touch("complaint_kind", "next", kind="complaint")) == "complaint"
        await person.touch("complaint_subject", "next", subject="delay")
        page = await person.touch("complaint_contact", "back", phone="1390")
        assert next(b.value for b in page.blocks if isinstance(b, Field)) == "139"
        await person.touch("complaint_subject", "back")
        await person.touch("complaint_kind", "back")
        await person.touch("home", "service:C03")
        assert chosen(await person.page("complaint_kind")) == "complaint"


async def test_back_goes_one_page_when_a_case_is_looked_up(person: Person) -> None:
    async with person.at(person.home):
        await person.touch("home", "service:C01")
        await person.touch("progress_how", "number")
        await person.touch("receipt_number", "back", number="9901")
        await person.touch("progress_how", "number")
        page = await person.touch("receipt_number", "back", number="9901")
        assert next(b.value for b in page.blocks if isinstance(b, Field)) == "9901"
        await person.touch("progress_how", "card")
        await person.touch("card", "back")
        await person.touch("progress_how", "back")
        await person.page("home")


async def test_form_keeps_what_was_typed_on_the_page_that_is_left(person: Person) -> None:
    person.visit.card, person.visit.identity = GROWN, Identity("guide", "confirmed", guide_ref="guide-1")

    async def ask(_kind: str, _question: Any) -> Any:
        return Unreachable("offline")

    person.machine.ask = ask
    service = person.machine.catalogue.services["T02"]
    form = next(x for x in service.steps if x.kind == "form")
    name = next(field.name for field in form.fields if field.kind != "choice")

    async with person.at(lambda: Visits(person.machine)._chosen(person.visit, f"service:{service.key}")):
        while (page := await person.page_of("form", "offline_notice", "choose")).kind != "form":
            option = next((b.options[0].id for b in page.blocks if isinstance(b, Choices)), "")
            named = next((b.name for b in page.blocks if isinstance(b, Choices)), "x")
            await person.touch(page.kind, "next", **{named: option})
        await person.touch("form", "back", **{name: "13"})
        page = await person.page_of("offline_notice", "choose")
        await person.touch(page.kind, "next", **{b.name: b.selected for b in page.blocks if isinstance(b, Choices)})
        page = await person.page("form")
        assert next(b.value for b in page.blocks if isinstance(b, Field)) == "13"


# -- what is due, and for whom ---------------------------------------------------------------------------------------


def told(person: Person, card: IdCard, ask: Any) -> Callable[[], Any]:
    person.machine.ask = ask
    person.machine.link.state = LinkState.ONLINE
    person.visit.card = card
    return lambda: Visits(person.machine)._todo(person.visit)


async def test_person_s_page_opens_while_the_hub_hangs_and_is_filled_in_when_it_answers(
    person: Person, autojump_clock: Any
) -> None:
    async def ask(_kind: str, _question: Any) -> Any:
        await trio.sleep(12)
        return Answered(DueAnswer([DueFact("T01", {}, None)]))

    async with person.at(told(person, GROWN, ask)):
        page = await person.page("todo")
        assert "*" in page.title.zh
        assert {"line:traffic", "line:household", "line:exit_entry"} <= offered_actions(page)
        assert not any(isinstance(b, DueList) for b in page.blocks)
        await trio.sleep(13)
        page = await person.page("todo")
        assert [i.action.id for b in page.blocks if isinstance(b, DueList) for i in b.items] == ["service:T01"]


async def test_unexpected_fact_of_one_due_item_takes_nothing_else_away(person: Person) -> None:
    service = next(s for s in person.machine.catalogue.services.values() if s.due and "{" in s.due.reason.zh)
    items = [DueFact(service.key, {"nobody": [1]}, None), DueFact("T01", {}, None), DueFact("X99", {}, None)]

    async def ask(_kind: str, _question: Any) -> Any:
        return Answered(DueAnswer(items))

    async with person.at(told(person, GROWN, ask)):
        page = await person.page("todo")
        while not any(isinstance(b, DueList) for b in page.blocks):
            await trio.sleep(0.01)
            page = await person.page("todo")
        shown = {i.action.id for b in page.blocks if isinstance(b, DueList) for i in b.items}
        assert shown == {f"service:{service.key}", "service:T01"}
        said = {i.action.id: i.reason for b in page.blocks if isinstance(b, DueList) for i in b.items}
        assert said["service:T01"] == Text("驾驶证 到期，可换证", "Licence expires on ; you can renew it now")


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (IdCard(kind="resident", birth=date(1990, 1, 1), valid_to=date(2023, 1, 1)), "有效期"),
        (IdCard(kind="resident", birth=date(2013, 6, 1)), "年龄"),
        (IdCard(kind="foreigner_2023", birth=date(1990, 1, 1)), "证件"),
    ],
)
async def test_only_what_this_person_can_start_is_offered_and_the_rest_says_why(
    person: Person, card: IdCard, reason: str
) -> None:
    async def ask(_kind: str, _question: Any) -> Any:
        return Answered(DueAnswer([]))

    async with person.at(told(person, card, ask)):
        await person.page("todo")
    pages = [lobby.line_page(person.machine, person.visit, line) for line in person.machine.catalogue.lines]
    shut = [action for page in pages for action in tiles(page).values() if not action.enabled]
    assert shut
    assert any(reason in a.reason.zh for a in shut), [a.reason.zh for a in shut]


async def test_broken_item_of_the_hub_s_answer_leaves_the_others_and_is_told(person: Person) -> None:
    good = {"service": "T01", "facts": {}, "due_on": "2027-02-01", "colour": "blue"}
    broken = {**good, "service": "H13", "due_on": 20270201}

    async def ask(_kind: str, _question: Any) -> Any:
        return Answered(read_answer("due", json.dumps({"items": [broken, good]}).encode()))

    async with person.at(told(person, GROWN, ask)):
        page = await person.page_with("todo", DueList)
    assert [i.action.id for b in page.blocks if isinstance(b, DueList) for i in b.items] == ["service:T01"]
    assert any("另有 1 项" in b.text.zh for b in page.blocks if isinstance(b, Notice))


async def test_nothing_is_due_is_not_said_of_an_answer_that_cannot_be_read(person: Person) -> None:
    async def ask(_kind: str, _question: Any) -> Any:
        return Answered(read_answer("due", b'{"items": [{"service": 5}]}'))

    async with person.at(told(person, GROWN, ask)):
        page = await person.page_with("todo", Notice, "另有 1 项")
    assert not any(isinstance(b, DueList) for b in page.blocks)
    assert "line:traffic" in offered_actions(page)


@pytest.mark.parametrize(
    ("silent", "named"),
    [(["traffic", "household"], "交管部门、户政部门暂时没有答复"), (["of_tomorrow"], "of_tomorrow暂时")],
)
async def test_nothing_is_due_is_not_said_while_a_department_is_silent(
    person: Person, silent: list[str], named: str
) -> None:
    async def ask(_kind: str, _question: Any) -> Any:
        return Answered(DueAnswer([], silent))

    async with person.at(told(person, GROWN, ask)):
        page = await person.page_with("todo", Notice, named)
    assert not any(isinstance(b, DueList) for b in page.blocks)


async def test_what_the_others_know_is_shown_beside_who_is_silent(person: Person) -> None:
    async def ask(_kind: str, _question: Any) -> Any:
        return Answered(DueAnswer([DueFact("H13", {"permit_valid_to": "2027-02-05"}, None)], ["traffic"]))

    async with person.at(told(person, GROWN, ask)):
        page = await person.page_with("todo", Notice, "交管部门暂时没有答复")
    assert [i.action.id for b in page.blocks if isinstance(b, DueList) for i in b.items] == ["service:H13"]


# -- what the machine cannot do now ----------------------------------------------------------------------------------


async def test_line_page_follows_a_reader_that_goes_and_comes_back(person: Person) -> None:
    async with person.at(person.home):
        person.machine.peripherals.publish(READER, DeviceStatus(DeviceState.NO_DEVICE))
        await person.touch("home", "line:traffic")
        assert not tiles(await person.page("line"))["T01"].enabled
        person.machine.link.state = LinkState.ONLINE
        person.machine.peripherals.publish(READER, DeviceStatus(DeviceState.ONLINE))
        assert tiles(await person.page("line"))["T01"].enabled


async def test_header_of_any_page_follows_the_network(person: Person) -> None:
    async with person.at(person.home):
        await person.touch("home", "service:C03")
        assert (await person.page("complaint_kind")).chips[0].icon == "wifi-slash"
        person.machine.link.state = LinkState.ONLINE
        person.machine._link_changed(LinkState.ONLINE)
        assert (await person.page("complaint_kind")).chips[0].icon == "wifi-high"


@pytest.mark.parametrize("trouble", ["full", "key"])
async def test_machine_that_can_keep_nothing_says_so_before_the_first_question(person: Person, trouble: str) -> None:
    if trouble == "full":
        person.machine.store._floor = 1 << 62
    else:
        person.machine.hub_keys.trouble = "seal_key"
    person.machine.link.state = LinkState.ONLINE
    async with person.at(person.home):
        offered = tiles(await person.page("home"))
        assert not offered["C03"].enabled
        assert offered["C03"].reason
        assert offered["C01"].enabled
        await person.touch("home", "line:traffic")
        assert not tiles(await person.page("line"))["T01"].enabled


async def test_store_that_fails_in_any_step_is_told_with_what_is_safe(person: Person) -> None:
    async def fails(**_: Any) -> None:
        raise StoreFull("no room")

    person.machine.filing.file = fails
    async with person.at(person.home):
        await person.touch("home", "service:C03")
        await person.touch("complaint_kind", "next", kind="complaint")
        await person.touch("complaint_subject", "next", subject="delay")
        await person.touch("complaint_contact", "anonymous")
        page = await person.touch("not_filed", "continue")
        assert "没有提交" in page.blocks[0].lead.zh


# -- no slip ---------------------------------------------------------------------------------------------------------

NO_PAPER = DeviceStatus(DeviceState.ONLINE, supply=SupplyState.OUT)
PAPER = DeviceStatus(DeviceState.ONLINE, supply=SupplyState.FULL)


@pytest.mark.parametrize(
    "status", [NO_PAPER, DeviceStatus(DeviceState.NO_DEVICE), DeviceStatus(DeviceState.USER_ERROR, error="cover_open")]
)
async def test_who_cannot_have_a_slip_is_told_before_the_first_question(person: Person, status: DeviceStatus) -> None:
    person.machine.peripherals.publish(PRINTER, status)
    async with person.at(person.home):
        await person.touch("home", "service:C03")
        await person.touch("no_slip", "back")
        await person.touch("home", "service:C03")
        await person.touch("no_slip", "next")
        await person.touch("complaint_kind", "back")
        await person.touch("home", "service:C03")
        await person.page_of("complaint_kind")
    assert person.finger.history.count("no_slip") == 2, "who went on once in a visit is not told again"


async def test_who_waits_for_paper_goes_on_by_themselves_when_it_is_there(person: Person) -> None:
    person.machine.peripherals.publish(PRINTER, NO_PAPER)
    async with person.at(person.home):
        await person.touch("home", "service:C03")
        await person.page("no_slip")
        person.machine.peripherals.publish(PRINTER, PAPER)
        await person.page("complaint_kind")


async def test_printer_that_works_is_not_talked_about(person: Person) -> None:
    person.machine.peripherals.publish(PRINTER, PAPER)
    async with person.at(person.home):
        await person.touch("home", "service:C03")
        await person.page_of("complaint_kind")
        person.finger.touch("back")
        await person.touch("home", "service:C01")
        await person.page("progress_how")
    assert "no_slip" not in person.finger.history


# -- surprises outside every step ------------------------------------------------------------------------------------


async def test_surprise_outside_every_step_says_what_is_safe_before_the_visit_ends(
    person: Person, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprised(*_: Any) -> Page:
        raise TypeError("an unexpected line")

    monkeypatch.setattr(lobby, "line_page", surprised)
    async with person.at(Visits(person.machine).one_visit):
        await person.touch("home", "line:traffic")
        page = await person.touch("fault", "continue")
        assert "没有提交" in page.blocks[0].lead.zh
        await person.ends()
    assert [line["reason"] for line in person.lines if line.get("state") == "end"] == ["fault"]
    assert any(line["type"] == "wiped" for line in person.lines)


async def test_screen_that_fails_whatever_it_shows_ends_the_visit_and_wipes_it(
    person: Person, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = person.finger.show

    async def fails(page: Page, settings: Settings) -> Any:
        if page.kind == "home":
            return await show(page, settings)
        raise RuntimeError("no screen")

    monkeypatch.setattr(person.finger, "show", fails)
    async with person.at(Visits(person.machine).one_visit):
        await person.touch("home", "line:traffic")
        await person.ends()
    assert any(line["type"] == "wiped" for line in person.lines)


async def test_page_that_cannot_be_made_anew_stays_and_takes_nobody_down(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with person.at(person.home):
        await person.page("home")

        def surprised(*_: Any, **__: Any) -> Page:
            raise KeyError("an unexpected state")

        monkeypatch.setattr(lobby, "home_page", surprised)
        person.machine.peripherals.publish(READER, DeviceStatus(DeviceState.NO_DEVICE))
        monkeypatch.undo()
        await person.touch("home", "service:C01")
        await person.page("progress_how")
