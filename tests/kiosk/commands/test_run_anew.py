"""``kiosk run`` starts itself anew when only that erases the last visit: the same process, another memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from kiosk import hardening, logs
from kiosk.commands import run as run_command

_ARGUMENTS = "--help"
HANG_S = 60.0


def test_machine_that_could_not_erase_is_the_same_process_in_a_new_memory(tmp_path: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in hardening.environment()}
    said = subprocess.run(
        [sys.executable, "-m", __name__, _ARGUMENTS],
        env=plain | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    served, _, anew = said.stdout.partition("\n")
    assert served == "a visit that could not be erased"
    assert anew.startswith("Usage: python -m kiosk "), "the command has been started again"


def _first_life() -> None:
    """``kiosk run`` with a machine that asks to be started anew, under the arguments of this process."""
    machine: Any = SimpleNamespace(must_restart=True)

    def serve(*_arguments: Any, **_more: Any) -> Any:
        click.echo("a visit that could not be erased")
        sys.stdout.flush()
        return machine

    config: Any = SimpleNamespace(machine=SimpleNamespace(log_folder=""), demo=SimpleNamespace(today=None))
    run_command.loaded = lambda _path: config  # type: ignore[assignment]
    run_command.presenter = lambda *_arguments: config  # type: ignore[assignment]
    run_command.serve = serve  # type: ignore[assignment]
    logs.to_folder = lambda *_arguments: None  # type: ignore[assignment]
    run_command.run.callback.__wrapped__(None)  # type: ignore[union-attr]


if __name__ == "__main__":
    _first_life()
