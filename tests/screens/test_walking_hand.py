"""The hand of the walk by touch: it looks at what became of its touches, like a person at a slow machine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
import trio

from kiosk.citizen import SIGNATURE, Script
from kiosk.pages import Answer, Block, Choice, Choices, Field, Page, Settings, SignaturePad
from kiosk.text import same
from tests.matrix.walk import touching
from tests.matrix.walk.touching import Touching
from tests.screens.gallery import EXIT, NEXT
from tests.screens.harness import Hand, KivyPresenter, Target

PHONE = "13900000001"


@pytest.fixture
def hand(presenter: KivyPresenter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Touching]:
    """At the screen of this session, and never too quick."""
    monkeypatch.setattr(touching, "window", lambda: presenter)
    monkeypatch.setattr(touching, "_BETWEEN_S", 0.0)
    monkeypatch.setattr(presenter._surface, "_now", count(1000.0).__next__)
    yield Touching(Script(values={"phone": PHONE}))
    presenter.on_touch = lambda: None


async def answered(hand: Touching, page: Page) -> Answer:
    async with trio.open_nursery() as nursery:
        await nursery.start(hand.run)
        answer = await hand.show(page, Settings())
        nursery.cancel_scope.cancel()
    return answer


def form(*blocks: Block) -> Page:
    return Page(kind="form", title=same("填表"), blocks=blocks, actions=(EXIT, NEXT))


@pytest.mark.parametrize("typed", ["", "139", "15", PHONE])
async def test_what_is_half_typed_or_wrong_is_finished_and_not_typed_behind_it(hand: Touching, typed: str) -> None:
    page = form(Field(name="phone", label=same("电话"), keys="phone", value=typed, max_length=11))
    assert await answered(hand, page) == Answer(action="next", values={"phone": PHONE})
    assert hand.values() == {"phone": PHONE}


async def test_touches_that_a_slow_machine_did_not_take_are_made_again_and_each_is_a_sign_of_life(
    hand: Touching, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap, taps, felt = Hand.tap, count(1), []

    def every_third_is_lost(finger: Hand, target: Target) -> None:
        if next(taps) % 3:
            tap(finger, target)

    monkeypatch.setattr(Hand, "tap", every_third_is_lost)
    monkeypatch.setattr(touching, "_AGAIN_S", 0.1)
    hand.on_touch = lambda: felt.append(1)
    ways = (Choice(id="hall", label=same("窗口")), Choice(id="post", label=same("邮寄")))
    page = form(
        Choices(name="way", label=same("领取"), options=ways, selected="post"),
        Field(name="phone", label=same("电话"), keys="phone", value="7", max_length=11),
    )
    hand.citizen.script.values["way"] = "hall"
    assert await answered(hand, page) == Answer(action="next", values={"way": "hall", "phone": PHONE})
    assert len(felt) == hand.touches - (next(taps) - 1) // 3 > len(PHONE)


async def test_of_two_choices_with_options_of_one_name_each_gets_its_own(hand: Touching) -> None:
    ways = (Choice(id="once", label=same("一次")), Choice(id="twice", label=same("两次")))
    names = ("hong_kong", "macao", "taiwan")
    hand.citizen.script.values.update(zip(names, ("once", "twice", "once"), strict=True))
    page = form(*(Choices(name=name, label=same(name), options=ways) for name in names))
    answer = await answered(hand, page)
    assert answer.values == {"hong_kong": "once", "macao": "twice", "taiwan": "once"}


async def test_a_signature_that_was_broken_off_is_made_anew(hand: Touching) -> None:
    begun = [[[0.1, 0.1], [0.2, 0.2]]]
    page = form(SignaturePad(name="signature", label=same("签名"), strokes=begun))
    answer = await answered(hand, page)
    assert [len(stroke) for stroke in answer.values["signature"]] == [len(stroke) for stroke in SIGNATURE]


def test_all_walks_of_a_process_share_one_screen() -> None:
    assert Touching(Script())._screen is Touching(Script())._screen, "each further one is drawn beneath it, every frame"
