"""Flow control: a printer whose buffer is full says so, and nothing follows that it would lose."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
import tty
from typing import Any

import pytest

from devices.contract import Deadline, Permanent, TryAgain
from devices.receipt_printer.driver import EscposPrinter, ReceiptPrinterSettings
from devices.receipt_printer.flow import PACED_BYTES, Line
from devices.receipt_printer.job import Outcome
from devices.receipt_printer.link import SerialLink
from devices.vocabulary import DeviceState
from tests.devices.receipt_printer.test_doubt import FIRST, GENEROUS_S, SECOND, assert_second_alone, slip
from tests.devices.receipt_printer.test_driver import big_job, in_background, outcome

MAY_FOLLOW_BYTES = 256
"""What printers still take after XOFF. On the line may be one piece, and what the emulator has not read yet."""

LINES = {"rtscts": termios.TIOCM_CTS, "dsrdtr": termios.TIOCM_DSR}
SMALL = ("--flow", "xonxoff", "--buffer-bytes", "12288")


@pytest.fixture(params=["tcp", "pty"])
def small(request, make_bench):
    """A printer with a buffer of 12 KB that runs out of paper at the beginning of the next job."""
    bench = make_bench(request.param, *SMALL)
    bench.do("out_after", lines=2)
    return bench


def test_nothing_follows_xoff_and_the_job_goes_on_when_paper_is_back(small):
    driver = small.driver(flow="xonxoff", barrier_timeout_s=20.0)
    thread, results = in_background(lambda: driver.print_job(Deadline(GENEROUS_S), big_job()))
    small.wait(lambda: small.state["xoff"])
    small.wait(lambda: small.statuses and small.status.error == "stalled")
    assert small.status.device is DeviceState.OFFLINE
    state = small.state
    assert state["bytes_after_xoff"] <= MAY_FOLLOW_BYTES
    assert state["lost_bytes"] == 0
    small.do("paper", state="full")
    thread.join(GENEROUS_S)
    assert results[0].ok
    assert small.state["lost_bytes"] == 0
    assert (small.status.device, small.status.error) == (DeviceState.ONLINE, "")


def test_stalled_line_is_named_and_nothing_is_asked_on_it(small):
    driver = small.driver(flow="xonxoff")
    assert outcome(driver.print_job(Deadline(6.0), big_job())) == (Outcome.UNKNOWN, "stalled")
    before = small.state["bytes"]
    driver.idle()
    assert small.status.error == "stalled"
    assert outcome(driver.print_job(Deadline(6.0), slip("李*四", SECOND))) == (Outcome.NOT_PRINTED, "stalled")
    assert small.state["bytes"] == before
    small.do("paper", state="full")
    assert driver.await_end(Deadline(GENEROUS_S)).ok
    assert driver.print_job(Deadline(GENEROUS_S), slip("李*四", SECOND)).ok
    assert_second_alone(small)


def test_flow_control_of_a_printer_that_keeps_up_changes_nothing(make_bench):
    bench = make_bench("pty", *SMALL)
    assert bench.driver(flow="xonxoff").print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)).ok
    assert FIRST in bench.slip()


def test_xon_and_xoff_are_never_an_answer(bench):
    driver = bench.driver()
    bench.do("paper", state="out")
    bench.do("noise", data="111311")
    assert outcome(driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST))) == (Outcome.NOT_PRINTED, "paper_out")


def test_xon_that_was_lost_does_not_keep_the_printer_out_of_service(bench, monkeypatch):
    monkeypatch.setattr("devices.receipt_printer.driver.XON_LOST_S", 2.5)
    driver = bench.driver(flow="xonxoff")
    bench.do("noise", data="13")
    bench.wait(lambda: driver.read_status(Deadline(GENEROUS_S)).value.error == "stalled")
    bench.do("noise", data="91")  # XON with one bit wrong
    bench.wait(lambda: driver._line.lacks_xon(2.5))
    with pytest.raises(TryAgain, match="XON"):
        driver.idle()
    driver.teardown()
    driver.setup()
    assert (bench.status.device, bench.status.error) == (DeviceState.ONLINE, "")
    assert driver.print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)).ok


@pytest.fixture
def modem(monkeypatch):
    """A serial port whose CTS and DSR can be set: pty pairs have no such lines, so the kernel's answer is replaced."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    lines = {"bits": 0}
    original = fcntl.ioctl

    def ioctl(fd: int, request: int, *more: Any) -> Any:
        return struct.pack("I", lines["bits"]) if request == termios.TIOCMGET else original(fd, request, *more)

    monkeypatch.setattr("serial.serialposix.fcntl.ioctl", ioctl)
    yield os.ttyname(slave), master, lines
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("flow", ["rtscts", "dsrdtr"])
def test_modem_line_holds_what_is_sent(modem, flow):
    port, master, lines = modem
    line = Line(SerialLink(port, 115200, rtscts=flow == "rtscts"), flow, 115200)
    line.open()
    try:
        assert line.held
        assert line.write_some(b"a" * 500, 0.2) == 0
        assert not line.write(b"\x10\x04\x01")
        lines["bits"] = LINES[flow]
        assert 0 < line.write_some(b"a" * 500, 5.0) <= PACED_BYTES
        lines["bits"] = 0
        assert line.write_some(b"b" * 500, 0.2) == 0
        assert set(os.read(master, 4096)) == {ord("a")}
    finally:
        line.close()


def test_port_without_modem_lines_is_never_held(make_bench):
    bench = make_bench("pty")
    assert bench.driver(flow="rtscts").print_job(Deadline(GENEROUS_S), slip("张*三", FIRST)).ok


def test_port_that_is_gone_is_not_taken_for_one_without_lines(modem, monkeypatch):
    port, _, _ = modem

    def gone(*_: Any) -> Any:
        raise OSError(errno.EIO, "gone")

    link = SerialLink(port)
    link.open()
    monkeypatch.setattr("serial.serialposix.fcntl.ioctl", gone)
    with pytest.raises(Exception, match=r"OSError|hung up"):
        link.may_send("rtscts")
    link.close()


@pytest.mark.parametrize(("transport", "flow"), [("tcp", "rtscts"), ("usb", "xonxoff"), ("cups", "dsrdtr")])
def test_flow_that_a_transport_does_not_have_is_refused_at_the_start(transport, flow):
    settings = ReceiptPrinterSettings(driver="escpos", transport=transport, host="h", port="1:2", flow=flow)
    with pytest.raises(Permanent, match="flow"):
        EscposPrinter(settings, lambda _: None)
