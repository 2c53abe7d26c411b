"""Commands of the program as processes of their own, forked where it is loaded already.

Loading it anew takes most of a second of a processor, and the suite gives hundreds of commands. ``forked("hub", …)``
is ``python -m hub …``, waited for: own process, arguments, surroundings, input, outputs and exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from pathlib import Path
from typing import Any

from tests.waiting import HANG_S

ROOT = Path(__file__).resolve().parents[1]
INPUT, OUTPUT, ERRORS = "in", "out", "err"


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

    def _say(self, request: dict[str, Any]) -> None:
        self._lines.write(json.dumps(request) + "\n")
        self._lines.flush()

    def _heard(self) -> int:
        line = self._lines.readline()
        assert line, f"what forks {self._program} has ended"
        return json.loads(line)


_forks = cache(Forks)


def forked(program: str, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """A command of ``program``, with ``said`` on its input; killed when it hangs."""
    return _forks(program).run(words, said)


def _serve(program: str, handle: int) -> None:
    main = importlib.import_module(f"{program}.cli").main
    with socket.socket(fileno=handle) as line, line.makefile("rw", encoding="utf-8") as lines:
        for request in lines:
            pid = os.fork()
            if pid == 0:
                _become(program, main, **json.loads(request))
            lines.write(f"{pid}\n")
            lines.flush()
            _, status = os.waitpid(pid, 0)
            lines.write(f"{os.waitstatus_to_exitcode(status)}\n")
            lines.flush()


def _become(program: str, main: Any, words: list[str], folder: str, around: dict[str, str]) -> None:
    for number, name in enumerate((INPUT, OUTPUT, ERRORS)):
        os.dup2(os.open(Path(folder, name), os.O_RDWR | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(around)
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
