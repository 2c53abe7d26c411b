"""Somebody comes for another: said where the ways are chosen, with a card of their own, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import trio

from kiosk.handover import Left
from kiosk.journey import engine
from kiosk.journey.whole import together
from kiosk.messages.content import CaseForm, decode_content
from kiosk.messages.questions import EligibilityAnswer, ProgressAnswer
from kiosk.pages import Choices, Page, Settings
from kiosk.planning.plan import plan_of
from kiosk.vision.client import FaceResult
from kiosk.visit import Second, Visit
from tests.kiosk.journey.conftest import LI, ZHAO, Counter, words
from tests.kiosk.journey.test_engine import question
from tests.kiosk.journey.test_second_card import CONFIRMED, EVERYBODY, filings, laid
from tests.kiosk.journey.test_verify import Watcher

OWNER: Any = replace(ZHAO, portrait=SimpleNamespace(png=lambda: b"the owner"))
AGENT: Any = replace(LI, portrait=SimpleNamespace(png=lambda: b"the agent"))
BOY = replace(LI, number="990101201001010016", birth=date(2010, 1, 1))
STEPS = ("identify", "verify", question("last"), "review", "file", "slip")


def ways(page: Page) -> list[str]:
    return [option.id for block in page.blocks if isinstance(block, Choices) for option in block.options]


@pytest.fixture
def sent(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watcher]:
    """The owner's card was read; whoever looks into the camera passes, and these cards come one after the other."""

    def begin(*cards: Any, proxy: str | None = "yes") -> Watcher:
        watcher = Watcher(*(FaceResult("pass", 0.3, "", "test", 4) for _ in range(3)))
        watcher.go_on.set()
        counter.machine.vision, counter.machine.vision_ready = watcher, lambda: True  # type: ignore[assignment]
        counter.visit.card = OWNER
        laid(counter, monkeypatch, *cards)
        counter.steps("T01", *STEPS, proxy=proxy, applicant=EVERYBODY)
        return watcher

    return begin


async def said_on(counter: Counter, kind: str, said: str) -> None:
    while said not in words(await counter.finger.until(kind)):
        await counter.finger.change(f"{said!r} on the page {kind}")


async def test_an_agents_own_card_and_face_are_asked_for_and_go_with_the_case(
    counter: Counter, sent: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = sent(AGENT)
    filed = filings(counter, monkeypatch)
    async with counter.doing("T01"):
        assert ways(await counter.first("face_notice")) == ["face", "guide", "agent"]
        counter.finger.touch("next", way="agent")
        await said_on(counter, "face_notice", "代办人李*䶮")
        assert ways(counter.page) == ["face", "guide"]
        counter.finger.touch("next", way="face")
        await counter.finger.until("choose")
        await counter.touch("next", "review", last="a")
        assert "代办人\n李*䶮" in words(counter.page)
        await counter.touch("next", "result")
        await counter.touch("next", "slip")
        counter.last("next")
    form = decode_content("case", filed[0]["form"])
    assert isinstance(form, CaseForm)
    assert (form.applicant.number, form.answers["second_card"]) == (OWNER.number, "agent")
    assert (AGENT.number in filed[0]["second_person"].decode(), watcher.photos) == (True, [b"the agent"])
    assert (filed[0]["face"], form.identity.method) == (b"a picture", "face")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (OWNER, "刚才那张证件"),
        (replace(OWNER, kind="hk_macao_taiwan", number="830000199001010027"), "刚才那张证件"),
        (BOY, "未满 18 周岁"),
        (replace(AGENT, valid_to=date(2027, 1, 11)), "已过期"),
    ],
    ids=["the same card", "another card of the same person", "a boy", "expired yesterday"],
)
@pytest.mark.attack(9)
async def test_a_card_that_cannot_be_an_agents_is_refused_in_words_and_asked_for_again(
    counter: Counter, sent: Callable[..., Watcher], wrong: Any, said: str
) -> None:
    sent(wrong, replace(AGENT, valid_to=date(2027, 1, 12)))
    async with counter.doing("T01"):
        await counter.first("face_notice")
        counter.finger.touch("next", way="agent")
        await said_on(counter, "second_card", said)
        await said_on(counter, "face_notice", "代办人李*䶮")
        counter.finger.touch("back")
        await said_on(counter, "face_notice", "我替别人来办")
        assert (counter.visit.second, counter.visit.acting) == (None, OWNER), "the way back forgets who was sent"
        counter.last("back")


@pytest.mark.parametrize(
    ("proxy", "offered", "said"),
    [
        ("yes", True, ""),
        ("window", True, "代办请带双方身份证和委托书到窗口"),
        ("no", False, "本业务须本人办理"),
        (None, False, ""),
    ],
)
async def test_what_the_service_says_of_agents_is_what_is_offered(
    counter: Counter, sent: Callable[..., Watcher], proxy: str | None, offered: bool, said: str
) -> None:
    sent(proxy=proxy)
    async with counter.doing("T01"):
        page = await counter.first("face_notice")
        assert ("agent" in ways(page), "须本人办理" in words(page)) == (offered, proxy == "no")
        if proxy == "window":
            page = await counter.touch("next", "second_refused", way="agent")
            await counter.touch("back", "face_notice")
            await counter.touch("next", "second_refused", way="agent")
            counter.last("leave")
        else:
            counter.last("back")
        assert said in words(page)
    assert counter.visit.second is None


async def test_who_came_without_a_card_is_offered_no_agent(counter: Counter, sent: Callable[..., Watcher]) -> None:
    sent()
    counter.visit.take_unread(OWNER)
    counter.steps("T01", *STEPS, proxy="yes", applicant=msgspec.structs.replace(EVERYBODY, without_card=True))
    counter.online()
    async with counter.doing("T01"):
        assert ways(await counter.first("face_notice")) == ["face", "guide"]
        counter.last("back")


@pytest.mark.attack(9)
@pytest.mark.parametrize(("proxy", "page"), [("yes", "choose"), ("window", "second_refused"), ("no", "second_refused")])
async def test_a_later_service_goes_on_with_the_agent_or_is_refused_before_anything_is_asked(
    counter: Counter, sent: Callable[..., Watcher], proxy: str, page: str
) -> None:
    sent(proxy=proxy)
    counter.visit.accompany(Second(AGENT, "agent"))
    counter.visit.identity = CONFIRMED
    async with counter.doing("T01"):
        await counter.first(page)
        assert counter.finger.history == [page]
        counter.last("back" if page == "choose" else "leave")


async def test_a_guardian_does_not_act_where_none_is_asked_for(counter: Counter, sent: Callable[..., Watcher]) -> None:
    watcher = sent()
    counter.steps("T01", *STEPS[:3], proxy="no", applicant=EVERYBODY)
    counter.visit.accompany(Second(AGENT, "guardian"))
    counter.visit.identity = CONFIRMED
    async with counter.doing("T01"):
        await counter.first("face_notice")
        counter.finger.touch("next", way="face")
        await counter.finger.until("choose")
        counter.last("next", last="a")
    assert (watcher.photos, counter.visit.second) == ([b"the owner"], None)


async def test_where_no_face_can_be_compared_the_agent_says_so_to_the_guide(
    counter: Counter, sent: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent()
    counter.machine.vision_ready = lambda: False  # type: ignore[method-assign]

    async def laid_when_asked(_on_trouble: Any) -> Any:
        while counter.finger.page is None or counter.page.kind != "second_card" or counter.visit.second:
            await counter.finger.change("the page that asks for the card")
        return AGENT

    monkeypatch.setattr(counter.machine.next_card, "read", laid_when_asked)
    async with counter.doing("T01"):
        page = await counter.first("guide")
        assert "agent" in [action.id for action in page.actions]
        counter.finger.touch("agent")
        while counter.visit.acting is not AGENT or counter.page.kind != "guide":
            await counter.finger.change("the guide's page for the agent")
        assert "agent" not in [action.id for action in counter.page.actions]
        counter.finger.touch("back")
        while counter.visit.acting is not OWNER or counter.page.kind != "guide":
            await counter.finger.change("the guide's page for the owner")
        counter.last("back")


@pytest.mark.parametrize("when", ["chosen here", "of an earlier service"])
async def test_of_several_the_one_that_lets_nobody_act_is_refused_and_the_other_goes_on(
    counter: Counter, sent: Callable[..., Watcher], when: str
) -> None:
    sent(AGENT)
    services = counter.machine.catalogue.services
    counter.steps("T02", "identify", "verify", "eligibility", *STEPS[2:], proxy="no", applicant=EVERYBODY)
    counter.online()
    counter.answers["progress"] = ProgressAnswer([])
    counter.answers["eligibility"] = EligibilityAnswer({}, [])
    whole = together(counter.visit, plan_of([services["T01"], services["T02"]]))
    if when != "chosen here":
        counter.visit.accompany(Second(AGENT, "agent"))
        counter.visit.identity = CONFIRMED
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run_journey, whole)
        if when == "chosen here":
            page = await counter.first("face_notice")
            assert ("agent" in ways(page), "须本人办理" in words(page)) == (True, False)
            counter.finger.touch("next", way="agent")
            await said_on(counter, "face_notice", "代办人李*䶮")
            counter.finger.touch("next", way="face")
        page = await counter.finger.until("not_yet")
        assert "按规定要本人办理" in words(page)
        await counter.touch("next", "choose")
        nursery.cancel_scope.cancel()
    assert [part.service.key for part in whole.going] == ["T01"]
    assert counter.finger.history.count("not_yet") == 1


async def test_a_case_that_was_left_half_done_is_taken_up_by_whoever_comes_with_a_card_of_their_own(
    counter: Counter, sent: Callable[..., Watcher]
) -> None:
    sent(AGENT)
    first = counter.visit
    first.accompany(Second(AGENT, "agent"))
    first.forget()
    counter.visit = Visit(counter.machine, Settings())
    counter.visit.card, counter.visit.left = OWNER, Left("T01")
    counter.online()
    async with counter.doing("T01"):
        assert "agent" in ways(await counter.first("face_notice")), "the agent is asked for anew"
        assert not counter.asked, "nothing of it comes back before somebody is verified"
        counter.last("back")
