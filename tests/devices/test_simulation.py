"""The control socket and the pty that every emulator shares: what a strange request gets, what a pulled cable does."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.simulation import ControlClient, PtyPort, SimError, SimServer, control_path
from tests.waiting import HANG_S, eventually

ROOT = Path(__file__).resolve().parents[2]

_ENDED_AT_EACH_STEP = """
import os, signal, sys, threading
from pathlib import Path
from devices.simulation import SimServer

class Ready:
    # From the word "ready" on, the signal comes before the n-th line that this thread runs.
    def write(self, said): pass
    def flush(self):
        def tracer(frame, event, arg):
            if event == "line":
                self.left -= 1
                if self.left == 0:
                    signal.raise_signal(signal.SIGTERM)
            return tracer
        sys._getframe(1).f_trace = tracer
        sys.settrace(tracer)

said = sys.stdout
sys.stdout = Ready()
for step in range(1, 60):
    sys.stdout.left = step
    late = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    late.start()
    assert SimServer(Path(sys.argv[1]), {}, dict).run("toy") == 0
    sys.settrace(None)
    late.cancel()
    if sys.stdout.left > 0:
        break
sys.stdout = said
print(step)
"""


class Toy:
    """Something to operate."""

    def __init__(self) -> None:
        self.level = 0

    def turn(self, to: int, fast: bool = False) -> dict[str, Any]:
        """Turn the knob to a level. More words that help does not show."""
        if to > 9:
            raise SimError("the knob ends at 9")
        self.level = to
        return {"fast": fast}

    def off(self) -> None:
        """Switch off."""
        self.level = 0

    def state(self) -> dict[str, Any]:
        return {"level": self.level, "where": Path("/dev/toy")}


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[tuple[Toy, ControlClient, SimServer]]:
    made = Toy()
    server = SimServer(tmp_path / "deep" / "toy.control", {"turn": made.turn, "off": made.off}, made.state)
    server.start()
    client = ControlClient(server.control)
    yield made, client, server
    client.close()
    server.close()


def test_verbs_are_done_and_answered(toy: Any) -> None:
    made, client, _ = toy
    assert client.do("turn", to=3) == {"fast": False}
    assert client.do("turn", to=4, fast=True) == {"fast": True}
    assert client.do("state") == {"level": 4, "where": "/dev/toy"}
    assert client.do("off") == {}
    assert made.level == 0


def test_help_names_every_verb_with_its_arguments_and_first_sentence(toy: Any) -> None:
    _, client, _ = toy
    verbs = client.do("help")["verbs"]
    assert set(verbs) == {"turn", "off", "state", "help"}
    assert verbs["turn"] == "(to: 'int', fast: 'bool' = False) Turn the knob to a level"
    assert verbs["off"] == "() Switch off"


@pytest.mark.parametrize(
    ("verb", "arguments", "says"),
    [
        ("turn", {"to": 10}, "the knob ends at 9"),
        ("turn", {}, "missing a required argument"),
        ("turn", {"to": 1, "how": "slowly"}, "unexpected keyword"),
        ("jump", {}, "not a request"),
        ("__class__", {}, "not a request"),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_next_request_is_served(
    toy: Any, verb: str, arguments: dict[str, Any], says: str
) -> None:
    made, client, _ = toy
    with pytest.raises(SimError, match=says):
        client.do(verb, **arguments)
    client.do("turn", to=2)
    assert made.level == 2


@pytest.mark.parametrize("line", [b"nonsense\n", b"[]\n", b"7\n", b'{"to": 1}\n', b"\xff\xfe\n", b'{"do": ["turn"]}\n'])
def test_line_that_is_no_request_ends_nothing(toy: Any, line: bytes) -> None:
    _, client, server = toy
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(server.control))
        with peer.makefile("rwb") as lines:
            lines.write(line + b'{"do": "state"}\n')
            lines.flush()
            first, second = json.loads(lines.readline()), json.loads(lines.readline())
    assert first["ok"] is False
    assert "not a request" in first["error"]
    assert second["ok"] is True
    assert client.do("state")["level"] == 0


def test_several_clients_are_served_at_once_and_one_after_the_other(toy: Any) -> None:
    made, _, server = toy
    clients = [ControlClient(server.control) for _ in range(4)]
    threads = [threading.Thread(target=c.do, args=("turn",), kwargs={"to": n}) for n, c in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made.level in range(4)
    for client in clients:
        assert client.do("state")["level"] == made.level
        client.close()


def test_client_connects_again_and_says_when_the_sim_is_gone(toy: Any) -> None:
    made, client, server = toy
    client.do("turn", to=5)
    client.close()
    assert client.do("state")["level"] == 5
    server.close()
    assert not server.control.exists()
    client.close()
    with pytest.raises(OSError, match=r"."):
        client.do("state")
    assert made.level == 5


def test_socket_file_of_a_dead_sim_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "old.control"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = SimServer(path, {}, lambda: {"new": True})
    server.start()
    client = ControlClient(path)
    assert client.do("state") == {"new": True}
    client.close()
    server.close()


def test_control_path_is_the_wanted_one_or_fresh_each_time() -> None:
    assert control_path("/run/x.control", "toy") == Path("/run/x.control")
    one, other = control_path(None, "toy"), control_path(None, "toy")
    assert one != other
    assert (one.name, one.parent.is_dir()) == ("toy.control", True)


def test_an_emulator_without_a_wanted_place_leaves_nothing_in_the_folder_for_temporary_files() -> None:
    command = [sys.executable, "-m", "devices.id_card_reader.sim"]
    # Not pytest's own: a socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="tb-") as folder:
        with subprocess.Popen(command, env={**os.environ, "TMPDIR": folder}, stdout=subprocess.PIPE) as sim:
            assert sim.stdout is not None
            control = Path(json.loads(sim.stdout.readline())["control"])
            assert control.parent.parent == Path(folder)
            assert control.exists()
            sim.terminate()
        assert sim.returncode == 0
        assert list(Path(folder).iterdir()) == []


# -- the pty -------------------------------------------------------------------------------------------------------


def host(port: PtyPort) -> int:
    return os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


def test_bytes_go_both_ways_unchanged() -> None:
    port = PtyPort()
    end = host(port)
    everything = bytes(range(256))
    os.write(end, everything)
    came = b""
    while len(came) < 256:
        came += port.read(30.0)
    assert came == everything
    assert port.write(b"\x00\x0a\x0d\xff") == 4
    select.select([end], [], [], 60)
    assert os.read(end, 16) == b"\x00\x0a\x0d\xff"
    os.close(end)
    port.close()


def test_pulled_cable_hangs_up_takes_the_link_away_and_comes_back_elsewhere(tmp_path: Path) -> None:
    link = tmp_path / "by-id" / "usb"
    port = PtyPort(link=link)
    assert port.path == str(link)
    first, end = str(link.readlink()), host(port)
    assert (port.plugged, port.unplugged) == (True, 0)
    port.unplug()
    port.unplug()
    assert (port.plugged, port.unplugged, link.is_symlink()) == (False, 1, False)
    assert port.write(b"lost") == 0
    assert port.read(0.0) == b""
    assert port.host_baudrate is None
    with pytest.raises(OSError, match=r"."):
        os.write(end, b"x")
    os.close(end)
    port.plug()
    again = host(port)
    os.write(again, b"back")
    assert eventually(lambda: port.read(0.1), "what was written after the cable was back") == b"back"
    assert link.is_symlink()
    assert str(link.readlink()) == port._name
    assert first.startswith("/dev/pts/")
    os.close(again)
    port.close()
    assert not link.is_symlink()


def test_link_that_somebody_else_has_moved_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "usb"
    port = PtyPort(link=link)
    link.unlink()
    link.symlink_to("/dev/null")
    port.unplug()
    assert str(link.readlink()) == "/dev/null"
    port.close()


def test_speed_that_the_host_has_set_is_known() -> None:
    import serial

    port = PtyPort()
    with serial.Serial(port.path, 9600):
        assert port.host_baudrate == 9600
    with serial.Serial(port.path, 57600):
        assert port.host_baudrate == 57600
    port.close()


def test_pace_of_a_line_is_ten_bits_for_a_byte() -> None:
    paced, free = PtyPort(baudrate=9600), PtyPort()
    assert paced._wire_s(960) == pytest.approx(1.0)
    assert free._wire_s(960) == 0.0
    paced.close()
    free.close()


def test_a_sim_replaces_nothing_that_no_sim_has_left(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text("a machine's own")
    link = tmp_path / "by-id"
    link.symlink_to(path)
    for wanted in (path, link):
        with pytest.raises(FileExistsError):
            PtyPort(link=wanted)
    server = SimServer(path, {}, dict)
    with pytest.raises(FileExistsError):
        server.start()
    server.close()
    assert (path.read_text(), link.readlink()) == ("a machine's own", path)


def test_a_sim_ends_at_whichever_step_of_its_own_it_is_told_to(tmp_path: Path) -> None:
    """A handler that takes the lock which its own thread holds waits for ever (seen once in some ten thousand ends)."""
    command = [sys.executable, "-c", _ENDED_AT_EACH_STEP, str(tmp_path / "toy.control")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANG_S, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1, "no step was met"
