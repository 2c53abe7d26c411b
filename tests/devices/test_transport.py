"""Serial ports that vanish and TCP peers that hang up, on real ptys and sockets."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.contract import Permanent, TryAgain
from devices.simulation import ControlClient, PtyPort, SimError, SimServer
from devices.transport import SerialTransport, TcpTransport


@pytest.fixture
def port(tmp_path: Path) -> Iterator[PtyPort]:
    port = PtyPort(link=tmp_path / "port")
    yield port
    port.close()


@pytest.fixture
def line(port: PtyPort) -> Iterator[SerialTransport]:
    line = SerialTransport(port.path, 115200, write_timeout_s=0.2)
    line.open()
    yield line
    line.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_bytes_both_ways(port: PtyPort, line: SerialTransport) -> None:
    line.write(b"\x00\x03\x11\x13\xff\r\n")
    assert port.read(1.0) == b"\x00\x03\x11\x13\xff\r\n"
    port.write(b"\x00\x11\x13\xff\r\n\x04")
    assert line.read_some(1.0) == b"\x00\x11\x13\xff\r\n\x04"
    assert line.read_some(0.0) == b""


def test_reset_input_forgets_what_came(port: PtyPort, line: SerialTransport) -> None:
    port.write(b"old")
    assert line.read_some(1.0)[:1] == b"o"
    port.write(b"older")
    line.reset_input()
    port.write(b"new")
    assert line.read_some(1.0) == b"new"


def test_host_speed_is_seen_at_the_device(port: PtyPort, line: SerialTransport) -> None:
    assert port.host_baudrate == 115200
    line.baudrate = 9600
    line.open()
    assert port.host_baudrate == 9600


@pytest.mark.parametrize("touch", ["read_some", "write", "reset_input"])
def test_unplugged_is_one_fault_whatever_is_tried(port: PtyPort, line: SerialTransport, touch: str) -> None:
    port.unplug()
    arguments: dict[str, tuple[Any, ...]] = {"read_some": (0.5,), "write": (b"x",), "reset_input": ()}
    with pytest.raises(TryAgain) as fault:
        getattr(line, touch)(*arguments[touch])
    assert fault.value.error == "unplugged"
    line.close()
    line.close()


def test_unplugged_while_waiting_wakes_the_reader(port: PtyPort, line: SerialTransport) -> None:
    threading.Timer(0.1, port.unplug).start()
    with pytest.raises(TryAgain) as fault:
        line.read_some(20)
    assert fault.value.error == "unplugged"


def test_link_is_followed_anew_at_every_open(port: PtyPort, line: SerialTransport) -> None:
    before = Path(port.path).resolve()
    held = os.open(before, os.O_RDWR | os.O_NOCTTY)  # so that the number is not given again
    port.unplug()
    with pytest.raises(TryAgain) as fault:
        line.open()
    assert fault.value.error == "no_device"
    port.plug()
    assert Path(port.path).resolve() != before
    line.open()
    line.write(b"hello")
    assert port.read(1.0) == b"hello"
    os.close(held)


def test_second_program_gets_a_clean_refusal(port: PtyPort, line: SerialTransport) -> None:
    with pytest.raises(TryAgain) as fault:
        SerialTransport(port.path).open()
    assert fault.value.error == "port_busy"


def test_device_that_takes_no_bytes_does_not_hang_the_writer(line: SerialTransport) -> None:
    with pytest.raises(TryAgain) as fault:
        line.write(bytes(200_000))
    assert fault.value.error == "write_timeout"


def test_impossible_speed_is_permanent(port: PtyPort) -> None:
    with pytest.raises(Permanent):
        SerialTransport(port.path, -1).open()


def test_not_open_is_a_fault_not_a_crash() -> None:
    with pytest.raises(TryAgain):
        SerialTransport("/dev/nothing").read_some(0)
    with pytest.raises(TryAgain):
        TcpTransport("127.0.0.1", 1).write(b"x")


def test_paced_port_never_outruns_its_line(tmp_path: Path) -> None:
    port = PtyPort(baudrate=115200, link=tmp_path / "slow")
    line = SerialTransport(port.path)
    line.open()
    sender = threading.Thread(target=port.write, args=(bytes(1000),))
    began = time.monotonic()
    sender.start()
    read = 0
    while read < 1000:
        read += len(line.read_some(1.0))
        assert read <= (time.monotonic() - began) * 11520 + 1, "ten bits a byte"
    sender.join()
    line.close()
    port.close()


def test_tcp_bytes_both_ways_and_hang_up(listener: socket.socket) -> None:
    line = TcpTransport(*listener.getsockname())
    line.open()
    peer, _ = listener.accept()
    line.write(b"to you")
    assert peer.recv(100) == b"to you"
    peer.sendall(b"stale")
    assert line.read_some(1.0) == b"stale"
    peer.close()
    with pytest.raises(TryAgain) as fault:
        line.read_some(1.0)
    assert fault.value.error == "unplugged"
    line.close()
    line.close()


def test_tcp_nobody_listens(listener: socket.socket) -> None:
    address = listener.getsockname()
    listener.close()
    with pytest.raises(TryAgain) as fault:
        TcpTransport(*address).open()
    assert fault.value.error == "no_device"


def test_tcp_peer_that_stops_reading_does_not_hang_the_writer(listener: socket.socket) -> None:
    line = TcpTransport(*listener.getsockname(), write_timeout_s=0.2)
    line.open()
    peer, _ = listener.accept()
    with pytest.raises(TryAgain) as fault:
        line.write(bytes(50_000_000))
    assert fault.value.error == "write_timeout"
    peer.close()
    line.close()


def test_control_socket_answers_refuses_and_explains(tmp_path: Path) -> None:
    def place(card: str) -> dict[str, str]:
        """Lay a card down."""
        if card != "li":
            raise SimError("nobody is called so")
        return {"placed": card}

    server = SimServer(tmp_path / "control", {"place": place}, lambda: {"busy": False})
    server.start()
    client = ControlClient(tmp_path / "control")
    assert client.do("place", card="li") == {"placed": "li"}
    assert client.do("state") == {"busy": False}
    assert "Lay a card down" in client.do("help")["verbs"]["place"]
    for verb, arguments in (("place", {"card": "x"}), ("place", {}), ("dance", {}), ("place", {"card": "li", "x": 1})):
        with pytest.raises(SimError):
            client.do(verb, **arguments)
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(tmp_path / "control"))
        raw.sendall(b"nonsense\n[1]\n")
        assert raw.makefile("rb").readline().startswith(b'{"ok": false')
    assert client.do("state") == {"busy": False}
    client.close()
    server.close()
