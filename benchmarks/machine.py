"""The machine as a whole, on a virtual screen: start to first page, memory, idle load."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import threading
from pathlib import Path
from typing import Any

import psutil

from kiosk.clock import Clock
from kiosk.demo.children import Child, end_all
from kiosk.demo.scripted import virtual_screen
from kiosk.demo.stage import Stage, staged
from kiosk.demo.watch import MachineWatch

STARTS, IDLE_S, SETTLE_S = 3, 8.0, 12.0


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tb-") as folder, staged(Path(folder), lambda _: None) as stage:
        os.environ["DISPLAY"] = virtual_screen(stage)
        watch = MachineWatch(stage.status_socket)
        watch.start()
        say("start to first page", "s", [start(stage, watch) for _ in range(STARTS)])
        machine, _ = started(stage, watch)
        threading.Event().wait(SETTLE_S)
        for name, megabytes in memory_mb(machine).items():
            say(f"resident memory, {name}", "MB", [megabytes])
        say("idle load, of one core", "%", idle_percent(machine))
        end_all([machine])
        watch.stop()


def say(case: str, unit: str, values: list[float]) -> None:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    figures = {"min": ordered[0], "median": statistics.median(ordered), "p95": p95}
    row = {"benchmark": "machine", "case": case, "unit": unit, **{k: round(v, 3) for k, v in figures.items()}}
    print(json.dumps(row), flush=True)


def started(stage: Stage, watch: MachineWatch) -> tuple[Child, float]:
    """A machine with its first page up, and the seconds from its exec to the status line of that page."""
    clock, start = Clock(), len(watch.lines)
    began = clock.monotonic()
    machine = stage.start_machine()
    machine.wait_ready(60.0)
    ready = clock.monotonic()
    page: dict[str, Any] | None = watch.wait_for(lambda line: line.get("type") == "page", 1.0, start)
    # The watcher may connect after the first page was announced; then being ready, which comes later, bounds it.
    return machine, min(ready, page["mono"] if page else ready) - began


def start(stage: Stage, watch: MachineWatch) -> float:
    machine, took_s = started(stage, watch)
    end_all([machine])
    return took_s


def memory_mb(machine: Child) -> dict[str, float]:
    ui = psutil.Process(machine.process.pid)
    vision = sum(child.memory_info().rss for child in ui.children(recursive=True))
    return {"machine with its screen": ui.memory_info().rss / 1e6, "vision": vision / 1e6}


def idle_percent(machine: Child) -> list[float]:
    ui = psutil.Process(machine.process.pid)
    everyone = [ui, *ui.children(recursive=True)]
    for process in everyone:
        process.cpu_percent()
    found = []
    for _ in range(4):
        threading.Event().wait(IDLE_S / 4)
        found.append(sum(process.cpu_percent() for process in everyone))
    return found


if __name__ == "__main__":
    main()
