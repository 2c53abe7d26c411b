"""Locker: what is made and lies behind a door of this machine is given to the one person whose it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import ClassVar, Literal, TypeVar

from devices.lock_board.driver import Door
from kiosk import lockers
from kiosk.cases import CLOCK_RUNS, STOPPED, CaseState
from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import About, Service, StepSpec, Use
from kiosk.hub_link.client import Answered
from kiosk.journey.engine import Journey, Outcome
from kiosk.lockers import BOARD
from kiosk.messages.lockers import LockerQuestion
from kiosk.pages import Action, Answer, Hero, Level, Page
from kiosk.text import NOTHING, Text, text
from kiosk.visit import message
from offline_cache.journal import Intent

T = TypeVar("T")
TRIES = 2
"""So often a door is opened in one visit: whoever says that it was shut too soon may open it once more."""
GRANTED = CLOCK_RUNS | {CaseState.DECIDED}
End = Literal[
    "taken", "not_here", "in_doubt", "away", "stuck", "unknown", "left_inside", "empty", "undecided", "unpaid"
]


class Spec(StepSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``next``: what the slip says when it was taken. What is not given out here is given out at the counter."""

    about: ClassVar[About] = About(
        mark="result",
        offline="goes_on",
        devices=(Use(device=BOARD, lost="other_way"),),
        is_free=True,
        is_once=True,
        together="each",
        pages=2,
        taps=2,
    )

    next: Text = NOTHING

    def faults(self, service: Service, at: int) -> Iterator[Finding]:
        """Nothing is given to nobody, unpaid, or for no case."""
        before = service.kinds_before(at)
        if "verify" not in before:
            yield Finding((), "nobody has been verified", "put the steps identify and verify before it")
        if "file" not in before:
            yield Finding((), "it would be given out for no case", "put a step file before it")
        if "slip" in before:
            yield Finding((), "the slip says how it ended, and comes before it", "put it before the step slip")
        if service.fees and "pay" not in before:
            yield Finding((), "it would be given out unpaid", "put a step pay before it")


async def step(journey: Journey, spec: Spec) -> Outcome:
    """Find the door, open it, see it shut, hear that it was taken. Any other end leads to the counter."""
    if journey.state in STOPPED:
        return Outcome.SKIP
    end = _barred(journey) or await _handed_out(journey)
    if end == "taken":
        journey.what_next = spec.next or text("locker.next")
        return Outcome.NEXT
    if end in ("in_doubt", "unknown", "empty"):
        journey.what_next = text(f"locker.{end}_lead")
    guide = Action(id="call_guide", label=text("settings.call_guide"), style="secondary", icon="headset")
    go_on = Action(id="continue", label=text("action.ok"), style="primary")
    words = text(f"locker.{end}"), text(f"locker.{end}_lead")
    await journey.visit.tell(message("not_handed_out", "warning-circle", "warn", *words, guide, go_on))
    return Outcome.NEXT


def _barred(journey: Journey) -> End | None:
    if journey.state not in GRANTED:
        return "undecided"
    is_unpaid = journey.pays_here and journey.fees_due() and journey.case_id not in journey.visit.paid
    return "unpaid" if is_unpaid else None


async def _handed_out(journey: Journey) -> End:
    """Where it lies is asked once; whoever shut the door on it may have it opened once more."""
    machine = journey.machine
    device, card = machine.peripherals.chosen(BOARD), journey.visit.card
    if await _behind(journey, "asking", partial(lockers.clear, machine, device)):
        return "away"
    question = LockerQuestion(card.number if card else "", journey.case_id)
    reply = await _behind(journey, "asking", lambda: journey.ask("locker", question))
    if not isinstance(reply, Answered):
        return "away"
    if not reply.payload.lock:
        return "in_doubt" if reply.payload.reason == "in_doubt" else "not_here"
    end: End = "left_inside"
    for _ in range(TRIES):
        end = await _opened_and_shut(journey, device, reply.payload.lock)
        if end != "left_inside":
            break
    return end


async def _opened_and_shut(journey: Journey, device: str, lock: int) -> End:
    work = partial(lockers.unlock, journey.machine, device, journey.case_id, lock)
    intent, door = await _behind(journey, "opening", work, lock)
    if door is Door.SHUT:
        return "stuck"
    if door is Door.UNKNOWN:
        return "unknown"
    said, is_shut = await _seen_shut(journey, device, lock)
    if not is_shut:
        journey.machine.alarm("locker_open", f"door {lock} of {device} stands open; shut it")
    return await _taken(journey, intent, said or await _handed_over_or_not(journey, lock), is_shut=is_shut)


async def _seen_shut(journey: Journey, device: str, lock: int) -> tuple[str, bool]:
    """What the person has said while it stood open, and whether the board says that it is shut again."""
    have_it = Action(id="taken", label=text("locker.have_it"), style="primary")
    said = ""
    for words, actions in (("take", (have_it,)), ("shut", ())):
        page = _page(journey, f"locker_{words}", words, lock, *actions, icon="tray-arrow-up", level="ok")
        done = await journey.visit.show_while(page, partial(lockers.shut, journey.machine, device, lock))
        if not isinstance(done, Answer):
            return said, done
        said = done.action
    return said, False


async def _handed_over_or_not(journey: Journey, lock: int) -> str:
    inside = Action(id="inside", label=text("locker.inside"), style="secondary")
    empty = Action(id="empty", label=text("locker.was_empty"), style="secondary")
    taken = Action(id="taken", label=text("locker.taken_it"), style="primary")
    page = _page(journey, "locker_taken", "taken", lock, inside, empty, taken, icon="question", level="info")
    return (await journey.visit.show(page)).action


async def _taken(journey: Journey, intent: Intent, said: str, *, is_shut: bool) -> End:
    """The person's word; what was left behind a door that stands open is nobody's to give out."""
    ends: dict[str, tuple[lockers.Ending, End]] = {
        "taken": ("handed_over", "taken"),
        "inside": ("left_inside", "left_inside") if is_shut else ("in_doubt", "in_doubt"),
    }
    ending, end = ends.get(said, ("in_doubt", "empty"))
    await lockers.end(journey.machine, intent, ending, opened=True)
    return end


async def _behind(journey: Journey, words: str, work: Callable[[], Awaitable[T]], lock: int = 0) -> T:
    page = _page(journey, "locker_busy", words, lock, icon="archive-box", level="info", busy=True)
    done = await journey.visit.show_while(page, work)
    if isinstance(done, Answer):
        raise TypeError("a page without a way out was answered")
    return done


def _page(
    journey: Journey, kind: str, words: str, lock: int, *actions: Action, icon: str, level: Level, busy: bool = False
) -> Page:
    title, lead = text(f"locker.{words}", lock=lock), text(f"locker.{words}_lead", lock=lock)
    hero = Hero(icon=icon, level=level, title=title, lead=lead, busy=busy)
    # Where the board is waited for, that has its own limit.
    timeout_s = None if kind == "locker_taken" else 0
    return journey.page(kind, text("locker.title"), hero, actions=actions, timeout_s=timeout_s)
