"""One citizen at the machine: from the first touch to the wipe."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec
import trio

from devices.id_card_reader.card import IdCard
from kiosk.handover import Left
from kiosk.machine import Machine
from kiosk.messages.content import Identity
from kiosk.messages.masking import mask_name
from kiosk.messages.typed import visible
from kiosk.messages.visits import VisitKey
from kiosk.pages import Action, Answer, Choices, Field, Hero, Page, Settings, Tile, Tiles, restored
from kiosk.peripherals import Begun
from kiosk.text import NOTHING, Text, text
from offline_cache.errors import StoreError

T = TypeVar("T")
WARNING_S = 20.0
ELDER_PACE = 3.0
ADDED_ADDRESSES_S = 8.0
"""Longest read of what was appended to a card; its answer takes half a second."""
_STOOD_STILL_S = 0.5
"""A second that is longer by so much: the machine could do nothing; a busy one is late by some milliseconds."""
_SETTINGS = ("elder", "low_reach")
KEEP = Action(id="keep", label=text("handover.keep"), style="secondary", icon="identification-card")
"""Leaves what was said for another machine."""


class VisitEnded(Exception):
    """The visit is over: ``done``, ``exit``, ``timeout`` or ``fault``. Only its reason leaves the visit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HalfDone(Protocol):
    """What is under way, as far as it can be left for another machine (``kiosk.journey.half_done``)."""

    def has_something(self) -> bool:
        """Whether there is anything to leave."""
        ...

    async def keep(self) -> bool:
        """Leave it, and say so; False when it could not be left."""
        ...


class FiledCase(msgspec.Struct, frozen=True):
    """A case that this visit filed; enough to print, rate and follow it."""

    case_id: str
    receipt_number: str
    service: str


class Second(NamedTuple):
    """Who came along and acts: for a child its guardian, for somebody who sent them an agent."""

    card: IdCard
    role: Literal["guardian", "agent"]


class Paid(NamedTuple):
    """What was paid for a case, and by which order."""

    order: str
    amount_fen: int


class Visit:
    """What is known of one person while they stand here, and the way to show them pages.

    Everything personal hangs on this object, so that dropping it drops all of it.
    """

    def __init__(self, machine: Machine, settings: Settings) -> None:
        self.id = secrets.token_hex(4)
        self.machine = machine
        self.settings = settings
        self.card: IdCard | None = None
        self.without_card = False
        """That ``card`` was not read: it is what the register has of a person who was recognised."""
        self.second: Second | None = None
        """Who acts for the one of ``card``; None: they act themselves."""
        self._named = ""
        self._added: Begun | None = None
        self._key: VisitKey | None = None
        self.identity: Identity | None = None
        self.portrait: bytes = b""
        self.filed: list[FiledCase] = []
        self.half_done: HalfDone | None = None
        self.left: Left | None = None
        """What this person has left at the hub, until it is taken up: as soon as it is known that it is theirs."""
        self.resumed: set[str] = set()
        """Services that had waited for a result, and were offered to go on."""
        self.rated: set[str] = set()
        """Receipt numbers: a case is rated once (一次一评)."""
        self.paid: set[str] = set()
        """Cases of which the hub has said that their fees are paid."""
        self.payments: dict[str, Paid] = {}
        """By what they were paid, by case."""
        self.typed: dict[str, dict[str, str]] = {}
        """What was typed and chosen, by service and field: leaving a page does not lose it."""
        self.knows_no_slip = False
        """That nothing can be printed now has been told, and the person went on."""
        self._touched = 0.0
        self._felt = trio.Event()
        self._asking = False
        self._drawn: Page | None = None
        self._behind: Page | None = None

    async def show(self, page: Page | Callable[[], Page]) -> Answer:
        """Put ``page`` up and wait for the person. Settings, help, idling and leaving are dealt with here.

        A page that depends on the settings or on device health is given as a function: it is made anew whenever these
        change. Raises VisitEnded when the person leaves or does not come back.
        """
        make: Callable[[], Page] = (lambda: page) if isinstance(page, Page) else page
        self.machine.published_page(shown := make())
        kept = self.typed.setdefault(shown.service, {}) if shown.service else {}
        values: dict[str, Any] = {name: kept[name] for name in _unfilled(shown) if name in kept}
        with self.machine.refreshing(lambda: self._refresh(page)):
            while True:
                answer = await self._answered(self._dressed(shown), values)
                values = answer.values or values
                kept.update({name: value for name, value in answer.values.items() if isinstance(value, str)})
                if answer.action == "exit":
                    if await self._confirmed_exit(shown):
                        raise VisitEnded("exit")
                elif not await self._setting(answer.action):
                    return answer
                shown = make()

    async def show_while(self, page: Page | Callable[[], Page], work: Callable[[], Awaitable[T]]) -> Answer | T:
        """Show ``page`` while ``work`` runs; whichever ends first is the result, the other is canceled."""
        found: list[Answer | T | VisitEnded | StoreError] = []

        async def race(contender: Callable[[], Awaitable[Answer | T]], scope: trio.CancelScope) -> None:
            outcome: Answer | T | VisitEnded | StoreError
            try:
                outcome = await contender()
            except (VisitEnded, StoreError) as expected:
                outcome = expected
            if not found:
                found.append(outcome)
            scope.cancel()

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(race, lambda: self.show(page), nursery.cancel_scope)
                nursery.start_soon(race, work, nursery.cancel_scope)
        finally:
            # What the work wanted to show last belongs to no later page, however it ended.
            self._behind = None
        outcome = found[0]
        if isinstance(outcome, VisitEnded):
            raise VisitEnded(outcome.reason)
        if isinstance(outcome, StoreError):
            raise outcome
        return outcome

    def update(self, page: Page) -> None:
        """Replace what is shown without ending the wait; beneath a page of the frame it waits for that one's end."""
        dressed = self._dressed(page)
        if not self._asking:
            self._behind = dressed
        elif dressed != self._drawn:
            self._drawn = dressed
            self.machine.presenter.update(dressed)

    def _refresh(self, page: Page | Callable[[], Page]) -> None:
        """A device or the network changed: the page is made anew, or at least its header tells the truth."""
        if not isinstance(page, Page):
            self.update(page())
        elif self._drawn is not None:
            self.update(self._drawn)

    async def tell(self, page: Page) -> None:
        """Show a page whose only answer is to go on."""
        await self.show(page)

    def take(self, card: IdCard) -> None:
        """Keep the card of this person. What was appended to it is read behind the pages, while it still lies there."""
        self.card, self.second, self._key, self.without_card = card, None, None, False
        reader = self.machine.next_card.reader
        self._added = self.machine.peripherals.begin(reader, "read_added_addresses", ADDED_ADDRESSES_S)

    @property
    def masked_name(self) -> str:
        """What may stand on a public screen and on paper of the one whose card was read; "" before that."""
        return mask_name(self.card.shown_name) if self.card else ""

    def take_unread(self, person: IdCard) -> None:
        """Keep who has come without a card and was recognised: ``person`` as the register has them."""
        self.card, self.second, self._key, self._added = person, None, None, None
        self.without_card = True

    def accompany(self, second: Second | None) -> None:
        """Somebody acts for the one of ``card`` from now on, or nobody any more: who acts is verified anew."""
        self.second, self.identity, self.portrait = second, None, b""

    @property
    def acting(self) -> IdCard | None:
        """The card of who stands here and acts, whose face counts; None before a card was read."""
        return self.second.card if self.second else self.card

    @contextmanager
    def asking_about(self, number: str) -> Iterator[None]:
        """Questions about who has typed this number and is not recognised yet."""
        self._named, self._key = number, None
        try:
            yield
        finally:
            self._named, self._key = "", None

    def key(self) -> VisitKey | None:
        """What asks the hub about the person of ``card``, and about nobody else; None before a card was read."""
        number = self._named or (self.card.number if self.card else "")
        if not number:
            return None
        now_s = int(self.machine.clock.now().timestamp())
        if self._key is None or not self._key.is_young(now_s):
            self._key = self.machine.identity.introduce(self.id, number, now_s)
        return self._key

    async def added_addresses(self) -> tuple[str, ...] | None:
        """The addresses appended to the card, the valid one last; None when the card was lifted before they came."""
        if self.without_card:
            return ()
        done = await self._added.ended() if self._added else None
        return done.value if done and done.ok else None

    def touched(self) -> None:
        """The person is here: the countdown begins anew."""
        self._touched = trio.current_time()
        self._felt.set()
        self._felt = trio.Event()

    async def untouched(self, seconds: float) -> None:
        """Until nobody has touched for so long."""
        while (left_s := self._touched + seconds - trio.current_time()) > 0:
            await trio.sleep(left_s)

    async def touch(self) -> None:
        """Until the next touch."""
        await self._felt.wait()

    async def _framed(self, page: Page) -> Answer:
        """The answer to a page of the frame (help, leaving, guide), which lies over another one."""
        self.machine.published_page(page)
        return await self._answered(page, {}, is_frame=True)

    async def _answered(self, page: Page, values: dict[str, Any], *, is_frame: bool = False) -> Answer:
        """The presenter's answer, with the countdown and its warning page. A frame's page is not updated."""
        presenter = self.machine.presenter
        while True:
            self.touched()
            answer = await self._before_idle(page, values, is_frame=is_frame)
            if answer is not None:
                return answer
            values = presenter.values()
            await self._still_there()

    async def _before_idle(self, page: Page, values: dict[str, Any], *, is_frame: bool) -> Answer | None:
        answers: list[Answer] = []
        limit_s = self._limit_s(page)

        async def ask(scope: trio.CancelScope) -> None:
            shown = page
            if not is_frame:
                shown, self._behind = self._behind or page, None
                self._asking, self._drawn = True, shown
            answers.append(_seen(await self.machine.presenter.show(restored(shown, values), self.settings)))
            scope.cancel()

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, nursery.cancel_scope)
                if limit_s:
                    nursery.start_soon(self._count_down, limit_s, nursery.cancel_scope)
                else:
                    self.machine.presenter.tick(0.0, 0.0)
        finally:
            self._asking, self._drawn = False, None
        return answers[0] if answers else None

    def _limit_s(self, page: Page) -> float:
        limit_s = self.machine.config.screen.idle_timeout_s if page.timeout_s is None else page.timeout_s
        return limit_s * ELDER_PACE if self.settings.elder else limit_s

    async def _count_down(self, limit_s: float, scope: trio.CancelScope) -> None:
        warning_s = min(WARNING_S, limit_s / 2)
        while (left_s := self._touched + limit_s - trio.current_time()) > warning_s:
            self.machine.presenter.tick(left_s, limit_s)
            await trio.sleep(min(1.0, left_s - warning_s))
        scope.cancel()

    async def _still_there(self) -> None:
        """还在吗？ A full page with one big button; nobody there ends the visit."""
        page = message(
            "still_there",
            "hand-waving",
            "warn",
            text("still_there.title"),
            text("still_there.lead"),
            Action(id="exit", label=text("action.leave"), style="exit", icon="sign-out"),
            Action(id="continue", label=text("still_there.continue"), style="primary", icon="hand-pointing"),
        )
        self.machine.published_page(page)
        idle_s = self.machine.config.screen.idle_timeout_s
        seconds = min(WARNING_S, idle_s / 2) * (ELDER_PACE if self.settings.elder else 1.0)
        answers: list[Answer] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tick_warning, seconds, nursery.cancel_scope)
            answers.append(await self.machine.presenter.show(page, self.settings))
            nursery.cancel_scope.cancel()
        if not answers:
            raise VisitEnded("timeout")
        if answers[0].action != "continue":
            raise VisitEnded("exit")

    async def _tick_warning(self, seconds: float, scope: trio.CancelScope) -> None:
        """Counts seconds in which the machine lived: while it stood still nothing was drawn and no touch was taken.

        One that it did not live through counts half, so that a person has the next one, and this ends on any machine.
        """
        left_s = seconds
        while left_s > 0:
            self.machine.presenter.tick(left_s, seconds)
            due = trio.current_time() + min(1.0, left_s)
            await trio.sleep_until(due)
            left_s -= 0.5 if trio.current_time() - due > _STOOD_STILL_S else 1.0
        scope.cancel()

    def _dressed(self, page: Page) -> Page:
        if page.chips:
            page = msgspec.structs.replace(page, chips=self.machine.chips())
        if page.layout == "home" or page.help is not None:
            return page
        return msgspec.structs.replace(page, help=Action(id="help", label=text("action.help"), icon="question"))

    async def _confirmed_exit(self, page: Page) -> bool:
        """Leaving in the middle of something unfinished is asked once; everything else is free to leave."""
        if page.is_free:
            return True
        kept = self.half_done if self.half_done and self.half_done.has_something() else None
        title, lead = text("exit.title"), text("handover.exit_lead" if kept else "exit.lead")
        answer = await self._framed(
            Page(
                kind="confirm_exit",
                layout="full",
                title=title,
                spoken=joined(title, lead),
                blocks=(Hero(icon="sign-out", level="warn", title=title, lead=lead),),
                actions=(
                    Action(id="exit", label=text("action.leave"), style="exit", icon="sign-out"),
                    *([KEEP] if kept else []),
                    Action(id="continue", label=text("exit.stay"), style="primary"),
                ),
            )
        )
        if kept and answer.action == KEEP.id:
            return await kept.keep()
        return answer.action == "exit"

    async def _setting(self, action: str) -> bool:
        """Carry out a settings or help action; False when it is none of them."""
        if action == "help":
            await self._help()
        elif action == "set:language":
            language = "en" if self.settings.language == "zh" else "zh"
            self.settings = msgspec.structs.replace(self.settings, language=language)
        elif action == "set:speech":
            await self._framed(
                message("speech_later", "speaker-high", "info", text("speech.later_title"), text("speech.later_lead"))
            )
        elif action.startswith("set:") and action[4:] in _SETTINGS:
            name = action[4:]
            self.settings = msgspec.structs.replace(self.settings, **{name: not getattr(self.settings, name)})
        elif action == "call_guide":
            await self.call_guide()
        else:
            return False
        return True

    async def call_guide(self) -> None:
        """Ask a hall guide to come, each time anew; the page says how long ago the last call was."""
        before_s = self.machine.guide_calls.call(self.id)
        lead = text("guide_called.lead", phone=self.machine.catalogue.help_phone)
        if before_s is not None:
            lead = joined(_called_before(before_s), lead)
        await self._framed(message("guide_called", "headset", "ok", text("guide_called.title"), lead))

    async def _help(self) -> None:
        while await self._setting((await self._framed(self._help_page())).action):
            pass

    def _help_page(self) -> Page:
        return Page(
            kind="help",
            layout="full",
            title=text("help.title"),
            lead=text("help.lead"),
            help=Action(id="continue", label=text("action.close"), icon="x"),
            blocks=(Tiles(tiles=tuple(Tile(action=a) for a in settings_actions(self.settings)), columns=2),),
            actions=(Action(id="continue", label=text("help.back"), style="primary"),),
        )

    def forget(self) -> None:
        """Let go of everything personal. What is freed is overwritten by the allocator (CONTRACTS §8)."""
        self.card = self.second = self.identity = self._key = None
        if self._added is not None:
            self._added.cancel()
            self._added = None
        self._named = ""
        self.portrait = b""
        self.filed.clear()
        self.resumed.clear()
        self.paid.clear()
        self.payments.clear()
        self.machine.payments.release()
        self.machine.holds.release()
        self.typed.clear()
        self._drawn = self._behind = None


def _unfilled(page: Page) -> list[str]:
    """Names of the fields and choices that the page itself leaves empty."""
    fields = [b.name for b in page.blocks if isinstance(b, Field) and not b.value]
    return fields + [b.name for b in page.blocks if isinstance(b, Choices) and not b.selected]


def _seen(answer: Answer) -> Answer:
    """As a person would read it: what shows nothing can neither be filed nor printed, whatever puts it in."""
    typed = {name: visible(value) if isinstance(value, str) else value for name, value in answer.values.items()}
    return msgspec.structs.replace(answer, values=typed)


def _called_before(seconds: float) -> Text:
    if seconds < 60:
        return text("guide_called.seconds_ago", seconds=max(1, round(seconds)))
    return text("guide_called.minutes_ago", minutes=round(seconds / 60))


def settings_actions(settings: Settings) -> tuple[Action, ...]:
    """The bottom bar: what a person can set, and the way to a human being."""
    on = text("settings.on")

    def toggle(name: str, icon: str, is_on: bool) -> Action:
        label = text(f"settings.{name}")
        return Action(id=f"set:{name}", label=joined(label, on) if is_on else label, icon=icon)

    return (
        toggle("elder", "text-aa", settings.elder),
        toggle("low_reach", "wheelchair", settings.low_reach),
        toggle("speech", "speaker-high", settings.speech),
        Action(id="set:language", label=text("settings.language"), icon="translate"),
        Action(id="call_guide", label=text("settings.call_guide"), icon="headset"),
    )


def joined(*texts: Text, by: str = " ") -> Text:
    """Texts one after the other, with ``by`` between: a space only where the one before ends with its stop."""
    return Text(*(by.join(t.in_language(lang) for t in texts if t) for lang in ("zh", "en")))


def message(
    kind: str, icon: str, level: Any, title: Text, lead: Text = NOTHING, *actions: Action, **extra: Any
) -> Page:
    """A full page that says one thing; one button goes on unless ``actions`` say otherwise."""
    return Page(
        kind=kind,
        layout="full",
        title=title,
        spoken=joined(title, lead),
        blocks=(Hero(icon=icon, level=level, title=title, lead=lead),),
        actions=actions or (Action(id="continue", label=text("action.ok"), style="primary"),),
        **extra,
    )
