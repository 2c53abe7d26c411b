"""Receipt numbers can be guessed: the hub tells by one whether it is known, opens with the slip's code, and counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from hub.tries import OF_A_MACHINE, WRONG_CODES_OF_A_CASE
from kiosk.cases import new_slip_code
from kiosk.messages import content
from kiosk.messages.questions import ProgressAnswer
from tests.hub.fixtures import CODE, Machine, RunningHub, Sealed, case_form, number_of
from tests.waiting import HANG_S, eventually

WRONG = "27182818"
NOTHING_MORE = {"cases": [], "known": True}


@pytest.fixture(autouse=True)
def day_one(hub: RunningHub) -> None:
    hub.demo("POST", "reset")


def filed(machine: Machine, person: str = "li", service: str = "H13") -> str:
    """The number of a case that the department has accepted."""
    number = f"G-{uuid4().hex[:12]}"
    machine.file_case(person, service, number)
    machine.wait_for(number, "accepted")
    return number


def ask(machine: Machine, **how: object) -> ProgressAnswer:
    answer = machine.ask("progress", **how)
    assert isinstance(answer, ProgressAnswer)
    return answer


@pytest.mark.attack(11)
@pytest.mark.parametrize("asks", ["the machine that filed it", "another machine"])
@pytest.mark.parametrize(
    ("how", "known"),
    [
        ({"receipt_number": "{number}"}, True),
        ({"receipt_number": "{number}", "slip_code": WRONG}, True),
        ({"receipt_number": "{number}", "slip_code": "{other_code}"}, True),
        ({"receipt_numbers": ["{number}"]}, False),
        ({"receipt_numbers": ["{number}", "{other}"]}, False),
    ],
)
def test_a_number_alone_tells_only_that_it_is_known(
    hub: RunningHub, machine: Machine, asks: str, how: dict, known: bool
) -> None:
    number, other = filed(machine), filed(machine, "wang")
    asker = machine if asks.startswith("the") else hub.machine()
    words = {"number": number, "other": other, "other_code": new_slip_code()}
    filled = {
        name: [each.format(**words) for each in value] if isinstance(value, list) else value.format(**words)
        for name, value in how.items()
    }
    assert ask(asker, **filled) == ProgressAnswer([], known=known)


@pytest.mark.attack(11)
def test_a_machine_that_follows_its_cases_hears_nothing_of_whose_they_are(hub: RunningHub, machine: Machine) -> None:
    number = filed(machine)
    keys = [key for (key,) in hub.sql("select key::text from case_file where receipt_number = %s", number)]
    (case,) = ask(machine, keys=keys).cases
    assert (case.receipt_number, case.service, case.masked_name) == (number, "", "")
    assert [state.state for state in case.states] == ["delivered", "accepted"]
    assert ask(hub.machine(), keys=keys).cases == [], "it filed none of them"


@pytest.mark.attack(11)
def test_a_path_tells_no_more(hub: RunningHub, machine: Machine) -> None:
    number = filed(machine)
    for asker in (machine, hub.machine()):
        assert asker.call("GET", f"/v1/progress/{number}").json() == NOTHING_MORE
        assert asker.call("GET", f"/v1/progress/{number}?slip_code={CODE}").json() == NOTHING_MORE
    assert machine.call("GET", "/v1/progress/no-such-number").json() == {"cases": []}


@pytest.mark.attack(11)
def test_a_slip_of_before_has_no_code_and_none_opens_it(hub: RunningHub, machine: Machine) -> None:
    form = content.decode_content("case", case_form("li", "H13", number := f"G-{uuid4().hex[:12]}"))
    plain = content.encode_content(form).replace(f',"code":"{CODE}"'.encode(), b"")
    assert CODE.encode() not in plain
    machine.deliver(machine.envelope("case", plain))
    machine.wait_for(number, "accepted")
    assert ask(hub.machine(), receipt_number=number, slip_code=CODE) == ProgressAnswer([], known=True)
    assert number in [case.receipt_number for case in ask(machine, id_number=number_of("li")).cases]


def test_the_code_of_the_slip_opens_it_everywhere_and_so_does_the_card(hub: RunningHub, machine: Machine) -> None:
    number = filed(machine)
    elsewhere = hub.machine()
    for how in ({"receipt_number": number, "slip_code": CODE}, {"id_number": number_of("li")}):
        case = ask(elsewhere, **how).cases[0]
        assert (case.receipt_number, case.service, case.masked_name) == (number, "H13", "李*兰")
        assert [state.state for state in case.states] == ["delivered", "accepted"]
    assert ask(elsewhere, receipt_number="unknown", slip_code=CODE) == ProgressAnswer([])


@pytest.mark.attack(11)
@pytest.mark.parametrize("code", [None, WRONG])
def test_a_machine_that_tries_numbers_waits_and_the_others_do_not(
    hub: RunningHub, machine: Machine, code: str | None
) -> None:
    number, thief = filed(machine), hub.machine()
    how = {"slip_code": code} if code else {}
    for n in range(OF_A_MACHINE):
        assert ask(thief, receipt_number=f"G-none-{n}", **how) == ProgressAnswer([])
    told = ask(thief, receipt_number=number, slip_code=CODE)
    assert (told.cases, told.known) == ([], False), "not even whether it is known"
    assert 3000 < told.wait_s <= 3600
    assert ask(machine, receipt_number=number, slip_code=CODE).cases, "who has the slip goes to another machine"
    assert ask(thief, id_number=number_of("li")).cases, "and who has the card need not"
    tries = hub.sql("select count(*) from slip_try where kiosk_id = %s", thief.kiosk_id)
    assert tries == [(OF_A_MACHINE,)], "waiting is no try: it ends"


@pytest.mark.attack(11)
def test_many_machines_that_try_codes_of_one_case_wait_together(hub: RunningHub, machine: Machine) -> None:
    number = filed(machine)
    thieves = [hub.machine() for _ in range(2)]
    for n in range(WRONG_CODES_OF_A_CASE):
        assert ask(thieves[n % 2], receipt_number=number, slip_code=WRONG).known
    for asker in (*thieves, machine):
        told = ask(asker, receipt_number=number, slip_code=CODE)
        assert (told.cases, told.known, told.wait_s > 80_000) == ([], False, True)
    assert ask(machine, id_number=number_of("li")).cases, "the card opens it all the same"


@pytest.mark.attack(11)
def test_tries_at_the_same_moment_are_counted_like_others(hub: RunningHub, machine: Machine) -> None:
    number, thief = filed(machine), hub.machine()
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: ask(thief, receipt_number=number, slip_code=WRONG), range(40)))
    assert 0 < sum(answer.known for answer in answers) <= WRONG_CODES_OF_A_CASE


def test_what_opens_is_no_try(hub: RunningHub, machine: Machine) -> None:
    number = filed(machine)
    for _ in range(OF_A_MACHINE + 1):
        assert ask(machine, receipt_number=number, slip_code=CODE).cases
    assert hub.sql("select count(*) from slip_try where receipt_number = %s", number) == [(0,)]


def test_the_wait_ends(hub: RunningHub, machine: Machine) -> None:
    number, thief = filed(machine), hub.machine()
    for n in range(OF_A_MACHINE):
        ask(thief, receipt_number=f"G-none-{n}")
    later = "update slip_try set at = at - interval '61 minutes' where kiosk_id = %s returning 1"
    hub.sql(later, thief.kiosk_id)
    assert ask(thief, receipt_number=number, slip_code=CODE).cases


@pytest.mark.attack(11)
def test_the_tables_hold_no_code_and_nothing_to_try_codes_at(hub: RunningHub, machine: Machine) -> None:
    number = filed(machine)
    ((ref,),) = hub.sql("select slip_ref from case_file where receipt_number = %s", number)
    assert len(ref) == 64
    assert CODE not in ref
    others = hub.sql("select count(*) from case_file where slip_ref = %s", ref)
    assert others == [(1,)], "the same code of another slip looks different"


# -- ratings --------------------------------------------------------------------------------------------------------


def rate(machine: Machine, number: str, grade: int, **proof: str) -> Sealed:
    rating = content.Rating(number, "", grade, **proof)
    sent = machine.envelope("rating", content.encode_content(rating))
    machine.deliver(sent)
    return sent


def ratings(hub: RunningHub, number: str) -> dict[int, str]:
    """Grade to why it does not count."""
    return dict(hub.sql("select grade, refused from rating where receipt_number = %s", number))


@pytest.mark.attack(11)
@pytest.mark.parametrize("proof", [{}, {"slip_code": WRONG}, {"id_number": "990101199001010018"}])
def test_who_guesses_a_number_does_not_rate_the_case(hub: RunningHub, machine: Machine, proof: dict) -> None:
    number, elsewhere = filed(machine), hub.machine()
    rate(elsewhere, number, 1, **proof)
    eventually(lambda: ratings(hub, number) == {1: "not_proved"}, "the stranger's is refused")
    rate(elsewhere, number, 5, slip_code=CODE)
    eventually(lambda: ratings(hub, number) == {1: "not_proved", 5: ""}, "the one with the slip counts")


@pytest.mark.attack(11)
def test_who_rates_a_number_before_its_case_comes_does_not_keep_the_place(hub: RunningHub, machine: Machine) -> None:
    number, elsewhere = f"G-{uuid4().hex[:12]}", hub.machine()
    rate(elsewhere, number, 1)
    eventually(lambda: ratings(hub, number) == {1: ""}, "nobody can tell yet")
    rate(elsewhere, number, 4, slip_code=CODE)
    rate(elsewhere, number, 3, slip_code=CODE)
    eventually(lambda: len(ratings(hub, number)) == 3, "all have come")
    machine.file_case("li", "H13", number)
    eventually(lambda: ratings(hub, number)[1] == "not_proved", "the case has come, and the stranger's does not count")
    assert sorted(ratings(hub, number).values()) == ["", "already_rated", "not_proved"]
    counts = hub.sql("select service, grade from rating where receipt_number = %s and refused = ''", number)
    assert counts in ([("H13", 4)], [("H13", 3)])


@pytest.mark.parametrize("proof", [{"slip_code": CODE}, {"id_number": number_of("li")}, {}])
def test_slip_card_and_the_machine_of_the_case_prove_a_rating(hub: RunningHub, machine: Machine, proof: dict) -> None:
    number = filed(machine)
    asker = hub.machine() if proof else machine
    rate(asker, number, 5, **proof)
    eventually(lambda: ratings(hub, number) == {5: ""}, "it counts")
    rate(asker, number, 2, **proof)
    eventually(lambda: ratings(hub, number) == {5: "", 2: "already_rated"}, "once for each case")


def rated_cases(hub: RunningHub, number: str) -> list[tuple]:
    """Which grade counts for which case, by its service."""
    return hub.sql("select service, grade from rating where receipt_number = %s and refused = '' order by 2", number)


@pytest.mark.attack(11)
def test_a_case_filed_under_the_number_of_another_takes_no_rating_from_it(hub: RunningHub, machine: Machine) -> None:
    number, thief = f"G-{uuid4().hex[:12]}", hub.machine()
    thief.file_case("wang", "T01", number)
    rate(thief, number, 1)
    eventually(lambda: rated_cases(hub, number) == [("T01", 1)], "the thief has rated his own")
    # What comes before its case is proved of none that is there; it is judged again with the case.
    rate(machine, number, 5)
    eventually(lambda: ratings(hub, number) == {1: "", 5: "not_proved"}, "whose it is cannot be told yet")
    machine.file_case("li", "H13", number)
    both = [("T01", 1), ("H13", 5)]
    eventually(lambda: rated_cases(hub, number) == both, "each case has its own")
    for asker, grade, proof in ((thief, 2, {}), (machine, 3, {}), (thief, 4, {"id_number": number_of("li")})):
        rate(asker, number, grade, **proof)
        eventually(lambda g=grade: ratings(hub, number).get(g) == "already_rated", "once for each case")
    assert rated_cases(hub, number) == both


def test_a_rating_of_before_is_its_cases_as_soon_as_its_number_is_judged_again(
    hub: RunningHub, machine: Machine
) -> None:
    number = filed(machine)
    rate(machine, number, 5)
    eventually(lambda: ratings(hub, number) == {5: ""}, "it counts")
    hub.sql("update rating set case_key = null where receipt_number = %s returning 1", number)
    rate(machine, number, 2)
    eventually(lambda: ratings(hub, number) == {5: "", 2: "already_rated"}, "still once for each case")
    assert rated_cases(hub, number) == [("H13", 5)]


def test_a_complaint_is_rated_with_its_slip(hub: RunningHub, machine: Machine) -> None:
    number = f"G-{uuid4().hex[:12]}"
    words = content.Complaint("等了很久", "complaint", complaint_number=number, slip_code=CODE)
    machine.deliver(machine.envelope("complaint", content.encode_content(words)))
    eventually(lambda: hub.sql("select 1 from complaint where complaint_number = %s", number), "it is there")
    elsewhere = hub.machine()
    rate(elsewhere, number, 1)
    rate(elsewhere, number, 5, slip_code=CODE)
    eventually(lambda: ratings(hub, number) == {1: "not_proved", 5: ""}, "only the one with the slip")
    assert ask(elsewhere, receipt_number=number).known
    assert [c.service for c in ask(elsewhere, receipt_number=number, slip_code=CODE).cases] == ["C03"]


def test_a_complaint_without_a_number_takes_no_rating_that_has_none(hub: RunningHub, machine: Machine) -> None:
    kept = "select refused from rating where key = %s"
    looked_at = [rate(machine, "", 5).key, rate(hub.machine(), "", 4).key]
    eventually(lambda: all(hub.sql(kept, key) for key in looked_at), "the ratings are there")
    sent = machine.envelope("complaint", content.encode_content(content.Complaint("等了很久", "complaint")))
    machine.deliver(sent)
    eventually(lambda: hub.sql("select 1 from complaint where key = %s", sent.key), "the complaint is there")
    assert [hub.sql(kept, key) for key in looked_at] == [[("",)], [("",)]]


def test_tries_that_are_a_day_old_are_forgotten(hub: RunningHub, machine: Machine) -> None:
    columns = "insert into slip_try (kiosk_id, receipt_number, with_code, at)"
    for kiosk_id, day in (("K-old", 10), ("K-young", 12)):
        hub.sql(f"{columns} values (%s, 'N', true, %s) returning 1", kiosk_id, datetime(2027, 1, day, tzinfo=UTC))
    ask(machine, receipt_number="unknown")
    assert hub.sql("select kiosk_id from slip_try where receipt_number = 'N'") == [("K-young",)]


def test_the_public_page_of_certificates_shuts_nobodys_slip(hub: RunningHub, machine: Machine) -> None:
    """Ten strangers' guesses at a certificate of that number kept the slip's own person waiting for a day."""
    number = f"G{uuid4().hex[:12]}".upper()
    machine.file_case("li", "H13", number)
    machine.wait_for(number, "accepted")
    for code in range(WRONG_CODES_OF_A_CASE):
        httpx.get(f"{hub.url}/certificates", params={"number": number, "code": f"{code}"}, timeout=HANG_S)
    opened = ask(machine, receipt_number=number, slip_code=CODE)
    assert (len(opened.cases), opened.wait_s) == (1, 0)
