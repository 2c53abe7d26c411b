"""A ``kiosk`` process that dies at a named point: ``python -m tests.matrix.kill.child TARGET SEEN kiosk-arguments``.

``TARGET`` is a point as the sweep lists it, "" for none; every point and status line is appended to the file ``SEEN``.
With ``--serve`` it imports the machine once and forks a child for each JSON line on its input, which saves the sweep
the start-up of an interpreter.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress

SLIP_CODE = "20270112"


def main(arguments: list[str]) -> None:
    """Never returns: the machine ends, or dies."""
    target, seen, *kiosk = arguments
    from kiosk.cli import main as cli
    from kiosk.journey import engine
    from tests.matrix.kill.points import install

    install(target, seen)
    # A citizen reads it from the page; the sweep's could not after the machine has died.
    engine.new_slip_code = lambda: SLIP_CODE
    cli(kiosk, prog_name="kiosk")


def serve() -> None:
    """Forks for each line {"arguments", "errors"}; answers the process id, and for {"wait": pid} how it ended."""
    import kiosk.commands.walking
    import kiosk.machine  # noqa: F401
    import tests.matrix.kill.points  # noqa: F401

    _say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            with suppress(ChildProcessError):
                pid, status = os.waitpid(request["wait"], os.WNOHANG)
                _say({"ended": pid != 0, "code": os.waitstatus_to_exitcode(status) if pid else None})
            continue
        pid = os.fork()
        if pid == 0:
            _become(request)
        _say({"pid": pid})


def _become(request: dict[str, list[str] | str]) -> None:
    errors = os.open(str(request["errors"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, handle in ((0, nothing), (1, nothing), (2, errors)):
        os.dup2(handle, number)
    try:
        main(list(request["arguments"]))
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    os._exit(0)


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else main(sys.argv[1:])
