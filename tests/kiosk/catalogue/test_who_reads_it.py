"""What a text says must be true for each of those whom it reaches: who has lost the old one, who never had one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import failed_checks, holds, is_asked
from kiosk.text import text

CATALOGUE = load()
SERVICES = CATALOGUE.services
TODAY = date(2027, 1, 12)
NOTHING_OLD = {"lost", "first"}
"""Answers of who has no old document to hand in."""


def _options(service: Service) -> dict[str, Any]:
    asked = [thing for spec in service.steps for thing in (spec, *getattr(spec, "fields", ()))]
    return {option.id: option for thing in asked for option in getattr(thing, "options", ())}


def _told_of_an_old_one() -> Iterator[str]:
    """Each sentence about an old document that also reaches who has none."""
    said = [
        text("post.what_next"),
        *(SERVICES[key].what_next for key in SERVICES if NOTHING_OLD & _options(SERVICES[key]).keys()),
    ]
    for key in ("H07", "E14"):
        said.append(SERVICES[key].what_next)
        for spec in SERVICES[key].steps:
            said += [
                *getattr(spec, "warn", ()),
                *(words for name in ("agree", "next") if (words := getattr(spec, name, None))),
            ]
    sentences = (sentence for each in said for sentence in re.split("[。；]", each.zh))
    yield from (sentence for sentence in sentences if re.search("旧[证簿身]", sentence))


@pytest.mark.parametrize("sentence", _told_of_an_old_one())
def test_an_old_document_is_asked_of_those_only_who_have_it(sentence: str) -> None:
    assert re.search("有旧证|没有丢|还在|换证的", sentence)


def test_nobody_is_told_to_collect_what_no_case_hands_out() -> None:
    nothing_given = [each for each in SERVICES.values() if not each.is_collected and not each.has_step("certificate")]
    assert [each.key for each in nothing_given if "领取" in each.procedure.zh or "collect" in each.procedure.en] == []


def test_pages_of_all_lines_send_nobody_to_the_counter_of_one() -> None:
    lines = {each.line for each in SERVICES.values() if each.has_step("certificate")}
    assert len(lines) > 1
    for name in ("window", "window_lead", "unverified_lead", "later_lead", "slip_note"):
        assert not re.search("户政|车管|出入境", text(f"certificate.{name}").zh), name


def test_who_waits_for_an_endorsement_is_told_who_writes_it() -> None:
    """A permit that lies at home is not written by anybody."""
    for key in ("E06", "E07", "E08", "E11"):
        assert "窗口" in SERVICES[key].what_next.zh, key


def test_of_a_warning_nobody_is_told_to_pay() -> None:
    assert "有罚款的" in SERVICES["T09"].what_next.zh


def test_each_of_what_can_be_booked_is_told_how_long_it_takes() -> None:
    assert all(word in SERVICES["T19"].what_next.zh for word in ("体检", "三力"))


def test_the_temporary_id_card_is_offered_to_those_only_who_can_have_it() -> None:
    checks = {check.id: check for service in SERVICES.values() for check in service.checks}
    said = [SERVICES[key].what_next.zh for key in SERVICES] + [check.what_to_do.zh for check in checks.values()]
    offers = [each for each in said if "可以申领临时身份证" in each]
    assert offers
    assert all("户籍在本市的" in each for each in offers)


def test_whoever_has_moved_the_household_here_can_end_the_residence_permit() -> None:
    """They cannot register a residence first, as the check says: that is for who is registered elsewhere."""
    ended = {"permit_state": "normal", "still_resident": False}
    assert failed_checks(SERVICES["H14"], ended | {"local_household": True}, TODAY) == []
    assert failed_checks(SERVICES["H14"], ended | {"local_household": False}, TODAY) == ["still_resident"]


def test_the_checks_of_a_residence_permit_speak_of_what_is_asked_for() -> None:
    for check in SERVICES["H14"].checks:
        assert "签注" not in f"{check.public.zh}{check.what_to_do.zh}"


def test_who_is_registered_here_is_told_what_proves_the_address() -> None:
    """Nobody else reaches it in H09."""
    (notice,) = [spec for spec in SERVICES["H09"].steps if spec.kind == "not_needed" and "居住证" in str(spec)]
    assert "户籍在本市的凭户口簿" in str(notice)


@pytest.mark.parametrize("key", ["T03", "T04"])
def test_who_gets_the_licence_back_still_needs_what_it_was_for(key: str) -> None:
    (check,) = [each for each in SERVICES[key].checks if each.id == "licence_not_withheld"]
    assert "再来" in check.what_to_do.zh


@pytest.mark.parametrize("key", ["E06", "E07", "E08"])
def test_the_hint_is_true_at_a_machine_without_a_writer(key: str) -> None:
    assert "窗口" in SERVICES[key].elder_hint.zh


def test_after_a_death_it_counts_where_the_dead_were_registered() -> None:
    (check,) = SERVICES["H18"].checks
    assert "去世" in check.what_to_do.zh


def test_a_card_that_cannot_be_read_is_not_asked_for() -> None:
    for name in ("no_card.needs_lead", "reason.todo_card_needed"):
        assert "只有临时身份证的，请到窗口" in text(name, service=text("no_card.title")).zh


@pytest.mark.parametrize("key", ["E06", "E07"])
def test_nobody_puts_in_the_permit_that_is_being_made_with_the_endorsement(key: str) -> None:
    (written,) = [spec for spec in SERVICES[key].steps if spec.kind == "produce"]
    here = {"machine.endorsement_writer": True}
    asked = [is_asked(written, here | {"hk_macao_permits_issued": issued}, TODAY) for issued in (0, 1)]
    assert asked == [False, True]
    assert "领新证时已经写好" in SERVICES[key].what_next.zh


def test_what_the_departments_share_is_not_to_be_brought() -> None:
    for service in SERVICES.values():
        for material in service.materials:
            assert material.source != "shared" or material.name.zh not in service.what_next.zh, service.key


def test_who_comes_with_a_new_child_is_told_what_to_bring() -> None:
    brought = [each.name.zh for each in SERVICES["H16"].materials if each.source == "bring"]
    assert all(each in CATALOGUE.bundles["B01"].elder_hint.zh for each in brought)


@pytest.mark.parametrize("key", ["B02", "B09"])
def test_who_comes_for_one_matter_is_not_asked_which(key: str) -> None:
    (part,) = CATALOGUE.bundles[key].parts
    assert part.said["entry"] in _options(SERVICES[part.service])


def test_what_the_counter_looks_at_first_is_not_made_at_the_machine() -> None:
    """An invoice that was not brought is looked at when the plate is collected, so it is collected."""
    rules = [rule for rule in _options(SERVICES["T15"])["at_once"].conditions if rule.fact == "answers.invoice"]
    assert [holds(rule, {"answers.invoice": pages}, TODAY) for rule in rules for pages in ("0", "1")] == [False, True]


@pytest.mark.parametrize("key", ["T13", "T14"])
def test_the_old_one_is_among_what_is_to_be_brought_and_the_statement_is_for_who_lost_it(key: str) -> None:
    materials = SERVICES[key].materials
    assert [each.name.zh for each in materials if each.source == "bring" and "旧" in each.name.zh]
    assert all("丢失的" in each.name.zh for each in materials if each.source == "commitment")


def test_plates_are_not_handed_out_at_once() -> None:
    assert "at_once" not in SERVICES["T14"].delivery


def test_nine_seats_are_on_one_side_only() -> None:
    """In Chinese law both words for "nine seats and less" and "nine seats and more" have the nine in them."""
    told = [SERVICES["T11"].conditions, *(check.public for check in SERVICES["T11"].checks)]
    assert not re.search("9 座以[上下]", str(told))


@pytest.mark.parametrize("key", ["E03", "E05", "E10"])
def test_a_lost_document_is_void_from_acceptance_on_in_both_languages(key: str) -> None:
    service = SERVICES[key]
    said = [service.result, service.elder_hint, *(spec.lead for spec in service.steps if getattr(spec, "lead", None))]
    assert not [each for each in said if "from now on" in each.en.lower()]


def test_who_has_no_card_can_open_the_locker_that_was_offered() -> None:
    lockers = {each.department: each for each in SERVICES.values() if each.has_step("locker")}
    offered = [each for each in SERVICES.values() if each.applicant.without_card and "locker" in _options(each)]
    assert offered
    assert all(lockers[each.department].applicant.without_card for each in offered)


def test_who_has_chosen_the_wrong_vehicle_is_not_sent_to_settle_a_violation() -> None:
    said = text("reason.todo_vehicle_unknown").zh
    assert ("车管窗口" in said, "交警" in said, "行驶证" in said) == (True, False, False)
    assert "交警" not in text("reason.todo_violation_too_many").zh


def test_a_locker_is_offered_where_there_is_one_only() -> None:
    lockers = [options["locker"] for each in SERVICES.values() if "locker" in (options := _options(each))]
    assert lockers
    assert {rule.fact for each in lockers for rule in each.conditions} == {"machine.lock_board"}


def test_a_pledge_that_takes_the_place_of_a_proof_is_asked_for() -> None:
    for service in SERVICES.values():
        pledges = [each for each in service.materials if each.source == "commitment"]
        asked = [spec for spec in service.steps if spec.kind in ("notice", "confirm") or getattr(spec, "states", None)]
        assert len(asked) >= len(pledges), service.key


def test_who_has_found_the_card_is_not_told_how_to_replace_it() -> None:
    assert "恢复使用" in _options(SERVICES["H05"])["found"].what_next.zh


def test_a_guide_is_promised_to_halls_that_have_one() -> None:
    """Half of all visits come outside office hours: nobody comes then."""
    service = SERVICES["C12"]
    for words in (*service.conditions, service.procedure, service.spoken, service.result):
        assert "电话" in words.zh, words.zh
        assert re.search("telephone|call the number", words.en), words.en
    assert "值守" in service.summary.zh


def test_who_is_told_when_or_where_is_told_the_same_in_both_languages() -> None:
    """The last month of a permit's year is no December, and what is not posted may lie in a locker as well."""
    (check,) = [each for each in SERVICES["H13"].checks if each.id == "window_open"]
    assert "the year." not in check.what_to_do.en
    assert "窗口" not in text("express.by_hand", number="1", state=check.public).zh
