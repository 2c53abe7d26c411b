"""Commands of the program as processes of their own, forked where it is loaded already.

Loading it anew takes most of a second of a processor, and the suite gives hundreds of commands. ``forked("hub", …)``
is ``python -m hub …``, waited for: own process, arguments, surroundings, input, outputs and exit code;
``started("hub", log, …)`` is one that goes on.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from kiosk import text
from kiosk.text import LANGUAGES
from tests.judging import judged_once
from tests.waiting import HANG_S, eventually

ROOT = Path(__file__).resolve().parents[1]
INPUT, OUTPUT, ERRORS, ENDED = "in", "out", "err", "ended"
LOADED = {"hub": ("hub.demo_command", "hub.serving_commands", "hub.certificates", "hub.seals", "fpdf")}
"""What the commands that go on would load."""
DEMO_DAY = date(2027, 1, 12)
"""Of the hubs: they judge the shipped catalogue of this day."""


class Forks:
    """A process that has loaded ``program`` (``hub``, ``kiosk``) and forks one for each command."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._turn = threading.Lock()
        ours, theirs = socket.socketpair()
        self._lines = ours.makefile("rw", encoding="utf-8")
        command = [sys.executable, "-m", "tests.forking", program, str(theirs.fileno())]
        # Ends when this process closes its end of the line, whichever way it goes.
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        theirs.close()

    def run(self, words: tuple[str, ...], said: str) -> subprocess.CompletedProcess[str]:
        """One command after the other."""
        with self._turn, tempfile.TemporaryDirectory(prefix="tb-") as name:
            folder = Path(name)
            (folder / INPUT).write_text(said, "utf-8")
            self._say({"words": words, "folder": name, "around": dict(os.environ)})
            pid = self._heard()
            hung = threading.Timer(HANG_S, os.kill, (pid, signal.SIGKILL))
            hung.start()
            code = self._heard()
            hung.cancel()
            outputs = [(folder / each).read_text("utf-8") for each in (OUTPUT, ERRORS)]
        return subprocess.CompletedProcess([self._program, *words], code, *outputs)

    def start(self, words: tuple[str, ...], log: Path) -> Started:
        """One that goes on while others begin."""
        folder = Path(tempfile.mkdtemp(prefix="tb-"))
        (folder / INPUT).touch()
        os.mkfifo(folder / OUTPUT, 0o600)
        log.touch()
        (folder / ERRORS).symlink_to(log)
        with self._turn:
            self._say({"words": words, "folder": str(folder), "around": dict(os.environ), "goes_on": True})
            return Started(self._heard(), folder)

    def _say(self, request: dict[str, Any]) -> None:
        self._lines.write(json.dumps(request) + "\n")
        self._lines.flush()

    def _heard(self) -> int:
        line = self._lines.readline()
        assert line, f"what forks {self._program} has ended"
        return json.loads(line)


class Started:
    """Like a ``Popen`` of what was forked: its output is a pipe, its errors go on in its log."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._folder = folder
        self._alive = os.pidfd_open(pid)
        # Waits until the other end is open.
        self.stdout = (folder / OUTPUT).open("rb")

    def poll(self) -> int | None:
        """Its exit code, as ``Popen`` has it; None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._alive], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            ended = self._folder / ENDED
            eventually(ended.exists, "the exit code of what was forked")
            self.returncode = int(ended.read_text("utf-8"))
            os.close(self._alive)
            shutil.rmtree(self._folder)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing, once it has ended: another may have its number then."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._alive, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


_forks = cache(Forks)


def forked(program: str, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """A command of ``program``, with ``said`` on its input; killed when it hangs."""
    return _forks(program).run(words, said)


def started(program: str, log: Path, *words: str) -> Started:
    """A command of ``program`` that goes on; what it says of errors is added to ``log``."""
    return _forks(program).start(words, log)


def _serve(program: str, handle: int) -> None:
    main = importlib.import_module(f"{program}.cli").main
    for module in LOADED.get(program, ()):
        importlib.import_module(module)
    for language in LANGUAGES:
        text._translations(language)
    with judged_once():
        if program == "hub":
            importlib.import_module("hub.published")._shipped(DEMO_DAY)
        _take_turns(program, main, handle)


def _take_turns(program: str, main: Any, handle: int) -> None:
    with socket.socket(fileno=handle) as line, line.makefile("rw", encoding="utf-8") as lines:
        for request in lines:
            wanted = json.loads(request)
            goes_on = wanted.pop("goes_on", False)
            pid = os.fork()
            if pid == 0:
                _become(program, main, **wanted)
            lines.write(f"{pid}\n")
            lines.flush()
            if goes_on:
                threading.Thread(target=_tell_its_end, args=(pid, Path(wanted["folder"])), daemon=True).start()
                continue
            lines.write(f"{_code_of(pid)}\n")
            lines.flush()


def _tell_its_end(pid: int, folder: Path) -> None:
    """Whole or not at all: who waits for it looks at any moment."""
    (part := folder / f"{ENDED}.part").write_text(str(_code_of(pid)), "utf-8")
    part.rename(folder / ENDED)


def _code_of(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _become(program: str, main: Any, words: list[str], folder: str, around: dict[str, str]) -> None:
    for number, name in enumerate((INPUT, OUTPUT, ERRORS)):
        flags = os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY
        os.dup2(os.open(Path(folder, name), flags | os.O_CREAT, 0o600), number)
    # Anew: the old ones believe that a pipe is the file which they were opened on.
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8")
    os.environ.clear()
    os.environ.update(around)
    sys.path += [place for place in around.get("PYTHONPATH", "").split(os.pathsep) if place not in sys.path]
    sys.argv = [program, *words]
    code: Any = 0
    try:
        main(words, prog_name=program)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
