"""After an end that is not known: nobody's paper carries what another person's slip had begun."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from devices.contract import Deadline, TryAgain
from devices.receipt_printer import talk
from devices.receipt_printer.codec import BARRIER, Paper
from devices.receipt_printer.delivery import CHUNK_BYTES, Delivery, Ways
from devices.receipt_printer.job import Columns, Cut, Image, Line, Outcome, PrintJob, PrintResult, Qr
from devices.receipt_printer.talk import Talk
from devices.vocabulary import Completion, DeviceState
from tests.devices.receipt_printer.test_driver import _bytes_png, big_job, in_background, outcome
from tests.waiting import HANG_S, times_slower

GENEROUS_S = 120.0
QUESTIONS_BYTES = 12
"""Four questions come before a job."""
FIRST, SECOND = "990100000120270112000011", "990100000120270112000022"


def slip(person: str, number: str) -> PrintJob:
    """Head, a QR code that is most of its bytes, and lines behind it."""
    lines = (Columns("申请人", person, at=12), Columns("受理号", number, at=12))
    return PrintJob((Line("自助服务凭条", "double"), *lines, Qr(number, 16), *lines, Line("请妥善保管"), Cut()))


def inside_qr(number: str) -> int:
    """A byte of the slip that lies in the middle of a slice of its picture."""
    payload = Paper().compose(slip("张*三", number))
    return payload.rindex(b"\x1dv0\x00") - 1000


def assert_second_alone(bench) -> None:
    """The second person's slip is whole and carries nothing of the first; the first one's half lies on another."""
    sheets = [sheet for sheet in bench.papers() if sheet.strip()]
    second = [sheet for sheet in sheets if SECOND in sheet]
    assert len(second) == 1
    assert FIRST not in second[0]
    assert "张" not in second[0]
    assert second[0].count(SECOND) == 2
    assert "请妥善保管" in second[0]
    assert all("李" not in sheet for sheet in sheets if sheet is not second[0])


def lost_in_the_first(bench, after_bytes, count=0):
    """Two people's slips, one after the other; the line loses bytes of the first."""
    driver = bench.driver(barrier_timeout_s=4.0)
    bench.do("lose", after_bytes=QUESTIONS_BYTES + after_bytes, count=count)
    first = driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST))
    bench.do("lose", count=1)
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(bench)
    return first.value.outcome


class BrokenLine:
    """Takes so many bytes; then it stands, breaks, or its job is given up."""

    held = False

    def __init__(self, takes: int, end: str, deadline: Deadline) -> None:
        self._left, self._end, self._deadline = takes, end, deadline

    def write_some(self, data: bytes, _timeout_s: float) -> int:
        taken = min(self._left, len(data))
        self._left -= taken
        if not taken and self._end == "breaks":
            raise TryAgain("unplugged")
        if not taken and self._end == "given up":
            self._deadline.canceled.set()
        if not taken and self._end == "stands":
            self._deadline._ends = 0.0  # nobody waits for it to pass
        return taken

    def read_some(self, timeout_s: float) -> bytes:
        return b""

    def await_free(self, *_: object) -> bool:
        return True

    def abandon(self) -> None: ...


@pytest.mark.parametrize("end", ["stands", "breaks", "given up"])
@pytest.mark.parametrize("takes", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2999, 3000, 3002, 3003])
def test_of_what_one_byte_may_have_left_nobody_ever_says_that_it_was_not_printed(takes, end):
    """At every edge of 3,000 bytes with their barrier of three: else the slip would be printed twice unmarked."""
    deadline = Deadline(HANG_S)
    line = BrokenLine(takes, end, deadline)
    ways = Ways(barrier=True, barrier_timeout_s=0.01, asked=False, whole=False, baudrate=0)
    delivery = Delivery(line, Talk(line, "none", 0.01), Paper(), ways, lambda: None)
    said = delivery.print(bytes(3000), deadline, "7").value
    may_have_left = takes > 0 or end == "breaks"
    assert (said.outcome, said.key) == (Outcome.UNKNOWN if may_have_left else Outcome.NOT_PRINTED, "7")


def test_what_the_line_lost_of_one_slip_takes_nothing_of_the_next(bench):
    assert lost_in_the_first(bench, 2500) is Outcome.UNKNOWN


@pytest.mark.parametrize("at", [1, 40, 100, 150, inside_qr(FIRST), 8000])
def test_wherever_the_line_broke_off(tcp_bench, at):
    assert lost_in_the_first(tcp_bench, at) is Outcome.UNKNOWN


@pytest.mark.parametrize("count", [1, 2, 3, 7, 300, 900])
def test_bytes_lost_in_the_middle_of_a_picture(tcp_bench, count):
    lost_in_the_first(tcp_bench, inside_qr(FIRST), count)


def test_idle_machine_clears_the_printer_by_itself_and_says_meanwhile_that_it_is_out_of_service(bench):
    driver = bench.driver(barrier_timeout_s=4.0)
    bench.do("lose", after_bytes=QUESTIONS_BYTES + 2500)
    assert driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)).value.outcome is Outcome.UNKNOWN
    with pytest.raises(TryAgain):
        driver.idle()
    bench.do("lose", count=1)
    driver.setup()
    driver.idle()
    assert (bench.status.device, bench.status.error) == (DeviceState.ONLINE, "")
    assert FIRST in bench.papers()[0], "the half slip is cut off before anybody asks for another"
    assert not bench.state["unfinished"]


def test_printer_that_confirms_nothing_any_more_is_out_of_service_until_it_does(make_bench):
    bench = make_bench("tcp", "--no-barrier")
    driver = bench.driver(barrier_timeout_s=4.0)
    assert outcome(driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST))) == (Outcome.UNKNOWN, "no_barrier")
    driver.idle()
    assert (bench.status.device, bench.status.error) == (DeviceState.OFFLINE, "in_doubt")
    assert outcome(driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND))) == (Outcome.NOT_PRINTED, "in_doubt")
    assert all(SECOND not in sheet for sheet in bench.papers())


def test_picture_whose_height_was_damaged_wants_more_than_one_flush(bench):
    """The line ate one byte of a picture's head: the printer waits for 768 rows instead of 64."""
    driver = bench.driver(barrier_timeout_s=4.0)
    job = PrintJob((Line(FIRST), Image(_bytes_png(b"\x03" * 72, 64)), Cut()))
    height = Paper().compose(job).index(b"\x1dv0\x00") + 6
    bench.do("lose", after_bytes=QUESTIONS_BYTES + height, count=1)
    assert driver.print_job(Deadline(GENEROUS_S), job).value.outcome is Outcome.UNKNOWN
    tries = 0
    while not driver.reset(Deadline(GENEROUS_S)).ok:
        tries += 1
    assert 2 <= tries < 20
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(bench)


def test_job_that_was_canceled_in_the_middle_does_not_hang_over_the_next(bench):
    driver = bench.driver(barrier_timeout_s=4.0)
    bench.do("stall", after_bytes=QUESTIONS_BYTES + 3000)
    deadline = Deadline(GENEROUS_S)
    thread, results = in_background(lambda: driver.print_job(deadline, slip("张*三", FIRST)))
    bench.wait(lambda: bench.state["stalled"])
    deadline.canceled.set()
    thread.join(GENEROUS_S)
    assert results[0].value.outcome is Outcome.UNKNOWN
    bench.do("stall", on=False)
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(bench)


def test_printer_that_lost_its_power_in_the_middle(bench):
    driver = bench.driver(barrier_timeout_s=4.0)
    bench.do("stall", after_bytes=QUESTIONS_BYTES + 3000)
    thread, results = in_background(lambda: driver.print_job(Deadline(3.0), slip("张*三", FIRST)))
    bench.wait(lambda: bench.state["stalled"])
    thread.join(GENEROUS_S)
    assert results[0].value.outcome is Outcome.UNKNOWN
    bench.do("power")
    bench.do("stall", on=False)
    driver.teardown()
    driver.setup()
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(bench)


def test_late_end_is_found_out_and_no_cut_is_wasted(bench):
    """Paper comes back after the job has been given up: it is printed whole, and the printer says so."""
    driver = bench.driver(barrier_timeout_s=4.0)
    bench.do("out_after", lines=5)
    late = replace(slip("张*三", FIRST), key="7")
    assert outcome(driver.print_job(Deadline(0.8), late)) == (Outcome.UNKNOWN, "paper_out")
    assert driver.reset(Deadline(5)).error == "paper_out"
    thread, results = in_background(lambda: driver.await_end(Deadline(GENEROUS_S)))
    bench.do("paper", state="full")
    thread.join(GENEROUS_S)
    assert results[0].value == PrintResult(Outcome.PRINTED, key="7")
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert bench.state["slips"] == 2, "two slips and no blank sheet"
    assert_second_alone(bench)


def test_waiting_for_a_late_end_can_be_given_up(bench):
    driver = bench.driver(barrier_timeout_s=4.0)
    bench.do("out_after", lines=5)
    driver.print_job(Deadline(0.8), slip("张*三", FIRST))
    deadline = Deadline(GENEROUS_S)
    thread, results = in_background(lambda: driver.await_end(deadline))
    threading.Timer(0.3, deadline.canceled.set).start()
    thread.join(GENEROUS_S)
    assert results[0].value.outcome is Outcome.UNKNOWN


def test_printer_that_tells_nothing_and_prints_late(make_bench):
    """Neither status nor patience: only the barrier's late answer says how it ended."""
    bench = make_bench("pty", "--answers", "none")
    driver = bench.driver(status="none", barrier_timeout_s=4.0)
    bench.do("out_after", lines=5)
    assert outcome(driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST))) == (Outcome.UNKNOWN, "no_barrier")
    assert driver.reset(Deadline(0.5)).error == "in_doubt"
    bench.do("paper", state="full")
    assert driver.await_end(Deadline(GENEROUS_S)).value.outcome is Outcome.PRINTED
    assert bench.state["slips"] == 1


def test_answer_to_the_flush_is_not_taken_for_the_lost_job(bench):
    driver = bench.driver(barrier_timeout_s=4.0)
    bench.do("lose", after_bytes=QUESTIONS_BYTES + inside_qr(FIRST))
    driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST))
    bench.do("lose", count=1)
    done = driver.await_end(Deadline(GENEROUS_S))
    assert done.code is Completion.SUCCESS
    assert done.value.outcome is Outcome.UNKNOWN


def test_reset_of_a_fresh_process_cuts_off_what_the_killed_one_left(bench):
    bench.drivers.append(bench.driver(barrier_timeout_s=4.0))
    bench.do("lose", after_bytes=QUESTIONS_BYTES + 2500)
    bench.drivers[0].print_job(Deadline(GENEROUS_S), slip("张*三", FIRST))
    bench.drivers[0].teardown()
    bench.do("lose", count=1)
    driver = bench.driver(barrier_timeout_s=4.0)
    assert driver.reset(Deadline(GENEROUS_S)).ok
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(bench)


def test_nothing_is_sent_to_a_printer_that_is_known_to_be_clean(bench):
    driver = bench.driver()
    assert driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)).ok
    before = bench.state["bytes"]
    assert driver.reset(Deadline(GENEROUS_S)).ok
    assert bench.state["bytes"] == before


def test_without_a_barrier_each_job_is_parted_from_the_one_before(make_bench):
    bench = make_bench("tcp", "--no-barrier")
    driver = bench.driver(barrier="none")
    rest = len(Paper().compose(slip("张*三", FIRST))) - inside_qr(FIRST)
    bench.do("lose", after_bytes=QUESTIONS_BYTES + inside_qr(FIRST), count=rest)
    driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST))
    driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND))
    bench.wait(lambda: any(SECOND in sheet for sheet in bench.papers()))
    assert_second_alone(bench)


def test_big_job_that_stalls_is_flushed_by_a_link_that_was_opened_anew(bench):
    driver = bench.driver(barrier_timeout_s=4.0)
    bench.do("stall", after_bytes=3000)
    # On a busy computer less than 3000 bytes would have left in one second.
    patience_s = times_slower()
    assert outcome(driver.print_job(Deadline(patience_s), big_job())) == (Outcome.UNKNOWN, "stalled")
    assert driver.print_job(Deadline(patience_s), slip("李*四", SECOND)).value.outcome is Outcome.NOT_PRINTED
    driver.teardown()
    bench.do("stall", on=False)
    driver.setup()
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(bench)


# States that come again later are understood at a second look or not at all; here only the barriers' answers matter.
@pytest.mark.parametrize(("gap_ms", "status"), [(0, "dle"), (0, "none"), (20, "none"), (300, "none")])
def test_two_answers_to_the_question_behind_the_flush_do_not_prove_the_lost_job(tcp_bench, gap_ms, status, monkeypatch):
    """A printer that says everything twice: seen as printed, with the half slip on one sheet with the next."""
    # A busy computer says it the second time later than any printer.
    monkeypatch.setattr(talk, "REPEAT_S", talk.REPEAT_S * times_slower())
    driver = tcp_bench.driver(barrier_timeout_s=2.0, status=status)
    tcp_bench.do("double", count=10_000, gap_ms=gap_ms)
    driver.idle()
    rest = len(Paper().compose(slip("张*三", FIRST))) + len(BARRIER) - inside_qr(FIRST)
    questions = QUESTIONS_BYTES if status == "dle" else 0
    tcp_bench.do("lose", after_bytes=questions + inside_qr(FIRST), count=rest)
    assert driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)).value.outcome is Outcome.UNKNOWN
    assert driver.await_end(Deadline(GENEROUS_S)).value.outcome is Outcome.UNKNOWN
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(tcp_bench)


def test_second_answers_to_one_slip_do_not_prove_the_next(tcp_bench):
    """The slips of one visit follow each other at once; what the printer says twice is still on its way."""
    driver = tcp_bench.driver(barrier_timeout_s=2.0, status="none")
    driver.idle()
    tcp_bench.do("double", count=10_000, gap_ms=700)
    assert driver.print_job(Deadline(GENEROUS_S), slip("王*五", "990100000120270112000033")).ok
    rest = len(Paper().compose(slip("张*三", FIRST))) + 2 * len(BARRIER) - inside_qr(FIRST)
    tcp_bench.do("lose", after_bytes=inside_qr(FIRST), count=rest)
    assert driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)).value.outcome is Outcome.UNKNOWN


def test_slip_said_twice_does_not_prove_its_cut(tcp_bench, monkeypatch):
    """The paper still moved to the cutter; what the printer then said of that cut was taken for the next slip's."""
    monkeypatch.setattr(talk, "REPEAT_S", talk.REPEAT_S * times_slower())
    driver = tcp_bench.driver(barrier_timeout_s=GENEROUS_S, status="none")
    driver.idle()
    tcp_bench.do("double", count=10_000, gap_ms=300)
    tcp_bench.do("slow", mm_per_s=10 / times_slower())
    assert driver.print_job(Deadline(GENEROUS_S), PrintJob((Line(FIRST), Cut()))).ok
    assert tcp_bench.state["cuts"] == 1, "said when it was true"
    tcp_bench.do("lose")
    lost = driver.print_job(Deadline(6.0 * times_slower()), PrintJob((Line(SECOND), Cut())))
    assert lost.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", ["dle", "asb", "none"])
def test_one_stray_byte_does_not_prove_a_slip(tcp_bench, status):
    """The break of a printer that loses its power is read as NUL, which is a good answer to GS r."""
    driver = tcp_bench.driver(barrier_timeout_s=4.0, status=status)
    tcp_bench.do("lose", after_bytes=QUESTIONS_BYTES + 1200)
    thread, results = in_background(lambda: driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)))
    thread.join(1.0)
    tcp_bench.do("noise", data="00")
    thread.join(GENEROUS_S)
    assert results[0].value.outcome is Outcome.UNKNOWN


def test_cut_that_a_picture_swallowed_is_missed(tcp_bench):
    """The line ate as many bytes of the last picture as the cut has."""
    driver = tcp_bench.driver(barrier_timeout_s=2.0)
    job = PrintJob((Line(FIRST), Image(_bytes_png(b"\x03" * 72, 64)), Cut()))
    body, cut = Paper().parted(job)
    tcp_bench.do("lose", after_bytes=QUESTIONS_BYTES + len(body) - 200, count=len(cut))
    assert driver.print_job(Deadline(GENEROUS_S), job).value.outcome is Outcome.UNKNOWN
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(tcp_bench)
