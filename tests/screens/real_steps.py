"""The first page that the real steps show, in services of the shipped catalogue, with made-up people and answers."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import date
from types import SimpleNamespace
from typing import Any

from devices.camera.sim.document_camera import LINES, written
from devices.id_card_reader.card import IdCard
from kiosk.catalogue.model import StepSpec
from kiosk.hub_link.client import Answered
from kiosk.journey import by_number, face, second, without_card
from kiosk.journey.engine import Journey
from kiosk.journey.half_done import HalfDone, kept_page
from kiosk.journey.steps import (
    bills,
    capture,
    certificate,
    confirm,
    delivery,
    form,
    guide_page,
    insert,
    locker,
    name_count,
    nearby,
    not_needed,
    phone,
    photo,
    produce,
    reprint,
    review,
    send_supplement,
    sign,
    slip,
    supplement,
    violations,
    wait,
)
from kiosk.journey.whole import whole_of_bundle
from kiosk.lobby.resume import resume_page
from kiosk.messages.bills import Bill, BillsAnswer
from kiosk.messages.certificates import Statement
from kiosk.messages.handover import HandoverAnswer
from kiosk.messages.parked import ParkAnswer, ParkedFact
from kiosk.messages.questions import (
    CaseProgress,
    DueAnswer,
    DueFact,
    EligibilityAnswer,
    NameCountAnswer,
    ProgressAnswer,
    ProgressState,
    Violation,
    ViolationsAnswer,
)
from kiosk.pages import Action, Answer, Page, Settings
from kiosk.slips.intents import OpenSlip
from kiosk.text import NOTHING, same, text
from kiosk.vision.client import FaceProgress
from kiosk.visit import Second, Visit
from tests.screens.gallery import picture
from tests.screens.lobby_pages import TODAY, around, machine

OPEN = {
    "plate": "通A12345", "at": "2026-12-30 08:15", "place": "幸福市和平区团结路与建设大街交叉口",
    "act": "机动车违反禁止标线指示", "article": "《中华人民共和国道路交通安全法》第九十条", "points": 1,
}  # fmt: skip
VIOLATIONS = (
    Violation(number="9901011", fine_fen=20000, state="open", **OPEN),
    Violation(number="9901012", fine_fen=0, state="open", **(OPEN | {"act": "机动车违反规定停放", "points": 0})),
    Violation(
        number="9901013", fine_fen=15000, state="decided", decision_number="990101198765432", late_fen=1500,
        pay_until=date(2027, 1, 2), **OPEN,
    ),
)  # fmt: skip


class Shown(Exception):
    """The page that a step showed; ``args[0]``."""


class Visitor:
    """Ends a step at the page with this kind; what is asked before is answered by "next" and the given values."""

    def __init__(self, kind: str, reply: Any = None, **values: Any) -> None:
        self.kind, self.values, self.paid = kind, values, {}
        self.card, self.masked_name, self.settings = None, "王*明", Settings()
        self.machine = machine()

        async def ask(_kind: str, _question: Any) -> Answered:
            return Answered(reply)

        self.machine.ask = ask

    async def show(self, page: Page) -> Answer:
        if page.kind == self.kind:
            raise Shown(page)
        return Answer(action="next", values=self.values)

    async def show_while(self, page: Page, work: Callable[[], Awaitable[Any]]) -> Any:
        if page.kind == self.kind:
            raise Shown(page)
        return await work()

    async def tell(self, page: Page) -> None:
        await self.show(page)


def journey_of(visitor: Any, key: str, kind: str = "") -> Journey:
    """A journey that stands at its first step of this kind."""
    service = visitor.machine.catalogue.services[key]
    at = next((n for n, each in enumerate(service.steps) if each.kind == kind), 0)
    return Journey(visitor, service, "c0", "990101000120270112000017", "4821", position=at)


def first_page(
    begin: Callable[[Journey, Any], Coroutine[Any, Any, Any]], visitor: Visitor, journey: Journey, spec: Any = None
) -> Page:
    """What is shown; nothing in these steps waits."""
    try:
        begin(journey, spec or journey.spec).send(None)
    except Shown as shown:
        return shown.args[0]
    raise LookupError(f"{journey.service.key} shows no page {visitor.kind}")


def settling() -> dict[str, Page]:
    """Violations listed, chosen, told; a fine chosen."""
    told = ViolationsAnswer(list(VIOLATIONS), 3)

    def shown(kind: str, mode: str, key: str) -> Page:
        visitor = Visitor(kind, told)
        spec = violations.Spec(kind="violations", mode=mode)
        return first_page(violations.step, visitor, journey_of(visitor, key, "violations"), spec)

    return {
        "violations": shown("violations", "show", "T08"),
        "violation": shown("violation", "settle", "T08"),
        "violation_told": shown("violation_told", "settle", "T08"),
        "fine": shown("fine", "pay", "T10"),
    }


def put_in() -> dict[str, Page]:
    """A permit is asked for, was another one, and comes out again."""
    journey = journey_of(Visitor("insert"), "E11", "insert")
    spec: Any = journey.spec
    return {
        "insert": insert._page(journey, spec, NOTHING),
        "insert_wrong": insert._page(journey, spec, text("insert.not_this")),
        "insert_take": insert._back_page(journey),
    }


def behind_doors() -> dict[str, Page]:
    """A door of the machine that is opened, is to be shut, and what the person says of it."""
    visitor: Any = Visitor("locker_taken")
    journey = journey_of(visitor, "H07", "locker")
    have_it = Action(id="taken", label=text("locker.have_it"), style="primary")
    up: Any = {"icon": "tray-arrow-up", "level": "ok"}

    async def asked(journey: Journey, _spec: Any) -> str:
        return await locker._handed_over_or_not(journey, 12)

    return {
        "locker_take": locker._page(journey, "locker_take", "take", 12, have_it, **up),
        "locker_shut": locker._page(journey, "locker_shut", "shut", 12, **up),
        "locker_taken": first_page(asked, visitor, journey),
    }


def billed() -> dict[str, Page]:
    """What is due chosen, and what is due of somebody else's case."""
    due = [Bill("c1", "passport", 12000), Bill("c2", "hk_macao_permit", 6000)]
    visitor: Any = Visitor("bill", BillsAnswer(due))
    other: Any = Visitor("bill_found")

    async def found(journey: Journey, _spec: Any) -> Any:
        return await bills._is_right(journey, due[:1])

    return {
        "bill": first_page(bills.step, visitor, journey_of(visitor, "E15", "bills")),
        "bill_found": first_page(found, other, journey_of(other, "E15", "bills")),
    }


def papers() -> dict[str, Page]:
    """A certificate, a paper that nobody needs, a name's number, guides, a slip that did not come."""
    visitor: Any = Visitor("certificate")
    visitor.card = SimpleNamespace(name="王小明", kind="id_card", sex="1", birth=date(1990, 1, 1), valid_to=None)
    household = journey_of(visitor, "H08", "certificate")
    sealed = Statement("幸公证2027-000123", "7Q2K-9XPA-4M1C", "H08", "household", "", TODAY)

    async def hand_over(journey: Journey, _spec: StepSpec) -> Any:
        return await certificate._hand_over(journey, b"", sealed)

    visitor.machine.publish = lambda *_args, **_more: None
    found = {"certificate": first_page(hand_over, visitor, household)}
    visitor.kind = "not_needed"
    found["not_needed"] = first_page(not_needed.step, visitor, journey_of(visitor, "H09", "not_needed"))
    for kind in ("name_count", "name_count_result"):
        asking: Any = Visitor(kind, NameCountAnswer(0, 10), full_name="王小明")
        found[kind] = first_page(name_count.step, asking, journey_of(asking, "H15", "name_count"))
    for key in ("H01", "T01", "E02"):
        found[f"guide_{key}"] = guide_page.guide_page(
            journey_of(visitor, "C05"), visitor.machine.catalogue.services[key]
        )
    found["guide_lines"] = guide_page._lines_page(household)
    found["guide_services"] = guide_page._services_page(household, visitor.machine.catalogue.lines["household"])
    for outcome in ("unknown", "failed"):
        found[f"slip_{outcome}"] = slip._trouble_page(household, household.receipt_number, "4821", outcome, "paper_out")
    return found


def making() -> dict[str, Page]:
    """A photograph, a car of several, a document that is made, the review of an ID card."""
    visitor: Any = Visitor("form")
    licence = journey_of(visitor, "T12", "form")
    licence.facts["plates_with_label"] = ["通A12345", "通B6789学", "通AD12345"]
    return {
        "form_T12": first_page(form.step, visitor, licence),
        "photo_taken": photo._taken_page(licence, (picture(),)),
        "photo_late": photo._late_page(licence, "glare"),
        "reprint_which": reprint._which_page(
            journey_of(visitor, "C06"),
            [
                OpenSlip("c1", "990101000120270112000017", "T01", 1),
                OpenSlip("c2", "990101000120270112000025", "E06", 1),
            ],
        ),
        **produced("T02", produce.Spec(kind="produce", what="licence_printer", old="swallow"), ""),
        **produced("E06", produce.Spec(kind="produce", what="endorsement_writer", pays="case"), "_permit"),
        **permit_made(),
    }


def permit_made() -> dict[str, Page]:
    """A residence permit that is made, free of charge and without an old one put in."""
    visitor: Any = Visitor("producing")
    visitor.paid = set()
    journey = journey_of(visitor, "H14", "produce")
    spec: Any = journey.spec
    take = produce._said(spec, "take"), produce._said(spec, "take_lead")
    return {
        "produce_take_card": produce._taking(journey, spec, *take),
        "not_produced_unknown_card": produce._ended_page(journey, spec, "unknown"),
    }


def produced(key: str, spec: produce.Spec, name: str) -> dict[str, Page]:
    """A document that is made, from the old one put in to the new one taken, and what can come between."""
    visitor: Any = Visitor("producing")
    visitor.paid = {"c0"}
    journey = journey_of(visitor, key, "produce")
    ends: tuple[produce.End, ...] = ("failed", "retained", "unknown", "kept")
    take = produce._said(spec, "take"), produce._said(spec, "take_lead")
    return {
        f"produce_old{name}": produce._put_page(journey, spec),
        f"producing{name}": produce._busy(journey, spec, "making"),
        f"produce_take{name}": produce._taking(journey, spec, *take),
        f"produce_again{name}": produce._again_page(journey, spec, "wrong_document"),
        **{f"not_produced_{end}{name}": produce._ended_page(journey, spec, end) for end in ends},
    }


def papers_laid_down() -> dict[str, Page]:
    """A paper that is laid under the camera, what was taken of it, and the ways of who has not brought it."""
    visitor: Any = Visitor("capture_counter")
    visitor.machine.peripherals.is_usable = lambda _kind: False
    late = journey_of(visitor, "T06", "capture")
    spec: Any = late.spec
    return {
        "capture": capture._page(late, spec, "camera", 1, "glare", 0.0),
        "capture_second": capture._page(late, spec, "camera", 2, "good", 0.66),
        "capture_taken": capture._taken_page(late, spec, sheet(), 1),
        "capture_late": capture._late_page(late, spec, "not_whole"),
        "capture_counter": first_page(capture.step, visitor, late),
    }


def coming_back() -> dict[str, Page]:
    """What a department waits for, what waits for a hospital, and what has come meanwhile."""
    missing = CaseProgress("990101000120270112000011", "H10", "周*", [_asked_for("supplement_material")])
    photo_too = CaseProgress("990101000120270112000029", "E01", "周*", [_asked_for("supplement_photo", "x")])
    found: dict[str, Page] = {}
    for kind, cases in (("supplement", [missing]), ("supplement_which", [missing, photo_too]), ("supplement_none", [])):
        asking: Any = Visitor(kind, ProgressAnswer(cases))
        asking.card = SimpleNamespace(number="", kind="resident", sex="1", birth=date(1990, 1, 1), valid_to=None)
        found[kind] = first_page(supplement.step, asking, journey_of(asking, "C07", "supplement"))
    visitor: Any = Visitor("wait", EligibilityAnswer({}, ["medical_recent"]))
    late = journey_of(visitor, "T05", "wait")
    spec: Any = late.spec
    found["supplement_sent"] = send_supplement._sent_page(journey_of(visitor, "C07"), "990101000120270112000011")
    found["wait_late"] = wait._page(late, spec)
    parked: Any = Visitor("wait_parked", ParkAnswer(date(2027, 1, 19)))

    async def lay_down(journey: Journey, spec: Any) -> Any:
        return await wait._lay_down(journey, spec)

    found["wait_parked"] = first_page(lay_down, parked, journey_of(parked, "T05", "wait"))
    services = visitor.machine.catalogue.services
    found["resume"] = resume_page(visitor.machine, visitor, services["T05"], is_left=False)
    found["resume_left"] = resume_page(visitor.machine, visitor, services["H01"], is_left=True)
    return found


def _asked_for(*reasons: str) -> ProgressState:
    return ProgressState("needs_supplement", "2027-01-12T03:00:00.000Z", "household", reasons=list(reasons))


def sheet() -> bytes:
    """A page as the camera took it."""
    out = io.BytesIO()
    written("a4", LINES).save(out, "JPEG")
    return out.getvalue()


def asking() -> dict[str, Page]:
    """What is asked on one page, the last confirmation, and the signature beneath all that is signed."""
    return {
        **{f"form_{key}": _shown_by(form.step, "form", key, "form") for key in ("E07", "T02", "H01", "T06", "T14")},
        "form_E06_closed": _shown_by(form.step, "form", "E06", "form", team_unused_hong_kong=True),
        **{f"confirm_{key}": _shown_by(confirm.step, "confirm", key, "confirm") for key in ("T02", "E14")},
        **{f"sign_{key}": _shown_by(sign.step, "sign", key, "sign") for key in ("H01", "T02", "H03")},
        **{f"{kind}_B03": _bundle_page(kind) for kind in ("form", "sign", "confirm")},
    }


def two_cards() -> dict[str, Page]:
    """Who comes for another, or with a child: where it is said, asked, refused, and whose face is meant."""
    visitor: Any = Visitor("face_notice")
    visitor.second = None
    window, alone, agents, child = (journey_of(visitor, key) for key in ("T01", "H01", "H13", "E01"))
    found = {
        "face_three_ways": face._notice_page(agents, may_be_sent=True),
        "face_must_come": face._notice_page(alone, may_be_sent=False),
        "second_refused": second._refused_page(window, Action(id="back", label=text("action.back"))),
        "second_refused_later": second._refused_page(alone),
        "second_agent": second._page(agents, "agent", text("second.why_agent"), text("second.minor")),
        "second_guardian": second._page(child, "guardian", text("second.why_guardian", n=16), NOTHING),
    }
    visitor.second = Second(IdCard(kind="resident", name="李小兰", number="990101198503070024"), "guardian")
    seen = FaceProgress("look_straight", 0.3, None, 8)
    return found | {
        "face_guardian": face._notice_page(child, may_be_sent=False),
        "face_of_guardian": face._face_page(child, "", 0, seen),
    }


def reached() -> dict[str, Page]:
    """Halls nearby, with and without a network; the card that is lost, and the number that stands for it."""
    here, offline = Visitor("nearby"), Visitor("nearby")
    offline.machine.link.online, offline.machine.nearby = False, around(online=False)
    lost: Any = Visitor("no_card")
    return {
        **_phones(),
        "nearby": first_page(nearby.step, here, journey_of(here, "C13")),
        "nearby_offline": first_page(nearby.step, offline, journey_of(offline, "C13")),
        "no_card": first_page(lambda journey, _spec: without_card.identify(journey), lost, journey_of(lost, "H03")),
    }


def _phones() -> dict[str, Page]:
    """The code for a phone; which of several; nothing."""
    several = DueAnswer(
        [DueFact("T01", {}), DueFact("E06", {})], parked=[ParkedFact("H01", is_ready=True, is_left=True)]
    )
    found: dict[str, Page] = {}
    for kind, told in (("phone_which", several), ("phone_none", DueAnswer([]))):
        asking: Any = Visitor(kind, told)
        asking.typed = {}
        found[kind] = first_page(phone.step, asking, journey_of(asking, "C11", "phone"))
    visitor: Any = Visitor("phone")
    visitor.machine.config = SimpleNamespace(hub=SimpleNamespace(url="https://hub.city.example"))
    made = HandoverAnswer("ready", address="/phone?link=2mXvJ0cQn5yqv3uT5lqE8A", until="10:42")

    async def shown(journey: Journey, _spec: Any) -> Any:
        return await phone._shown(journey, journey.machine.catalogue.services["H01"], made)

    found |= _left(visitor)
    return {**found, "phone": first_page(shown, visitor, journey_of(visitor, "C11", "phone"))}


def _left(visitor: Any) -> dict[str, Page]:
    """Leaving in the middle with the offer to keep what was said, and that it was kept, with and without a code."""
    asked: list[Page] = []
    visit = Visit(visitor.machine, Settings())
    visit.card = IdCard(kind="resident", name="王小明", number="990101199003070027", birth=date(1990, 3, 7))
    visit.machine.link.online = True
    visit.typed["H01"] = {"phone": "13900000001"}
    journey = journey_of(visitor, "H01", "form")
    journey.visit = visit
    visit.half_done = HalfDone(journey)

    async def framed(page: Page) -> Answer:
        asked.append(page)
        return Answer(action="exit")

    visit._framed = framed  # type: ignore[method-assign]
    with suppress(StopIteration):
        visit._confirmed_exit(journey.page("form", same(""))).send(None)
    pages = {"confirm_exit_kept": asked[0], "handover_kept": kept_page(visit, journey.begun, "K7WN3HQP")}
    return {**pages, "handover_kept_plain": kept_page(visit, journey.begun, "")}


def _shown_by(begin: Callable[..., Any], page: str, key: str, kind: str, **facts: Any) -> Page:
    visitor = Visitor(page)
    journey = journey_of(visitor, key, kind)
    journey.facts |= facts
    _answered(journey)
    return first_page(begin, visitor, journey)


def _bundle_page(kind: str) -> Page:
    """Of everything that was lost, at its fullest."""
    visitor: Any = Visitor(kind)
    bundle = visitor.machine.catalogue.bundles["B03"]
    whole = whole_of_bundle(visitor, bundle, {part.service for part in bundle.parts})
    whole.position = next(n for n, each in enumerate(whole.service.steps) if each.kind == kind)
    for part in whole.parts_of:
        part.position = next((n for n, each in enumerate(part.service.steps) if each.kind == kind), 0)
        _answered(part)
    return first_page(lambda _journey, spec: whole.perform(spec), visitor, whole)


def _answered(journey: Journey) -> None:
    """Every choice of before has its first answer."""
    here = journey.position
    for at, spec in enumerate(journey.service.steps[:here]):
        journey.position = at
        for each in getattr(spec, "fields", ()):
            first = each.options[0] if each.options else None
            journey.keep(each.name, first.id if first else "13900000000", first.label if first else same("139****0000"))
        journey.trail.append(at)
    journey.position = here


def typed_low() -> dict[str, Page]:
    """Forms beneath which the bar has several rows: the least room for what is typed."""
    visitor: Any = Visitor("slip_code")

    async def code(journey: Journey, _spec: Any) -> str | None:
        return await by_number._ask_code(journey, NOTHING)

    post, empty = journey_of(visitor, "C08", "delivery"), {"post_address": "", "post_phone": ""}
    return {
        "delivery": delivery._page(post, empty, {}, "幸福市和平区团结路 18 号院"),
        "slip_code": first_page(code, visitor, journey_of(visitor, "C02")),
    }


def real_steps() -> dict[str, Page]:
    """All of them by name."""
    review_of: Any = Visitor("review")
    return {
        **settling(),
        **billed(),
        **behind_doors(),
        **put_in(),
        **papers(),
        **making(),
        **papers_laid_down(),
        **asking(),
        **coming_back(),
        **reached(),
        **two_cards(),
        **typed_low(),
        "review_id_card": first_page(review.step, review_of, journey_of(review_of, "H01", "review")),
    }
