"""Any set of services is one plan: nothing asked or read twice, signed once, and no service loses a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import combinations

import pytest
from msgspec import structs

from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import is_asked
from kiosk.journey.steps.form import Spec as Form
from kiosk.journey.steps.form import joined_spec
from kiosk.journey.steps.given import leads_to
from kiosk.planning.bundles import parts_of, plan_of_bundle
from kiosk.planning.plan import Effort, Plan, data_asked, effort, plan_of
from kiosk.planning.toil import Budget, budgets, toil, toil_of

CATALOGUE = load()
SERVICES = [service for service in CATALOGUE.services.values() if len(service.steps) > 1]


def troubles(plan: Plan, services: Sequence[Service]) -> list[str]:
    """What is wrong with a plan, in words."""
    found = []
    asked = effort(plan)
    if asked.reads > 1 or asked.signatures > 1 or asked.payments > 1:
        found.append(f"done twice: {asked}")
    if again := [kind for kind in ("photo", "fingerprint", "verify") if [s.kind for s in plan.steps].count(kind) > 1]:
        found.append(f"taken twice: {again}")
    alone = {each for service in plan.services for each in data_asked(plan_of([service]))}
    if twice := {each: n for each, n in Counter(data_asked(plan)).items() if n > 1}:
        found.append(f"asked twice: {sorted(twice)}")
    if alone != set(data_asked(plan)):
        found.append("another datum is asked than one after the other would ask")
    for part, service in enumerate(plan.services):
        steps = [place.step for planned in plan.steps for place in planned.places if place.part == part]
        if sorted(steps) != list(range(len(service.steps))):
            found.append(f"{service.key} has not all its steps once")
        if steps != sorted(steps):
            found.append(f"{service.key} is walked in another order: {steps}")
    return found


def test_of_every_pair_no_datum_is_asked_twice_no_card_read_twice_and_signed_once() -> None:
    wrong = {
        f"{one.key}+{two.key}": found
        for one, two in combinations(SERVICES, 2)
        if (found := troubles(plan_of([one, two]), [one, two]))
    }
    assert not wrong


def test_all_services_at_once_are_still_one_plan() -> None:
    plan = plan_of(SERVICES)
    assert not troubles(plan, SERVICES)
    most = max(sum(step.kind == "form" for step in service.steps) for service in SERVICES)
    assert effort(plan).forms <= most + 1, "one is split where services go different ways"


def test_of_every_bundle_no_datum_is_asked_twice_and_one_signature_is_enough() -> None:
    wrong = {}
    for bundle in CATALOGUE.bundles.values():
        services = parts_of(bundle, CATALOGUE)
        plan = plan_of_bundle(bundle, CATALOGUE, {service.key for service in services})
        keys = [service.key for service in plan.services]
        early = [p.service for p in bundle.parts for before in p.after if keys.index(before) > keys.index(p.service)]
        if found := [*troubles(plan, services), *early]:
            wrong[bundle.key] = found
    assert not wrong


@pytest.mark.parametrize("order", [("T01", "H13"), ("H13", "T01")])
def test_a_part_stands_after_those_it_rests_on(order: tuple[str, str]) -> None:
    services = [CATALOGUE.services[key] for key in order]
    assert [s.key for s in plan_of(services, {"T01": ["H13"]}).services] == ["H13", "T01"]


def test_the_services_people_come_for_most_stay_within_their_budgets() -> None:
    allowed, found = budgets(), {row.key: row.effort for row in toil(CATALOGUE)}
    over = {key: found[key] for key in allowed.keys() & found.keys() if exceeds(found[key], allowed[key])}
    assert not over, "simplify them: join two pages, ask what a department knows of the department"


def test_a_page_more_is_noticed() -> None:
    service = CATALOGUE.services["T01"]
    longer = structs.replace(
        service, steps=(*service.steps, *(step for step in service.steps if step.kind == "verify"))
    )
    assert toil_of(longer).effort.pages == toil_of(service).effort.pages + 1
    assert exceeds(toil_of(service).effort, Budget(pages=3, taps=12))


def test_what_a_person_came_for_is_not_asked_again() -> None:
    bundle = CATALOGUE.bundles["B03"]
    plan = plan_of_bundle(bundle, CATALOGUE, {part.service for part in bundle.parts})
    asked = {each.name: each.values for each in data_asked(plan)}
    assert (asked["declaration"], asked["reason"]) == (("lost",), ("lost",))
    assert {step.kind for step in plan.steps if plan.spec(step.places[0]).kind == "choose"} == set()


def test_what_a_bundle_says_and_cannot_be_chosen_on_this_day_is_asked() -> None:
    service = CATALOGUE.services["H18"]
    (choose,) = (spec for spec in service.steps if spec.kind == "choose")
    options = tuple(each for each in choose.options if each.id != "death")  # type: ignore[attr-defined]
    steps = tuple(structs.replace(spec, options=options) if spec is choose else spec for spec in service.steps)
    today = structs.replace(CATALOGUE, services={"H18": structs.replace(service, steps=steps)})
    (told,) = plan_of_bundle(CATALOGUE.bundles["B02"], today, {"H18"}).services
    assert [spec.kind for spec in told.steps if spec.kind in ("choose", "given")] == ["choose"]


def test_who_comes_after_a_death_is_asked_for_no_entry_and_no_proof() -> None:
    bundle = CATALOGUE.bundles["B02"]
    (service,) = (each for each in plan_of_bundle(bundle, CATALOGUE, {"H18"}).services)
    said = next(spec for spec in service.steps if spec.kind == "given")
    assert "节哀" in leads_to(None, said).zh  # type: ignore[arg-type]
    known = {f"answers.{name}": value for name, value in bundle.parts[0].said.items()}
    asked = [spec.kind for spec in service.steps if is_asked(spec, known, date(2027, 1, 12))]
    assert {"choose", "capture"}.isdisjoint(asked)


def exceeds(effort: Effort, budget: Budget) -> bool:
    return effort.pages > budget.pages or effort.taps > budget.taps


def test_a_choice_that_is_closed_for_another_reason_is_another_question() -> None:
    form = next(step for step in CATALOGUE.services["E06"].steps if isinstance(step, Form))
    field = next(each for each in form.fields if each.closed_if is not None)
    assert field.closed_if is not None
    for reason, count in ((field.closed_if, 1), (structs.replace(field.closed_if, fact="team_unused_anywhere"), 2)):
        other = structs.replace(field, closed_if=reason)
        asked, names = joined_spec([structs.replace(form, fields=(each,), some_of=()) for each in (field, other)], ())
        assert [each.closed_if for each in asked.fields] == [field.closed_if, reason][:count]
        assert len({each[field.name] for each in names}) == count
