"""The sim by raw bytes of the protocol paper, without the driver."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.simulation import SimError
from devices.transport import SerialTransport

HEAD = "AAAAAA9669"


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Send hexadecimal, get what comes until the line is quiet for a moment, in hexadecimal."""
    line = SerialTransport(str(tmp_path / "reader"))

    def talk(request: str, baudrate: int = 115200) -> str:
        if line._serial is None or line.baudrate != baudrate:
            line.baudrate = baudrate
            line.open()
        line.write(bytes.fromhex(HEAD + request))
        answer = b""
        while data := line.read_some(0.06 if answer else 0.4):
            answer += data
        return answer.hex().upper()

    yield talk
    line.close()


def test_the_papers_frames(reader_sim: Any, talk: Any) -> None:
    sim = reader_sim("--unthrottled")
    assert talk("000310FFEC") == HEAD + "0004000090" + "94"
    assert talk("000311FFED") == HEAD + "0004000090" + "94"
    assert talk("000312FFEE")[:34] == HEAD + "0014000090" + "05000100" + "70B632"
    assert talk("0003200122") == HEAD + "0004000080" + "84"
    assert talk("0003200221") == HEAD + "0004000081" + "85"
    assert talk("0003300132") == HEAD + "0004000041" + "45"
    assert talk("0003200121") == HEAD + "0004000010" + "14"
    sim.do("place", card="li")
    assert talk("0003200122") == HEAD + "000800009F" + "00000000" + "97"
    assert talk("0003200221") == HEAD + "000C000090" + "0000000000000000" + "9C"
    read = talk("0003300132")
    assert read.startswith(HEAD + "0508000090" + "01000400" + "李秀兰".encode("utf-16-le").hex().upper())
    assert len(read) == 2 * 1295
    assert talk("0003200122") == HEAD + "0004000080" + "84", "a card that was read is not found until it is lifted"
    assert talk("0003300536")[:20] == HEAD + "0020000090"
    assert talk("0003300330")[:20] == HEAD + "0090000090"
    assert len(talk("0003301023")) == 2 * 2321
    sim.do("lift")
    assert talk("0003300536") == HEAD + "0004000041" + "45"


def test_no_added_address(reader_sim: Any, talk: Any) -> None:
    reader_sim("--place", "wang", "--unthrottled")
    talk("0003200122")
    talk("0003200221")
    talk("0003300132")
    assert talk("0003300330") == HEAD + "0004000091" + "95"


def test_speed_is_changed_and_other_speeds_are_not_understood(reader_sim: Any, talk: Any) -> None:
    reader_sim()
    assert talk("0003600261") == HEAD + "0004000090" + "94"
    assert talk("000311FFED") == ""
    assert talk("000311FFED", baudrate=38400) == HEAD + "0004000090" + "94"


def test_unknown_people_and_unknown_verbs_are_refused(reader_sim: Any) -> None:
    sim = reader_sim()
    with pytest.raises(SimError, match="garcia"):
        sim.do("place", card="nobody")
    with pytest.raises(SimError):
        sim.do("explode")


def test_ends_cleanly_on_sigterm(reader_sim: Any, tmp_path: Path) -> None:
    sim = reader_sim()
    assert (tmp_path / "reader").is_symlink()
    os.kill(sim.process.pid, signal.SIGTERM)
    assert sim.process.wait(3) == 0
    assert not (tmp_path / "reader").is_symlink()
