"""Child processes of the demo: ready, not ready, stubborn, orphaned."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kiosk.clock import Clock
from kiosk.demo.children import Child, ChildError, end_all

READY = (
    "import json, time; print('first words'); print(json.dumps({'ready': True, 'port': 7}), flush=True); time.sleep(60)"
)
STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('{\"ready\": true}', flush=True); time.sleep(60)"
)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def gone(pid: int, within_s: float = 10.0) -> bool:
    clock = Clock()
    ends = clock.monotonic() + within_s
    while clock.monotonic() < ends:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        threading.Event().wait(0.02)
    return False


def test_ready_line_is_found_among_other_output_which_goes_to_the_log(tmp_path: Path) -> None:
    child = Child("talker", python(READY), tmp_path)
    assert child.wait_ready(20.0)["port"] == 7
    assert "first words" in child.log.read_text()
    end_all([child])
    assert not child.alive


def test_child_that_ends_before_it_is_ready_is_named_with_its_last_words(tmp_path: Path) -> None:
    child = Child("broken", python("import sys; sys.exit('no such port')"), tmp_path)
    with pytest.raises(ChildError, match=r"broken ended with code 1: no such port"):
        child.wait_ready(20.0)


def test_child_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    child = Child("slow", python("import time; time.sleep(60)"), tmp_path)
    with pytest.raises(ChildError, match="slow was not ready"):
        child.wait_ready(0.2)
    end_all([child])


def test_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    child = Child("stubborn", python(STUBBORN), tmp_path)
    child.wait_ready(20.0)
    end_all([child], within_s=0.2)
    assert child.process.returncode == -signal.SIGKILL


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time; from kiosk.demo.children import Child\n"
        f"child = Child('inner', [sys.executable, '-c', {READY!r}], pathlib.Path({str(tmp_path)!r}))\n"
        "child.wait_ready(20); print(child.process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    inner = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(inner)
