"""Several services in one journey: a plan is walked like a service, what is common once, the rest for each part.

A step kind that is done once for all may have ``async def together(whole, spec) -> Outcome`` where that differs from
its ``step``, and ``joined_spec(specs, before) -> (spec, names)`` where the data of several become one: ``names`` tells
for each given spec what its answers are called there, ``before`` are the joined ones that were asked earlier.
``for_part(said, part) -> Record``: what of it belongs to one of them, where that is not the same for all.
``alike_spec(specs)``: how a step that is alike for several is asked where they do not say quite the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kiosk.cases import new_id
from kiosk.catalogue.kinds import kind_named
from kiosk.catalogue.model import Applicant, Bundle, BundlePart, Condition, Fee, Service, StepSpec
from kiosk.catalogue.rules import failed_checks, is_asked, said_as_facts
from kiosk.handover import Begun
from kiosk.health import files
from kiosk.journey.engine import Journey, Outcome, Record
from kiosk.journey.reasons import reason
from kiosk.messages.handover import TOGETHER
from kiosk.pages import Action, Fact
from kiosk.planning.bundles import plan_of_bundle
from kiosk.planning.plan import Joined, Place, Plan, joined
from kiosk.text import Text, text
from kiosk.visit import Visit

_EVERY_CARD = Applicant(cards=("resident", "hk_macao_taiwan", "foreigner_2017", "foreigner_2023"), expired_card=True)


@dataclass(kw_only=True)
class Whole(Journey):
    """The journey of a plan; ``parts`` are those of its services, ``left_out`` why one of them is not done."""

    plan: Plan
    parts_of: list[Journey] = field(default_factory=list)
    left_out: dict[int, tuple[Fact, ...]] = field(default_factory=dict)
    parts_as_said: dict[str, BundlePart] = field(default_factory=dict)
    """Of a bundle: what its data says of each part, by the service's key."""
    bundle_key: str = ""
    for_lost_card: bool = False

    @property
    def services(self) -> tuple[Service, ...]:
        """The plan's own, for its pages, and those that are still in it."""
        return (self.service, *(part.service for part in self.going))

    @property
    def begun(self) -> Begun:
        """All of them as one: what they ask together, and what each of them asks alone."""
        alike = {self.service.key: [self._joined(at)[0] for at in self.asked()]}
        own = {part.service.key: part.service.steps for part in self.parts_of}
        return Begun(self.service.key, self.service.name, alike | own, tuple(each.key for each in self.plan.services))

    @property
    def may_lack_card(self) -> bool:
        return self.for_lost_card or all(part.may_lack_card for part in self.going)

    @property
    def going(self) -> list[Journey]:
        """The parts that are done, in the order in which they are filed."""
        return [part for at, part in enumerate(self.parts_of) if at not in self.left_out]

    def before(self, service: str) -> list[Journey]:
        """The parts that this one rests on, as far as they are done."""
        return [part for part in self.going if part.service.key in self.plan.after.get(service, ())]

    @property
    def refused(self) -> list[Service]:
        """What the person wanted and does not get now."""
        return [self.plan.services[at] for at in sorted(self.left_out) if self.left_out[at]]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Those of the parts that are filed: the city does not look one up by the number of all."""
        return tuple(part.receipt_number for part in self.going if part.filed)

    async def begin(self) -> None:
        """One code opens all of them; each has its own number, and all together one more."""
        await super().begin()
        for part in self.parts_of:
            if files(part.service):
                await part.begin()
                part.slip_code = self.slip_code

    def leave_out(self, at: int, why: Sequence[Fact]) -> None:
        """A part is not done, nor is what rests on one that is refused; where it is not asked for, nothing is lost."""
        self.left_out[at] = tuple(why)
        gone = self.plan.services[at] if why else None
        for other, service in enumerate(self.plan.services):
            if gone and other not in self.left_out and gone.key in self.plan.after.get(service.key, ()):
                self.leave_out(
                    other, [Fact(label=text("together.rests_on", service=gone.name), value=text("together.first"))]
                )
        self.service = service_of(self.plan, self.service, [part.service for part in self.going])

    def fees_due(self) -> tuple[Fee, ...]:
        """What all of them cost."""
        return tuple(fee for part in self.going for fee in part.fees_due())

    def is_known(self, rule: Condition) -> bool:
        """Whether one of the parts knows it."""
        return any(part.is_known(rule) for part in self.going)

    def values_of(self, fact: str) -> list[str]:
        """What the departments of the parts know of it."""
        return list(dict.fromkeys(each for part in self.going for each in part.values_of(fact)))

    def judge(self, at: int, facts: Mapping[str, Any], failed: Sequence[str], *more: Fact) -> None:
        """What a department says of a part: it goes on, is left out with all reasons, or is not asked for at all."""
        part, said = self.parts_of[at], self.parts_as_said.get(self.plan.services[at].key)
        part.facts = dict(facts)
        today = self.machine.clock.today()
        if said is not None and not is_asked(said, part.known_facts(), today):
            self.leave_out(at, ())
            return
        if said is not None:
            # What the bundle has said for the person is judged now: nobody asks for it.
            known = part.known_facts()
            before = failed_checks(part.service, known, today)
            after = failed_checks(part.service, known | said_as_facts(said.said), today)
            failed = [*failed, *(check for check in after if check not in before)]
        waived = said.fulfilled if said is not None and self.before(part.service.key) else ()
        why = [*(reason(part.service, check, part.facts) for check in failed if check not in waived), *more]
        if why:
            self.leave_out(at, why)

    # -- the engine's questions ------------------------------------------------------------------------------------

    def places(self, at: int) -> list[Place]:
        """Whom a step is asked for now."""
        return [
            p for p in self.plan.steps[at].places if p.part not in self.left_out and p.step in self._asked_of(p.part)
        ]

    def _asked_of(self, part: int) -> list[int]:
        return self.parts_of[part].asked()

    def asked(self) -> list[int]:
        """The places of the steps that somebody is asked."""
        asked = {at: self._asked_of(at) for at in range(len(self.parts_of)) if at not in self.left_out}
        steps = enumerate(self.plan.steps)
        return [at for at, step in steps if any(p.step in asked.get(p.part, ()) for p in step.places)]

    @property
    def spec(self) -> StepSpec | None:
        """The step that is asked now, of several forms their joined one."""
        if self.position >= len(self.plan.steps):
            return None
        return self._joined(self.position)[0]

    def _joined(self, at: int) -> Joined:
        return joined(self.plan, self.places, at)

    async def perform(self, spec: StepSpec) -> Outcome:
        """One step for all whom it is asked for; what it leaves is given to each of them."""
        at, module = self.position, kind_named(spec.kind)
        if self.plan.steps[at].is_one:
            mine, together = self.spec or spec, getattr(module, "together", module.step)
            is_said = bool(spec.asks_for()) and not mine.asks_for()
            outcome = Outcome.SKIP if is_said else await together(self, mine)
        else:
            places = self.places(at)
            part, merge = self._standing_at(places[0]), getattr(module, "alike_spec", None)
            mine = merge([self.plan.spec(place) for place in places]) if merge else part.spec
            outcome = await part.perform(mine or spec)
            self.offline = self.offline or part.offline
        if outcome in (Outcome.NEXT, Outcome.SKIP):
            self._share(at)
        return outcome

    def _standing_at(self, place: Place) -> Journey:
        part = self.parts_of[place.part]
        part.position, part.offline = place.step, self.offline
        return part

    def _share(self, at: int) -> None:
        """What was said once is said for every part that asks it."""
        places = self.places(at)
        if not places:
            return
        said = self._said(at, places[0])
        own = getattr(kind_named(self.plan.steps[at].kind), "for_part", None)
        for place, names in zip(places, self._joined(at)[1], strict=True):
            if own is not None:
                self.parts_of[place.part].records[place.step] = own(said, self._standing_at(place))
                continue
            known = {mine: theirs for mine, theirs in names.items() if theirs in said.answers}
            self.parts_of[place.part].records[place.step] = Record(
                answers={mine: said.answers[theirs] for mine, theirs in known.items()},
                labels={mine: said.labels[theirs] for mine, theirs in known.items()},
                parts=dict(said.parts),
            )

    def _said(self, at: int, place: Place) -> Record:
        """What a step has left, with what earlier steps of its kind have asked for it."""
        if not self.plan.steps[at].is_one:
            return self.parts_of[place.part].records.get(place.step, Record())
        found = Record(parts=self.records[at].parts if at in self.records else {})
        for n in sorted(n for n in self.records if n <= at and self.plan.steps[n].kind == self.plan.steps[at].kind):
            found.answers |= self.records[n].answers
            found.labels |= self.records[n].labels
        return found

    def settle(self) -> None:
        """Nothing stays of steps that a part is not asked any more."""
        for part in self.going:
            asked = part.asked()
            part.records = {at: record for at, record in part.records.items() if at in asked}
            part.offline = self.offline

    async def review_rows(self) -> list[Fact]:
        """What was said, each datum once, with the way to change what "back" could reach."""
        rows: list[Fact] = []
        for at in [at for at in self.asked() if at < self.position]:
            tell = getattr(kind_named(self.plan.steps[at].kind), "review_rows", None)
            if tell is None:
                continue
            spec, change = self._joined(at)[0], Action(id=f"change:{at}", label=text("review.change"))
            who = self if self.plan.steps[at].is_one else self.parts_of[self.places(at)[0].part]
            found = await tell(who, spec)
            rows += [
                Fact(label=row.label, value=row.value, action=change if at in self.trail else None) for row in found
            ]
        return rows


def together(visit: Visit, plan: Plan) -> Whole:
    """The journey of services that a person ticked."""
    return whole_of(visit, plan, key=TOGETHER, name=text("together.name"), icon="check-square")


def whole_of_bundle(visit: Visit, bundle: Bundle, wanted: Collection[str]) -> Whole:
    """The journey of a bundle, as far as the person wants it."""
    plan = plan_of_bundle(bundle, visit.machine.catalogue, wanted)
    whole = whole_of(visit, plan, key=bundle.key, name=bundle.name, icon=bundle.icon)
    whole.parts_as_said, whole.bundle_key = {part.service: part for part in bundle.parts}, bundle.key
    whole.for_lost_card = bundle.without_card
    return whole


def whole_of(visit: Visit, plan: Plan, *, key: str, name: Text, icon: str) -> Whole:
    """The journey of a plan; its pages are headed with these."""
    lines = dict.fromkeys(service.line for service in plan.services)
    common = next((line.key for line in visit.machine.catalogue.lines.values() if not line.department), "")
    frame = Service(key=key, line=next(iter(lines)) if len(lines) == 1 or not common else common, name=name, icon=icon)
    whole = Whole(visit, service_of(plan, frame, plan.services), new_id(), plan=plan)
    whole.parts_of = [Journey(visit, service, new_id(), whole=whole) for service in plan.services]
    return whole


def service_of(plan: Plan, frame: Service, going: Sequence[Service]) -> Service:
    """The plan in the form of a service: its steps, the fees of what is done, the strictest offline class."""
    values: dict[str, Any] = {name: getattr(frame, name) for name in ("key", "line", "name", "icon")}
    return Service(
        **values,
        applicant=_EVERY_CARD,
        fees=tuple(fee for service in going for fee in service.fees),
        offline="live" if any(service.offline == "live" for service in going) else "register",
        guardian_below=max((service.guardian_below for service in going), default=0),
        steps=tuple(plan.spec(step.places[0]) for step in plan.steps),
    )
