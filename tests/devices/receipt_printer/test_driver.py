"""The driver against the simulated printer on the real wire: what may be said about the paper, and when."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from devices.contract import Deadline, Permanent, TryAgain
from devices.receipt_printer.driver import EscposPrinter, ReceiptPrinterSettings
from devices.receipt_printer.job import Cut, Image, Line, Outcome, PrintJob, PrintResult, Qr, result_of
from devices.supervisor import Supervisor
from devices.vocabulary import Completion, DeviceState, SupplyState
from tests.waiting import HANG_S, times_slower

JOB_BEGUN = 30  # set-up and refusal ask four questions of three bytes each
HELLO = PrintJob((Line("你好"), Cut()))


def outcome(done):
    return done.value.outcome, done.error


def in_background(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    return thread, results


def test_job_is_printed_when_the_printer_says_so(bench):
    done = bench.driver().print_job(Deadline(5), HELLO)
    assert done.ok
    assert done.value == PrintResult(Outcome.PRINTED)
    assert bench.slip() == "你好\n"


def test_paper_out_before_the_job_nothing_is_sent(bench):
    driver = bench.driver()
    bench.do("paper", state="out")
    sent = bench.state["bytes"]
    done = driver.print_job(Deadline(5), HELLO)
    assert outcome(done) == (Outcome.NOT_PRINTED, "paper_out")
    assert bench.status.supply is SupplyState.OUT
    assert bench.state["bytes"] - sent <= 12  # four status requests, no text
    bench.do("paper", state="full")
    assert driver.print_job(Deadline(HANG_S), HELLO).ok
    assert bench.state["slips"] == 1


def test_cover_open_before_the_job_nothing_is_sent(bench):
    driver = bench.driver()
    bench.do("cover", state="open")
    assert outcome(driver.print_job(Deadline(5), HELLO)) == (Outcome.NOT_PRINTED, "cover_open")
    assert bench.status.device is DeviceState.USER_ERROR


def test_paper_out_during_the_job_and_nobody_comes(bench, long_job):
    driver = bench.driver(barrier_timeout_s=0.5)
    bench.do("out_after", lines=5)
    done = driver.print_job(Deadline(1.2), long_job)
    assert outcome(done) == (Outcome.UNKNOWN, "paper_out")
    assert bench.status.supply is SupplyState.OUT
    assert bench.state["slips"] == 0


def test_paper_out_during_the_job_goes_on_after_the_refill(bench, long_job):
    driver = bench.driver(barrier_timeout_s=0.5)
    bench.do("out_after", lines=5)
    thread, results = in_background(lambda: driver.print_job(Deadline(10), long_job))
    bench.wait(lambda: bench.statuses and bench.status.supply is SupplyState.OUT)
    bench.do("paper", state="full")
    thread.join(HANG_S)
    assert results[0].ok
    assert bench.slip().splitlines()[-1].strip() == "第 20 行"
    assert bench.state["slips"] == 1


def test_late_answer_to_an_older_job_is_not_taken_for_the_next_one(bench, long_job):
    driver = bench.driver(barrier_timeout_s=0.5)
    bench.do("out_after", lines=5)
    assert driver.print_job(Deadline(0.8), long_job).value.outcome is Outcome.UNKNOWN
    bench.do("paper", state="full")  # the old job is printed now, and its barrier answered
    bench.wait(lambda: bench.state["slips"] == 1)
    bench.do("out_after", lines=5)
    done = driver.print_job(Deadline(1.6), long_job)
    assert outcome(done) == (Outcome.UNKNOWN, "paper_out")
    assert bench.state["slips"] == 1


def test_paper_out_after_the_job_is_a_supply_matter(bench):
    driver = bench.driver()
    assert driver.print_job(Deadline(HANG_S), HELLO).ok
    bench.do("paper", state="out")
    driver.idle()
    assert (bench.status.supply, bench.status.error) == (SupplyState.OUT, "paper_out")


def test_paper_low_still_prints(bench):
    driver = bench.driver()
    bench.do("paper", state="low")
    assert driver.print_job(Deadline(HANG_S), HELLO).ok
    assert bench.status.supply is SupplyState.LOW


def test_cutter_jams_during_the_job(bench):
    driver = bench.driver(barrier_timeout_s=0.5)
    bench.do("slow", mm_per_s=20)
    thread, results = in_background(lambda: driver.print_job(Deadline(5), HELLO))
    bench.wait(lambda: bench.state["bytes"] > JOB_BEGUN)
    bench.do("jam")
    thread.join(HANG_S)
    assert outcome(results[0]) == (Outcome.UNKNOWN, "jammed")
    assert bench.status.supply is SupplyState.JAMMED


def test_silent_printer_gets_nothing_and_is_lost(bench):
    driver = bench.driver()
    bench.do("silent")
    done = driver.print_job(Deadline(5), HELLO)
    assert outcome(done) == (Outcome.NOT_PRINTED, "silent")
    with pytest.raises(TryAgain):
        driver.idle()


def test_printer_goes_silent_after_the_job_was_sent(bench):
    driver = bench.driver(barrier_timeout_s=0.5)
    bench.do("slow", mm_per_s=30)
    thread, results = in_background(lambda: driver.print_job(Deadline(8), HELLO))
    bench.wait(lambda: bench.state["bytes"] > JOB_BEGUN)
    bench.do("silent")
    thread.join(HANG_S)
    assert outcome(results[0]) == (Outcome.UNKNOWN, "no_barrier")
    bench.wait(lambda: bench.state["slips"] == 1)  # it did print: only nobody can say so


def test_lost_answer_does_not_spoil_the_next_job(bench):
    driver = bench.driver(barrier_timeout_s=0.5)
    bench.do("slow", mm_per_s=30)
    thread, results = in_background(lambda: driver.print_job(Deadline(3), HELLO))
    bench.wait(lambda: bench.state["bytes"] > JOB_BEGUN)
    bench.do("silent")
    thread.join(HANG_S)
    assert results[0].value.outcome is Outcome.UNKNOWN
    bench.wait(lambda: bench.state["slips"] == 1)
    bench.do("silent", on=False)
    bench.do("slow", mm_per_s=0)
    bench.await_answers_of(driver)
    assert driver.print_job(Deadline(HANG_S), HELLO).ok
    assert bench.papers() == ["你好\n", "\n", "你好\n"], "nobody knew what hung there: it was cut off"


def test_garbled_answers_never_mean_printed(bench):
    driver = bench.driver(barrier_timeout_s=0.5)
    bench.do("slow", mm_per_s=30)
    thread, results = in_background(lambda: driver.print_job(Deadline(8), HELLO))
    bench.wait(lambda: bench.state["bytes"] > JOB_BEGUN)
    bench.do("garble", count=100)
    thread.join(HANG_S)
    assert results[0].value.outcome is Outcome.UNKNOWN


def test_one_garbled_status_is_asked_again(bench):
    driver = bench.driver()
    bench.do("garble", count=1)
    assert driver.print_job(Deadline(HANG_S), HELLO).ok


def test_unplugged_in_the_middle_of_a_job_then_plugged_in_again(bench):
    driver = bench.driver()
    bench.do("slow", mm_per_s=60)
    job = PrintJob((Image(_noise_png(576, 900)), Cut()))
    thread, results = in_background(lambda: driver.print_job(Deadline(8), job))
    bench.wait(lambda: bench.state["bytes"] > 2000)
    bench.do("unplug")
    thread.join(HANG_S)
    assert outcome(results[0]) == (Outcome.UNKNOWN, "unplugged")
    with pytest.raises(TryAgain):
        driver.idle()
    with pytest.raises(TryAgain):
        driver.setup()
    driver.teardown()
    bench.do("power")
    bench.do("slow", mm_per_s=0)
    bench.do("replug")
    driver.setup()
    assert driver.print_job(Deadline(8), HELLO).ok
    assert "你好" in bench.slip(bench.state["slips"])


def big_job():
    return PrintJob((Image(_noise_png(576, 2000)), Cut()))


def test_broken_off_picture_does_not_swallow_the_next_slip(bench):
    driver = bench.driver()
    bench.do("stall", after_bytes=3000)
    done = driver.print_job(Deadline(1.0), big_job())
    assert outcome(done) == (Outcome.UNKNOWN, "stalled")
    with pytest.raises(TryAgain):
        driver.idle()
    driver.teardown()
    bench.do("stall", on=False)
    bench.wait(lambda: not bench.state["buffered_bytes"])
    driver.setup()
    assert driver.print_job(Deadline(8), HELLO).ok
    assert "你好" in bench.slip(bench.state["slips"]).splitlines()


def test_peer_that_stops_reading_ends_at_the_deadline(bench):
    driver = bench.driver()
    bench.do("stall", after_bytes=3000)
    deadline = Deadline(1.0)
    done = driver.print_job(deadline, big_job())
    assert done.code is Completion.TIME_OUT
    assert deadline.over


def test_canceled_job_ends_early(bench):
    driver = bench.driver()
    bench.do("stall", after_bytes=3000)
    deadline = Deadline(60.0)
    thread, results = in_background(lambda: driver.print_job(deadline, big_job()))
    bench.wait(lambda: bench.state["stalled"])
    deadline.canceled.set()
    thread.join(3 * times_slower())
    assert results[0].code is Completion.CANCELED
    assert results[0].value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("stale", ["12", "00", "1212", "7a"])
def test_stale_bytes_are_not_the_answer(bench, stale):
    driver = bench.driver()
    bench.do("paper", state="out")
    bench.do("noise", data=stale)
    assert outcome(driver.print_job(Deadline(5), HELLO)) == (Outcome.NOT_PRINTED, "paper_out")


def test_noise_while_printing_is_not_the_barrier(bench):
    driver = bench.driver(barrier_timeout_s=0.5)
    bench.do("slow", mm_per_s=30)
    thread, results = in_background(lambda: driver.print_job(Deadline(3), HELLO))
    bench.wait(lambda: bench.state["bytes"] > JOB_BEGUN)
    bench.do("silent")
    bench.do("noise", data="12929293111381")
    thread.join(HANG_S)
    assert results[0].value.outcome is Outcome.UNKNOWN


def test_half_answered_status_is_unknown_not_plenty(make_bench):
    bench = make_bench("tcp", "--answers", "1")
    driver = bench.driver()
    assert (bench.status.device, bench.status.supply) == (DeviceState.ONLINE, SupplyState.UNKNOWN)
    assert driver.print_job(Deadline(HANG_S), HELLO).ok
    bench.do("paper", state="out")
    assert outcome(driver.print_job(Deadline(5), HELLO)) == (Outcome.NOT_PRINTED, "offline")


def test_printer_that_answers_no_status_is_refused_with_dle_and_taken_with_none(make_bench):
    bench = make_bench("tcp", "--answers", "none")
    with pytest.raises(TryAgain):
        bench.driver()
    bench.drivers[0].teardown()
    driver = bench.driver(status="none")
    assert bench.status.supply is SupplyState.UNKNOWN
    assert driver.print_job(Deadline(HANG_S), HELLO).ok


def test_without_a_barrier_nothing_is_ever_called_printed(make_bench):
    bench = make_bench("tcp", "--no-barrier")
    assert outcome(bench.driver(barrier_timeout_s=0.5).print_job(Deadline(5), HELLO)) == (Outcome.UNKNOWN, "no_barrier")
    bench.drivers[0].teardown()
    done = bench.driver(barrier="none").print_job(Deadline(5), HELLO)
    assert outcome(done) == (Outcome.UNKNOWN, "no_barrier")
    bench.wait(lambda: bench.state["slips"] == 2)


def test_automatic_status_tells_paper_and_cover(bench, long_job):
    driver = bench.driver(status="asb", barrier_timeout_s=0.5)
    assert bench.status.supply is SupplyState.FULL
    assert driver.print_job(Deadline(HANG_S), HELLO).ok
    bench.do("paper", state="low")
    driver.idle()
    assert bench.status.supply is SupplyState.LOW
    bench.do("cover", state="open")
    assert outcome(driver.print_job(Deadline(5), HELLO)) == (Outcome.NOT_PRINTED, "cover_open")
    bench.do("cover", state="closed")
    bench.do("paper", state="full")
    bench.do("out_after", lines=5)
    assert outcome(driver.print_job(Deadline(1.2), long_job)) == (Outcome.UNKNOWN, "paper_out")


def test_nothing_is_asked_between_first_byte_and_barrier(make_bench, long_job):
    bench = make_bench("tcp")
    driver = bench.driver()
    before = bench.state["real_time"]
    bench.do("slow", mm_per_s=300)
    assert driver.print_job(Deadline(8), long_job).ok
    assert bench.state["real_time"] - before == 8  # DLE EOT 1-4 before the job and after its barrier
    assert bench.state["real_time_in_data"] == 0


def test_no_picture_ever_asks_the_printer_for_its_status(make_bench):
    bench = make_bench("tcp")
    driver = bench.driver()
    dangerous = Image(_bytes_png(b"\x10\x04\x01\x10\x04\x02\x10\x05\x01\x10\x14\x08" * 6, 70))
    assert driver.print_job(Deadline(8), PrintJob((dangerous, Qr("1604" * 20), Cut()))).ok
    assert bench.state["real_time_in_data"] == 0
    assert bench.state["unknown_commands"] == {}


def test_self_test_prints_its_pattern(bench):
    assert bench.driver().self_test(Deadline(8)).ok
    assert "ESC/POS" in bench.slip()


def test_read_status_completes_with_the_words_of_the_house(bench):
    driver = bench.driver()
    bench.do("paper", state="low")
    assert driver.read_status(Deadline(2)).value.supply is SupplyState.LOW


def test_wrong_settings_are_named():
    settings = ReceiptPrinterSettings(driver="escpos", transport="tcp")
    with pytest.raises(Permanent, match="host"):
        EscposPrinter(settings, lambda _: None)
    cups = ReceiptPrinterSettings(driver="escpos", transport="cups", port="slips")
    with pytest.raises(Permanent, match="barrier"):
        EscposPrinter(cups, lambda _: None)


def test_completion_without_the_driver_still_says_what_is_known(bench):
    done = bench.driver().print_job(Deadline(5), HELLO)
    assert result_of(done).outcome is Outcome.PRINTED
    assert result_of(replace(done, value=None, code=Completion.DEVICE_NOT_READY)).outcome is Outcome.NOT_PRINTED
    assert result_of(replace(done, value=None, code=Completion.TIME_OUT)).outcome is Outcome.UNKNOWN
    lost = replace(done, value=None, code=Completion.DEVICE_NOT_READY, begun=True)
    assert result_of(lost).outcome is Outcome.UNKNOWN


def _noise_png(width, height):
    import random

    return _bytes_png(random.Random(1).randbytes(width // 8), height)


def _bytes_png(row, height):
    import io

    from PIL import Image as Pictures
    from PIL import ImageOps

    out = io.BytesIO()
    picture = Pictures.frombytes("1", (len(row) * 8, height), row * height).convert("L")
    ImageOps.invert(picture).save(out, "PNG")
    return out.getvalue()


def test_stray_byte_in_flight_does_not_shift_the_answers():
    """A foreign printer that is out of paper: a byte "all is well" arrives between question and answer, once."""
    listener = socket.create_server(("127.0.0.1", 0))
    answers = {1: 0x1A, 2: 0x32, 3: 0x12, 4: 0x7E}

    def serve():
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = 0
        while request := peer.recv(3):
            if asked == 4:
                peer.send(b"\x12")
            threading.Event().wait(0.01)  # so that each byte is read alone
            peer.send(bytes((answers[request[2]],)))
            asked += 1
        peer.close()

    thread = threading.Thread(target=serve)
    thread.start()
    settings = ReceiptPrinterSettings(
        driver="escpos", transport="tcp", host="127.0.0.1", tcp_port=listener.getsockname()[1]
    )
    driver = EscposPrinter(settings, lambda _: None)
    driver.setup()
    assert outcome(driver.print_job(Deadline(5), HELLO)) == (Outcome.NOT_PRINTED, "paper_out")
    driver.teardown()
    thread.join(HANG_S)
    listener.close()


@pytest.mark.parametrize(
    ("told", "reason"),
    [({2: 0x16}, "cover_open"), ({3: 0x1A}, "jammed"), ({2: 0x52}, "printer_error"), ({1: 0x1A}, "offline")],
    ids=["cover", "cutter", "error", "offline"],
)
def test_what_the_printer_says_behind_the_job_may_have_kept_the_slip_in_it(told, reason):
    """A foreign printer that answers the barrier, and says in the same moment that something is wrong."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        peer, _ = listener.accept()
        answers, heard = dict.fromkeys(range(1, 5), 0x12), b""
        while data := peer.recv(4096):
            heard += data
            while found := re.search(rb"\x10\x04([\x01-\x04])|\x1dr\x01", heard, re.DOTALL):
                heard = heard[found.end() :]
                if found[1] is None:
                    answers |= told
                peer.send(bytes((answers[found[1][0]] if found[1] else 0,)))
        peer.close()

    thread = threading.Thread(target=serve)
    thread.start()
    settings = ReceiptPrinterSettings(
        driver="escpos", transport="tcp", host="127.0.0.1", tcp_port=listener.getsockname()[1]
    )
    driver = EscposPrinter(settings, lambda _: None)
    driver.setup()
    assert outcome(driver.print_job(Deadline(10), HELLO)) == (Outcome.UNKNOWN, reason)
    driver.teardown()
    thread.join(HANG_S)
    listener.close()


def test_job_that_cannot_be_drawn_is_refused_whole(tcp_bench):
    driver = tcp_bench.driver()
    done = driver.print_job(Deadline(5), PrintJob((Line("a"), Image(b"no picture"), Cut())))
    assert (done.code, done.value.outcome) == (Completion.INVALID_DATA, Outcome.NOT_PRINTED)
    assert driver.print_job(Deadline(HANG_S), HELLO).ok
    assert tcp_bench.slip() == "你好\n"


def test_supervised_printer_comes_back_after_the_cable(bench):
    statuses = []
    supervisor = Supervisor(
        "receipt_printer",
        lambda publish: EscposPrinter(bench.settings(), publish),
        on_status=lambda _, status: statuses.append(status),
        now=lambda: datetime.now(UTC),
        backoff_base_s=0.05,
        backoff_cap_s=0.1,
    )
    supervisor.start()
    try:
        bench.wait(lambda: supervisor.status.device is DeviceState.ONLINE)
        assert supervisor.submit("print_job", 5.0, job=HELLO).future.result(8).ok
        bench.do("unplug")
        bench.wait(lambda: supervisor.status.device is DeviceState.NO_DEVICE)
        refused = supervisor.submit("print_job", 5.0, job=HELLO).future.result(8)
        assert result_of(refused).outcome is Outcome.NOT_PRINTED
        bench.do("replug")
        bench.wait(lambda: supervisor.status.device is DeviceState.ONLINE)
        assert supervisor.submit("print_job", 5.0, job=HELLO).future.result(8).ok
        assert bench.state["slips"] == 2
    finally:
        supervisor.stop()
