"""Answers that come late, twice, out of order or unasked: never another sensor's name, never the wrong state."""

from __future__ import annotations

import pytest

from devices.contract import Deadline, TryAgain
from devices.receipt_printer.codec import BARRIER, Paper
from devices.receipt_printer.hearing import Ear
from devices.receipt_printer.job import Outcome
from devices.vocabulary import DeviceState, SupplyState
from tests.devices.receipt_printer.test_doubt import FIRST, GENEROUS_S, SECOND, slip
from tests.devices.receipt_printer.test_driver import HELLO, in_background, outcome

TRUE_OR_UNKNOWN = {"paper_out", "silent"}


def test_every_answer_late_while_paper_is_out(bench):
    """700 ms with a time-out of 250: seen as "online, low", and the job refused as jammed."""
    driver = bench.driver()
    bench.do("paper", state="out")
    bench.do("slow", reply_ms=700)
    with pytest.raises(TryAgain, match="status"):
        driver.idle()
    assert all(status.supply is not SupplyState.LOW for status in bench.statuses)
    done = driver.print_job(Deadline(GENEROUS_S), HELLO)
    assert done.value.outcome is Outcome.NOT_PRINTED
    assert done.error in TRUE_OR_UNKNOWN
    assert bench.state["slips"] == 0


@pytest.mark.parametrize("late_ms", [260, 400, 700, 1300, 1900])
@pytest.mark.parametrize("state", ["out", "cover"])
def test_one_answer_late(tcp_bench, late_ms, state):
    driver = tcp_bench.driver()
    truth = "paper_out" if state == "out" else "cover_open"
    tcp_bench.do("paper", state="out") if state == "out" else tcp_bench.do("cover", state="open")
    tcp_bench.do("late", reply_ms=late_ms)
    assert driver.print_job(Deadline(GENEROUS_S), HELLO).error in {truth, "silent"}
    assert driver.print_job(Deadline(GENEROUS_S), HELLO).error == truth


@pytest.mark.parametrize("count", [2, 3, 4])
def test_several_answers_late_overtake_each_other(tcp_bench, count):
    driver = tcp_bench.driver()
    tcp_bench.do("paper", state="out")
    tcp_bench.do("late", reply_ms=500, count=count)
    assert driver.print_job(Deadline(GENEROUS_S), HELLO).error in TRUE_OR_UNKNOWN
    tcp_bench.wait(lambda: driver.print_job(Deadline(GENEROUS_S), HELLO).error == "paper_out")
    assert all(status.error in ("", *TRUE_OR_UNKNOWN) for status in tcp_bench.statuses)


@pytest.mark.parametrize("gap_ms", [30, 120])
def test_a_printer_that_says_everything_twice_is_understood_once_its_second_answers_are_known(tcp_bench, gap_ms):
    driver = tcp_bench.driver()
    tcp_bench.do("double", count=10_000, gap_ms=gap_ms)
    tcp_bench.do("paper", state="low")
    assert driver.print_job(Deadline(GENEROUS_S), HELLO).value.outcome is Outcome.PRINTED
    tcp_bench.statuses.clear()
    for _ in range(3):
        driver.idle()
    assert {(status.device, status.supply) for status in tcp_bench.statuses} == {(DeviceState.ONLINE, SupplyState.LOW)}
    tcp_bench.do("paper", state="out")
    assert driver.print_job(Deadline(GENEROUS_S), HELLO).error == "paper_out"
    tcp_bench.do("double", count=0)
    driver.idle()
    assert tcp_bench.status.supply is SupplyState.OUT, "and once again"
    assert tcp_bench.state["slips"] == 1


@pytest.mark.parametrize("count", [1, 3, 100])
def test_doubled_answers(tcp_bench, count):
    driver = tcp_bench.driver()
    tcp_bench.do("paper", state="out")
    tcp_bench.do("double", count=count)
    assert driver.print_job(Deadline(GENEROUS_S), HELLO).error in TRUE_OR_UNKNOWN
    assert all(status.error != "jammed" for status in tcp_bench.statuses)


def test_automatic_status_between_the_answers_is_told_apart(bench):
    """Four bytes of GS a in a printer that is asked by DLE EOT; the last three look like barrier answers."""
    driver = bench.driver(barrier_timeout_s=1.0)
    bench.do("noise", data="10000000")
    assert driver.print_job(Deadline(GENEROUS_S), HELLO).ok
    bench.do("out_after", lines=5)
    thread, results = in_background(lambda: driver.print_job(Deadline(4.0), slip("张*三", FIRST)))
    bench.wait(lambda: bench.state["standing"])
    for _ in range(3):
        bench.do("noise", data="18000f00")
    thread.join(GENEROUS_S)
    assert outcome(results[0]) == (Outcome.UNKNOWN, "paper_out")


@pytest.mark.parametrize("pieces", ["00000f", "000f", "0f000f", "1000ff000c0f"], ids=["head", "two", "low", "middle"])
@pytest.mark.parametrize("status", ["dle", "asb", "none"])
def test_what_the_line_left_of_an_automatic_status_is_no_answer_to_the_job(bench, status, pieces):
    """Of its bytes 2 to 4 each looks like an answer to GS r: seen as "printed" while the paper still moved."""
    driver = bench.driver(status=status, barrier_timeout_s=GENEROUS_S)
    bench.do("slow", mm_per_s=40)
    before, job = bench.state["bytes"], slip("张*三", FIRST)
    asked = before + len(Paper(auto_status=status == "asb").compose(job)) + len(BARRIER)
    thread, results = in_background(lambda: (driver.print_job(Deadline(GENEROUS_S), job), bench.state["slips"]))
    bench.wait(lambda: bench.state["bytes"] >= asked)
    assert not bench.state["slips"], "the test is too slow for its paper"
    bench.do("noise", data=pieces)
    thread.join(GENEROUS_S)
    assert outcome(results[0][0])[0] is Outcome.PRINTED
    assert results[0][1] == 1, "said when it was true"
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert bench.state["slips"] == 2


def test_stream_is_sorted_into_its_words():
    ear = Ear()
    words = list(ear.sort(b"\x12\x10\x00\x03\x16\x00\x00\x0f\x93\x10\x00\x12"))
    assert words == [
        ("dle", b"\x12"),
        ("dle", b"\x16"),  # real-time, in the middle of an automatic state
        ("auto", b"\x10\x00\x03\x00"),
        ("barrier", b"\x00"),
        ("barrier", b"\x0f"),
        ("noise", b"\x93"),
        ("dle", b"\x12"),
    ]


def test_settings_that_a_reset_of_the_printer_undoes_are_sent_again(bench):
    """ESC @ at the head of a job ends the automatic status; paper that runs out in it must be told all the same."""
    driver = bench.driver(status="asb", barrier_timeout_s=1.0)
    bench.do("out_after", lines=5)
    thread, results = in_background(lambda: driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)))
    bench.wait(lambda: bench.statuses and bench.status.supply is SupplyState.OUT)
    bench.do("paper", state="full")
    thread.join(GENEROUS_S)
    assert results[0].ok
    assert bench.status.supply is SupplyState.FULL
    assert bench.state["slips"] == 1


def test_paper_that_comes_back_after_the_job_was_given_up_with_automatic_status(bench):
    driver = bench.driver(status="asb", barrier_timeout_s=1.0)
    bench.do("out_after", lines=5)
    assert outcome(driver.print_job(Deadline(3.0), slip("张*三", FIRST))) == (Outcome.UNKNOWN, "paper_out")
    driver.idle()
    assert (bench.status.device, bench.status.supply) == (DeviceState.ONLINE, SupplyState.OUT)
    bench.do("paper", state="full")
    assert driver.await_end(Deadline(GENEROUS_S)).value.outcome is Outcome.PRINTED
    assert bench.state["slips"] == 1


@pytest.mark.parametrize("verb", ["silent", "slow"])
def test_canceled_command_lets_go_of_a_printer_that_does_not_answer(tcp_bench, verb):
    """What a visit gave up must not be held any longer: the wipe waits for it."""
    driver = tcp_bench.driver()
    tcp_bench.do("silent") if verb == "silent" else tcp_bench.do("slow", reply_ms=900)
    deadline = Deadline(GENEROUS_S)
    thread, results = in_background(lambda: driver.print_job(deadline, HELLO))
    thread.join(0.2)
    deadline.canceled.set()
    thread.join(GENEROUS_S)
    assert results[0].value.outcome is Outcome.NOT_PRINTED
    assert not tcp_bench.state["slips"]
