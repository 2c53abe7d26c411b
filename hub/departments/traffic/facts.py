"""What the services are told of a person, from the records: flat facts (departments.toml).

Of several cars the facts tell of one: the car that can be served, of those the one that is due first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from hub.department import Facts
from hub.departments.traffic.asked import Known
from hub.departments.traffic.records import NORMAL, Car
from hub.departments.traffic.self_handling import refused
from hub.departments.traffic.violations import visible
from kiosk.clock import day_of, full_years, months_later

_LAST = date.max
PLATE_KINDS = ("car", "motorcycle", "trailer")
"""A pair for a car, of whatever kind, and single ones."""
EXEMPT_KINDS = ("small_car", "small_nev", "micro_car", "motorcycle")
EXEMPT_YEARS, LINE_TEST_YEARS, MOST_SEATS = 10, (6, 10), 9
"""Since 2022-10-01: ten years without the line but in the sixth and the tenth."""
LABEL_MONTHS = 24
"""So long a label is valid."""
TEMPORARY_PLATES = 3
MEDICAL, ABILITY = "medical", "ability"
"""What of the bookings is no exam."""
ABILITY_AGE, ABILITY_TRIES = 70, 5
"""From this age on the ability test (三力测试) is asked for; so often a year it may be taken."""
NUMBER_KINDS = ("small_car", "micro_car", "small_nev")
"""Those that have a pool of numbers (``plate_numbers.toml``); the others choose at the counter."""


def facts_of(known: Known, today: date) -> Facts:
    """Everything that is known; {} of who is not known at all."""
    facts = {**_licence(known, today), **_lists(known), **_cars(known, today), **_learner(known)}
    if not (known.licence or known.cars or known.answered_for or facts):
        return {}
    held = len(known.registered) + bool(known.licence) + bool(known.learner(today))
    return {**facts, **_violations(known, today), **_bookings(known, facts), "records_held": held}


def _bookings(known: Known, facts: Facts) -> Facts:
    """What is booked, and what else this person may book: each test for itself."""
    booked = set(known.more["booked"])
    medical, ability = MEDICAL in booked, ABILITY in booked
    may_be_tested = int(facts.get("age", 0)) >= ABILITY_AGE and int(facts.get("ability_tries", 0)) < ABILITY_TRIES
    return {
        "exam_booked": bool(booked - {MEDICAL, ABILITY}),
        "medical_booked": medical,
        "ability_bookable": may_be_tested and not ability,
        "tests_bookable": int(not medical) + int(may_be_tested and not ability),
    }


def _licence(known: Known, today: date) -> Facts:
    row = known.licence
    if not row:
        return {}
    facts: Facts = {
        "licence_class": row["class"],
        "licence_state": row["state"],
        "expires_on": row["expires_on"].isoformat(),
        "points": row["points"],
        "ability_test_passed": row["ability_test_passed"] or known.more["has_passed_ability"],
        "ability_tries": known.more["ability_tries"],
        "moving_out": row["moved_out"],
        "postponed": bool(row["postponed_to"] and row["postponed_to"] >= today),
        "medical_required": row["medical_due_on"] is not None,
    }
    for name, day in (("medical_on", known.more["last_medical"]), ("medical_due_on", row["medical_due_on"])):
        if day:
            facts[name] = day.isoformat()
    if birth := day_of(row["birth"]):
        facts["age"] = full_years(birth, today)
    return facts


def _learner(known: Known) -> Facts:
    row = known.more["learner"]
    return {"learner_to": row["valid_to"], "exam_subject": row["subject"]} if row else {}


def _lists(known: Known) -> Facts:
    return {"full_point_studies": known.more["studies"]} if known.licence else {}


def _violations(known: Known, today: date) -> Facts:
    """What waits for the person: of all, of what a machine may settle, of fines that are decided and not paid."""
    driver = known.driver(today)
    open_ones = [(each, car) for each, car in visible(known) if car and each.decision_number is None]
    fines = [each for each in known.answered_for if each.decision_number and not each.paid_on]
    own = [each for each, car in open_ones if car.owner == known.id_number]
    free = [each for each, car in open_ones if not each.points and car.owner == known.id_number]
    return {
        "violations_open": len(open_ones),
        "violations_settable": sum(not refused(each, car, driver) for each, car in open_ones),
        "violations_without_points": len(free),
        "violations_unsettled": known.licence.get("violations_unsettled", 0) + len(own) + len(fines),
        "accidents_open": known.more["accidents_open"],
        "fines_unpaid": len(fines),
    }


def _price_kind(car: Car) -> str:
    """What its plates are by their price; "" for plates that nobody replaces."""
    if car.state != NORMAL:
        return ""
    return car.kind if car.kind in PLATE_KINDS else "car"


def _cars(known: Known, today: date) -> Facts:
    registered, new = known.registered, [car for car in known.own if not car.plate]
    if not known.own:
        return {}
    facts: Facts = {
        "cars": len(registered),
        "cars_free": sum(car.state == NORMAL for car in registered),
        "cars_with_label": sum(bool(car.label_to and car.label_to >= today) for car in registered),
        "new_cars": len(new),
        "new_cars_without_any_plate": sum(_needs_temporary(car, today) for car in new),
    }
    named = {
        "plates": [car.plate for car in registered],
        "plates_free": [car.plate for car in registered if car.state == NORMAL],
        **{
            f"plates_free_of_{kind}s": [car.plate for car in registered if _price_kind(car) == kind]
            for kind in PLATE_KINDS
        },
        "plates_with_label": [car.plate for car in registered if car.label_to and car.label_to >= today],
        "plates_inspected_to": [f"{car.plate}={car.inspection_due_on}" for car in registered if car.inspection_due_on],
        "plates_label_open": [car.plate for car in registered if not label_reasons(car, today)],
        "new_car_vins": [car.vin for car in new if not temporary_reasons(car, today)],
        "new_car_vins_without_number": [car.vin for car in new if not number_reasons(car, today)],
    }
    facts |= {name: ",".join(map(str, each)) for name, each in named.items() if each}
    if temporary := max([car.temporary_to for car in known.own if car.temporary_to], default=None):
        facts["temporary_plate_to"] = temporary.isoformat()
    if car := _first_servable(registered, lambda car: label_reasons(car, today)):
        facts |= {
            "label_car": car.plate or "",
            "label_kind": inspection_kind(car, today),
            "label_insured": bool(car.insured_to and car.insured_to >= today),
            "label_tax_paid": car.tax_paid,
            "label_unsettled": car.unsettled(),
            "label_barred": car.is_barred,
        }
        if car.inspection_due_on:
            facts["label_due_on"] = car.inspection_due_on.isoformat()
    if car := _first_servable(new, lambda car: temporary_reasons(car, today)):
        facts |= {
            "new_car_state": car.state,
            "new_car_insured": bool(car.insured_to and car.insured_to >= today),
            "new_car_temporary_plates": car.temporary_plates,
        }
    if car := _first_servable(new, lambda car: number_reasons(car, today)):
        facts |= {
            "number_car_kind": car.kind,
            "number_car_state": car.state,
            "number_car_insured": bool(car.insured_to and car.insured_to >= today),
            "number_car_purchase_tax_paid": car.purchase_tax_paid,
            "number_car_has_number": car.chosen is not None,
        }
    return facts


def _first_servable(cars: Iterable[Car], reasons: Callable[[Car], list[str]]) -> Car | None:
    """The car that can be served; of several the one that is due first."""
    return min(cars, key=lambda car: (len(reasons(car)), car.inspection_due_on or _LAST, car.vin), default=None)


def inspections_due(first: date, today: date) -> list[date]:
    """Those that a label of today stands for: the one that is due, and whatever of later ones is over already."""
    last = 0
    while months_later(first, (last + 1) * LABEL_MONTHS) <= today:
        last += 1
    return [months_later(first, number * LABEL_MONTHS) for number in range(last + 1)]


def inspection_kind(car: Car, today: date) -> str:
    """``label`` where what is due is on paper only, else ``line`` or ``other``."""
    if car.kind not in EXEMPT_KINDS or car.used != "private" or car.seats > MOST_SEATS or not car.registered_on:
        return "other"
    if not car.inspection_due_on:
        return "other"
    years = [full_years(car.registered_on, due) for due in inspections_due(car.inspection_due_on, today)]
    is_exempt = max(years) <= EXEMPT_YEARS and not set(years) & set(LINE_TEST_YEARS)
    return "label" if is_exempt else "line"


def label_reasons(car: Car, today: date) -> list[str]:
    """Why this car has no new label at a machine today; the reasons are the checks of the service."""
    due = car.inspection_due_on
    found = {
        "label_exempt": inspection_kind(car, today) != "label",
        "label_window": due is None or today < months_later(due, -3),
        "label_insured": not (car.insured_to and car.insured_to >= today),
        "label_tax_paid": not car.tax_paid,
        "label_settled": car.unsettled() > 0,
        "label_not_barred": car.is_barred,
    }
    return [reason for reason, is_so in found.items() if is_so]


def number_reasons(car: Car, today: date) -> list[str]:
    """Why no number is chosen for this new car at a machine today."""
    found = {
        "number_kind": car.kind not in NUMBER_KINDS,
        "number_car_clear": car.state != NORMAL,
        "number_insured": not (car.insured_to and car.insured_to >= today),
        "number_taxed": not car.purchase_tax_paid,
        "number_not_chosen": car.chosen is not None,
    }
    return [reason for reason, is_so in found.items() if is_so]


def _needs_temporary(car: Car, today: date) -> bool:
    """Whether it can have a temporary plate, and may not be driven without one."""
    return not temporary_reasons(car, today) and not (car.temporary_to and car.temporary_to >= today)


def temporary_reasons(car: Car, today: date) -> list[str]:
    """Why this new car has no temporary plate today."""
    found = {
        "new_car_clear": car.state != NORMAL,
        "new_car_insured": not (car.insured_to and car.insured_to >= today),
        "temporary_count": car.temporary_plates >= TEMPORARY_PLATES,
    }
    return [reason for reason, is_so in found.items() if is_so]
