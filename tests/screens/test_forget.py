"""After ``forget`` no value that a page showed or a person typed is left readable in the memory of the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from kiosk import hardening
from tests.screens.remembering import planted
from tests.waiting import HANG_S


def memory(pid: int) -> list[bytes]:
    """The writable memory of a process, region by region."""
    regions = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as source:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, mode, *_ = line.split()
            if "rw" not in mode:
                continue
            start, end = (int(x, 16) for x in place.split("-"))
            try:
                source.seek(start)
                regions.append(source.read(end - start))
            except (OSError, ValueError):
                continue
    return regions


def found(pid: int, values: dict[str, str]) -> dict[str, int]:
    """How often each value is there, in every form a text can have in memory."""
    regions = memory(pid)
    hits = {}
    for name, value in values.items():
        forms = {value.encode(form) for form in ("utf-8", "utf-16-le", "utf-32-le", "gb18030")}
        hits[name] = sum(region.count(form) for region in regions for form in forms)
    return hits


def test_forget_leaves_no_value_in_memory():
    environment = {**os.environ, **hardening.environment()}
    command = [sys.executable, "-m", "tests.screens.remembering"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        values = planted()
        expect(child, "shown")
        assert sum(found(child.pid, values).values()) > 0, "the scan must be able to find something"
        go_on(child)
        expect(child, "forgotten")
        assert found(child.pid, values) == dict.fromkeys(values, 0)
        go_on(child)
        child.stdin.close()
        assert child.wait(HANG_S) == 0


def expect(child: subprocess.Popen[str], state: str) -> None:
    line = child.stdout.readline()
    assert line, "the child ended too early"
    assert json.loads(line)["state"] == state


def go_on(child: subprocess.Popen[str]) -> None:
    child.stdin.write("\n")
    child.stdin.flush()
