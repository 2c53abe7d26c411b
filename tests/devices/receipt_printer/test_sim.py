"""The simulated printer for foreign hosts: answers and paper as the reference page describes them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from devices.simulation import SimError
from tests.waiting import HANG_S


@pytest.fixture
def bench(tcp_bench):
    return tcp_bench


@pytest.fixture
def host(bench):
    with socket.create_connection((bench.ready["host"], bench.ready["tcp_port"])) as connection:
        connection.settimeout(HANG_S)
        yield connection


def ask(host, request, count=1):
    host.sendall(request)
    answer = b""
    while len(answer) < count:
        answer += host.recv(count - len(answer))
    return answer


def answers(host):
    return b"".join(ask(host, bytes((0x10, 4, n))) for n in (1, 2, 3, 4))


def test_status_bytes_of_every_state(bench, host):
    assert answers(host) == b"\x12\x12\x12\x12"
    bench.do("paper", state="low")
    assert answers(host) == b"\x12\x12\x12\x1e"
    bench.do("paper", state="out")
    assert answers(host) == b"\x1a\x32\x12\x7e"
    bench.do("paper", state="full")
    bench.do("cover", state="open")
    assert answers(host) == b"\x1a\x16\x12\x12"
    bench.do("cover", state="closed")
    bench.do("jam")
    assert answers(host) == b"\x1a\x52\x1a\x12"
    host.sendall(b"\x10\x05\x01")  # DLE ENQ 1: recover
    assert answers(host) == b"\x12\x12\x12\x12"


def test_receiptline_host_prints_chinese(bench, host):
    """As receiptio does it: automatic status, own way into Chinese mode, cut, barrier."""
    assert ask(host, b"\x10\x04\x02") == b"\x12"
    assert ask(host, b"\x1b@\x1da\xff", 4) == b"\x10\x00\x00\x00"
    host.sendall(b"\x1c.\x1bt\x00\x1c&" + "公安自助".encode("gb18030") + b"\n")
    assert ask(host, b"\x1dVB\x00\x1dr1") == b"\x00"
    assert bench.slip() == "公安自助\n"
    assert bench.state["unknown_commands"] == {}
    bench.do("cover", state="open")
    assert host.recv(4) == b"\x38\x00\x00\x00"


def test_status_is_answered_at_once_while_the_printer_stands(bench, host):
    bench.do("paper", state="out")
    host.sendall("等纸\n".encode("gbk") + b"\x1dV\x00\x1dr\x01")
    assert ask(host, b"\x10\x04\x04") == b"\x7e"
    assert bench.state["slips"] == 0
    bench.do("paper", state="full")
    assert host.recv(1) == b"\x00"  # GS r in its order, after the paper
    assert bench.slip() == "等纸\n"


def test_real_time_command_inside_a_picture(bench, host):
    raster = b"\x1dv0\x00\x03\x00\x01\x00\x10\x04\x01"
    assert ask(host, raster) == b"\x12"
    assert bench.state["real_time_in_data"] == 1


def test_ideal_printer_takes_it_as_data(make_bench):
    bench = make_bench("tcp", "--no-real-time-in-data")
    with socket.create_connection((bench.ready["host"], bench.ready["tcp_port"])) as host:
        host.settimeout(HANG_S)
        assert ask(host, b"\x1dv0\x00\x03\x00\x01\x00\x10\x04\x01\x1dr\x01") == b"\x00"
        assert bench.state["real_time_in_data"] == 0


def test_unknown_commands_are_counted_not_fatal(bench, host):
    host.sendall(b"\x1b\x7f\x1d\x7fok\n\x1dV\x00")
    assert ask(host, b"\x1dr\x01") == b"\x00"
    assert bench.slip() == "ok\n"
    assert bench.state["unknown_commands"] == {"1b 7f": 1, "1d 7f": 1}


def test_four_byte_codes_print_as_garbage(bench, host):
    host.sendall("𠮷\n".encode("gb18030") + b"\x1dV\x00")
    ask(host, b"\x1dr\x01")
    assert bench.state["garbled_characters"] == 1


def test_native_qr_and_code128_can_be_read_from_the_picture(bench, host):
    def qr(function, data):
        return b"\x1d(k" + (len(data) + 2).to_bytes(2, "little") + b"1" + bytes((function,)) + data

    host.sendall(b"\x1ba\x01" + qr(67, b"\x06") + qr(69, b"1") + qr(80, b"0" + "进度".encode()) + qr(81, b"0"))
    host.sendall(b"\x1bd\x02\x1dh\x50\x1dw\x02\x1dH\x00\x1dkI\x06{BAB12" + b"\x1dVA\x10")
    ask(host, b"\x1dr\x01")
    picture = Image.open(bench.slip_path(1, "png")).convert("RGB")
    assert {(c.format.name, c.text) for c in zxingcpp.read_barcodes(picture)} == {
        ("QRCode", "进度"),
        ("Code128", "AB12"),
    }
    assert "[QR 进度]" in bench.slip()


def test_identity_is_told(bench, host):
    assert ask(host, b"\x1dIB", 9) == b"_TONGBAN\x00"


def test_control_socket_names_wrong_words(bench):
    with pytest.raises(SimError, match="full, low, out"):
        bench.do("paper", state="plenty")
    assert {"paper", "out_after", "cover", "silent", "unplug", "replug", "slips"} <= set(bench.do("help")["verbs"])


def test_unplugged_serial_link_vanishes_and_comes_back(pty_bench):
    link = Path(pty_bench.ready["port"])
    pty_bench.do("unplug")
    assert not link.exists()
    pty_bench.do("replug")
    assert link.exists()
