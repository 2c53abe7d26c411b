"""What stands in the log folder: our own lines, bounded; of anybody else's not a word of what they say."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from kiosk import logs

pytestmark = pytest.mark.attack(12)
SECRET = "990101199001150513"
_PROGRAM = """
import ctypes, logging, os, subprocess, sys, threading, warnings
from kiosk import logs
logs.to_folder(sys.argv[1])
logs.nothing_raw()
secret = sys.stdin.read()

def thread(work):
    each = threading.Thread(target=work)
    each.start()
    each.join()

def fail():
    raise ValueError(secret)

class Unraisable:
    def __del__(self):
        fail()

logging.getLogger("httpx").warning("card %s", secret)
try:
    fail()
except ValueError:
    logging.getLogger("urllib3.pool").exception("failed for %s", secret)
logging.error("root says %s", secret)
warnings.warn(secret)
thread(fail)
item = Unraisable()
del item
os.write(2, f"gst warning {secret}\\n".encode())
os.write(2, b"x" * 100_000 + secret.encode() + b"\\n")
libc = ctypes.CDLL(None)
libc.perror(secret.encode())
child = [sys.executable, "-c", "import sys; sys.stderr.write(sys.stdin.read() + chr(10))"]
subprocess.run(child, input=secret.encode())
own = '{"event": "camera_not_closed_in_time", "level": "error", "timestamp": "2027-01-12T00:00:00"}'
os.write(2, own.encode() + b"\\n")
print("kiosk: the one line of a failure", file=sys.stderr)
logs.raw_again()
import time
for _ in range(600):
    if "camera_not_closed" in open(sys.argv[1] + "/kiosk.log").read():
        break
    time.sleep(0.1)
"""


def lines_in(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.iterdir())
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("secret", [SECRET, f"{SECRET} 测试甲", '{"event": "990101199001150513", "level": 1}'])
def test_no_word_of_libraries_threads_native_code_or_children_is_kept(tmp_path: Path, secret: str) -> None:
    program = [sys.executable, "-c", _PROGRAM, str(tmp_path)]
    done = subprocess.run(program, input=secret, capture_output=True, text=True, check=True, timeout=180)
    assert done.stderr == "kiosk: the one line of a failure\n"
    lines = lines_in(tmp_path)
    assert SECRET not in json.dumps(lines, ensure_ascii=False)
    libraries = {(line["logger"], line["error"]) for line in lines if line["event"] == "library"}
    assert libraries == {("httpx", ""), ("urllib3.pool", "ValueError"), ("root", ""), ("py.warnings", "")}
    assert [line["of"] for line in lines if line["event"] == "unhandled"] == ["thread", "unraisable"]
    assert max(line["lines"] for line in lines if line["event"] == "raw_lines") >= 4
    assert [line["level"] for line in lines if line["event"] == "camera_not_closed_in_time"] == ["error"]


_CRASH = """
import faulthandler, sys
from kiosk import logs
logs.to_folder(sys.argv[1])
logs.nothing_raw()

def serve_a_visit(name):
    faulthandler._sigsegv()

serve_a_visit(sys.stdin.read())
"""


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":' + b'{"a":' * 1300 + b"1" + b"}" * 1301,
        b'{"event": "\xed\xa0\x80", "level": "error", "timestamp": "2027-01-12T00:00:00"}',
        b'{"level": "error"}',
    ],
    ids=["deep", "half a surrogate", "not whole"],
)
def test_line_that_only_looks_like_our_own_is_counted_as_foreign(line: bytes) -> None:
    """One that ended the thread which reads them stopped everybody who wrote on, once the pipe was full."""
    assert not logs._is_own(line)


def test_crash_in_native_code_says_where_it_was_and_nothing_of_whom(tmp_path: Path) -> None:
    program = [sys.executable, "-c", _CRASH, str(tmp_path)]
    done = subprocess.run(program, input=SECRET, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == -11
    assert "Segmentation fault" in done.stderr
    assert "in serve_a_visit" in done.stderr
    assert SECRET not in done.stderr


_COMMAND = """
import faulthandler, sys
from kiosk import __main__ as kiosk
from kiosk.commands import looking, run

def look_at_it(**_):
    faulthandler._sigsegv()

kiosk.hardening.restart_hardened = lambda _: None
looking.doctor.callback = run.run.callback = look_at_it
kiosk.main()
"""


@pytest.mark.parametrize("command", ["doctor", "run"])
def test_crash_of_a_command_in_native_code_says_where_it_was(command: str) -> None:
    program = [sys.executable, "-c", _COMMAND, command]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=180)
    assert (done.returncode, "in look_at_it" in done.stderr) == (-11, True), done.stderr


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A log folder with small limits; logging is as before afterwards."""
    monkeypatch.setattr(logs, "_SIZE", 20_000)
    monkeypatch.setattr(logs, "_KEPT", 3)
    logs.to_folder(str(tmp_path))
    yield tmp_path
    logs.to_stderr()


def test_folder_never_grows_beyond_its_limit_whatever_is_said(small: Path) -> None:
    log = structlog.get_logger()
    for number in range(3000):
        log.error("flood", number=number, reason="r" * (number % 400))
    log.error("long", reason="r" * 10_000_000)
    files = list(small.iterdir())
    assert len(files) == 4
    assert all(file.stat().st_size <= 20_000 for file in files)
    assert lines_in(small)


def test_library_that_says_the_same_for_ever_is_told_ever_more_seldom(small: Path) -> None:
    for number in range(1000):
        logging.getLogger("some.library").warning("call %s", number)
    times = [line["times"] for line in lines_in(small) if line["event"] == "library"]
    assert times == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def test_libraries_are_told_from_the_level_that_was_said_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was a hub before, as in this suite: warnings of libraries were no longer told."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logs.libraries_reduced(logging.ERROR)
    logs.to_folder(str(tmp_path))
    logging.getLogger("some.library").warning("a warning")
    logs.to_stderr()
    assert [line["times"] for line in lines_in(tmp_path) if line["event"] == "library"] == [1]


_DEEP = """
import json
def outer(text):
    middle(text)
def middle(text):
    inner(text)
def inner(text):
    last(text)
def last(text):
    json.loads(text)
"""


@pytest.mark.parametrize(
    ("module", "where"),
    [
        ("kiosk.deep", "deep.py:10 < deep.py:8 < deep.py:6"),
        ("screens.deep", "deep.py:10 < deep.py:8 < deep.py:6"),
        ("somebody.deep", "decoder.py:"),
        ("kioskish.deep", "decoder.py:"),
    ],
)
def test_a_surprise_is_placed_by_the_last_three_frames_of_our_own_code(module: str, where: str) -> None:
    made: dict[str, Any] = {"__name__": module}
    exec(compile(_DEEP, "/somewhere/deep.py", "exec"), made)
    with pytest.raises(ValueError, match="Expecting value") as caught:
        made["outer"]("no JSON")
    group = BaseExceptionGroup("several", [caught.value])
    assert logs.place_of(caught.value).startswith(where)
    assert logs.place_of(caught.value).count(" < ") == where.count(" < ")
    assert logs.place_of(group) == logs.place_of(caught.value)
