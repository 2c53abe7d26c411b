"""What only the other side knows: machine, department or hub of another version is understood as far as it goes."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from procrastinate.jobs import Job
from structlog.testing import capture_logs

from hub.department import Decision, EffectUnknown
from hub.department_answers import plain_decision
from hub.published import InForce, Published
from hub.work import ServiceNotKnownYet, UntilItAnswers
from kiosk.catalogue.loader import load
from kiosk.clock import Clock
from kiosk.messages import content, questions
from kiosk.messages.questions import ProgressState
from tests.hub.fixtures import TODAY, Machine, RunningHub, case_form, number_of
from tests.waiting import eventually


def form_of(number: str, **changes: object) -> bytes:
    """A case of Zhao with something changed."""
    form = content.decode_content("case", case_form("zhao", "E13", number))
    assert isinstance(form, content.CaseForm)
    return content.encode_content(replace(form, **changes))


def test_a_service_of_a_newer_catalogue_waits_until_the_hub_has_it(hub: RunningHub, machine: Machine) -> None:
    machine.deliver(machine.envelope("case", form_of("X-newer", service="X99", catalogue_version="2027.02")))
    machine.deliver(machine.envelope("case", form_of("X-older", service="X99", catalogue_version="2026.12")))
    machine.wait_for("X-older", "not_accepted")
    waits = "select attempts from procrastinate_jobs where task_name = 'ask_department' and status = 'todo'"
    eventually(lambda: [row for row in hub.sql(waits) if row[0] > 0], "it was looked at and waits")
    assert machine.states("X-newer") == ["delivered"]
    assert machine.case("X-older").states[-1].reasons == ["service_unknown"]
    due = machine.ask("due", id_number=number_of("zhao"))
    assert due.silent == []


@pytest.mark.parametrize("version", ["zz", "2029.01", "9999", "2027.zz+1", ""])
def test_whoever_files_cannot_keep_a_case_waiting_with_any_version(machine: Machine, version: str) -> None:
    """One machine's cases of "zz" were tried for ever, before all others."""
    number = f"X-{machine.kiosk_id}"
    machine.deliver(machine.envelope("case", form_of(number, service="X99", catalogue_version=version)))
    machine.wait_for(number, "not_accepted")
    assert machine.case(number).states[-1].reasons == ["service_unknown"]


def test_what_waits_for_another_catalogue_is_behind_all_others_and_seldom_looked_at() -> None:
    def again(error: Exception) -> tuple[float, int | None]:
        job = Job(id=1, queue="q", lock=None, queueing_lock=None, task_name="t", task_kwargs={}, attempts=1)
        decision = UntilItAnswers().get_retry_decision(exception=error, job=job)
        assert decision is not None
        assert decision.retry_at is not None
        return (decision.retry_at - Clock().now()).total_seconds(), decision.priority

    wait_s, priority = again(ServiceNotKnownYet("X99"))
    assert 1790 < wait_s <= 3600
    assert priority == -1
    wait_s, priority = again(EffectUnknown("x"))
    assert wait_s <= 60
    assert priority == 0


def test_services_that_nobody_knows_are_told_once_and_never_by_the_thousand() -> None:
    in_force = InForce(Published(0, load(), {}), TODAY)
    with capture_logs() as said:
        for service in [*["X99"] * 3, *(f"X{number}" for number in range(1000))]:
            in_force.misses(service, "2027.02")
    assert [each["service"] for each in said] == ["X99", *(f"X{number}" for number in range(19))]


@pytest.mark.parametrize("error", [ServiceNotKnownYet("X99"), EffectUnknown("licence_of_tomorrow")])
def test_what_a_later_version_will_know_is_tried_again_for_ever(error: Exception) -> None:
    job = Job(id=1, queue="q", lock=None, queueing_lock=None, task_name="t", task_kwargs={}, attempts=10_000)
    assert UntilItAnswers().get_retry_decision(exception=error, job=job) is not None
    assert UntilItAnswers().get_retry_decision(exception=KeyError("x"), job=job) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"language": "of_tomorrow"},
        {"answers": {"of_tomorrow": {"deep": [1, "二", None, True]}}},
        {"identity": content.Identity("face", "of_tomorrow", engine="x")},
    ],
    ids=["language", "answers", "identity"],
)
def test_what_a_newer_machine_files_is_decided_as_any_other(machine: Machine, changes: dict) -> None:
    number = f"E-{machine.kiosk_id}"
    machine.deliver(machine.envelope("case", form_of(number, **changes)))
    machine.wait_for(number, "accepted")


def test_reasons_of_a_rating_that_nobody_knows_are_kept(hub: RunningHub, machine: Machine) -> None:
    rating = content.Rating("R-strange", "E13", 1, ["of_tomorrow"])
    machine.deliver(machine.envelope("rating", content.encode_content(rating)))
    kept = "select reasons from rating where receipt_number = 'R-strange'"
    eventually(lambda: hub.sql(kept) == [(["of_tomorrow"],)], "the rating is kept with its reasons")


def test_a_question_of_another_version_is_refused_by_name(hub: RunningHub, machine: Machine) -> None:
    body, _ = questions.seal_question(
        "due", {"id_number": "1"}, hub.said["seal_key"], machine.kiosk_id, visit=machine.visit("1")
    )
    answer = machine.call("POST", "/v1/questions/of_tomorrow", body)
    assert (answer.status_code, answer.json()["field"]) == (422, "kind")
    told = answer.json()["detail"].removeprefix("known questions are ").split(", ")
    assert sorted(told) == sorted(questions.QUESTIONS)


def test_states_actors_and_reasons_that_this_hub_does_not_know_are_told_as_they_are(
    hub: RunningHub, machine: Machine
) -> None:
    sent = machine.file_case("zhao", "E13", "E-told")
    machine.wait_for("E-told", "accepted")
    said = {"state": "of_tomorrow", "reasons": ["x_1", "two words, 与中文"], "more": {"deep": 1}}
    for data in (said, {"state": "bare"}, {"state": "noted", "note": "free words. 与中文"}):
        hub.sql(
            "insert into event (at, actor, kind, envelope_key, data) "
            "values (now(), 'fire_brigade', 'case_state', %s, %s) returning 1",
            *(sent.key, msgspec.json.encode(data).decode()),
        )
    told = machine.case("E-told").states[-3:]
    assert [(each.state, each.by, each.note, each.reasons) for each in told] == [
        ("of_tomorrow", "fire_brigade", "", ["x_1", "two words, 与中文"]),
        ("bare", "fire_brigade", "", []),
        ("noted", "fire_brigade", "free words. 与中文", []),
    ]


@pytest.mark.parametrize(
    ("reason", "told"),
    [("age", "age"), ("x" * 100, "x" * 64), ("a\nb\0", "a?b?"), (5, "5"), ("须到窗口核实", "须到窗口核实")],
)
def test_whatever_a_department_gives_for_a_reason_is_one_line_that_travels(reason: object, told: str) -> None:
    decision = plain_decision(Decision(accepted=False, reasons=[reason]))  # type: ignore[list-item]
    assert decision == Decision(accepted=False, reasons=[told])
    state = ProgressState("not_accepted", "2027-01-12T02:00:00Z", "traffic", reasons=decision.reasons)
    case = questions.CaseProgress("1", "T01", "赵*福", [state])
    read = questions.read_answer("progress", questions.write_answer(questions.ProgressAnswer([case])))
    assert (read.unreadable, read.cases[0].states[0].reasons) == (0, [told])


def test_to_a_machine_of_before_reasons_are_noted_and_a_note_of_its_own_stays() -> None:
    states = [
        ProgressState("refused", "2027-01-12T02:00:00Z", "traffic", reasons=["age", "card_kind"]),
        ProgressState("refused", "2027-01-12T02:00:00Z", "traffic", note="come to window 3", reasons=["age"]),
    ]
    answer = questions.ProgressAnswer([questions.CaseProgress("1", "T01", "", states)])
    for version, told in (
        (1, [("age,card_kind", None), ("come to window 3", None)]),
        (2, [(None, 2), ("come to window 3", 1)]),
    ):
        told_states = msgspec.json.decode(questions.write_answer(answer, version))["cases"][0]["states"]
        assert [(each.get("note"), len(each["reasons"]) if "reasons" in each else None) for each in told_states] == told
