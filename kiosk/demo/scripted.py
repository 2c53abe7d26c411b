"""The demo without a screen: a scripted citizen on a virtual one, pictures of every page, a table of what was done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kiosk.clock import Clock
from kiosk.demo.children import Child, ChildError, end_all
from kiosk.demo.stage import Report, Stage
from kiosk.demo.walking import Row, VisitPlan, walk_visit
from kiosk.demo.watch import MachineWatch
from kiosk.text import Text, text

SCREEN = "1280x2160x24"
"""A little larger than the kiosk's 1080 x 1920: the machine leaves room for a desktop's bars."""
MACHINE_READY_S = 60.0
RECOVERY_S = 90.0
"""How long a case filed offline may take to be delivered, and then to be accepted, once the network is back."""


PLANS = (
    VisitPlan("1-online", "wang", ("T01", "H13", "E13", "C01", "C02")),
    VisitPlan("2-offline", "zhao", ("T01",), online=False),
    VisitPlan("3-recovered", "zhao", ("C01",)),
)

Walk = Callable[[Stage, VisitPlan, Path | None, MachineWatch], list[Row]]


def perform(stage: Stage, output: Path, report: Report, walk: Walk = walk_visit) -> int:
    """Run every plan, recover the offline one, copy the pictures, print the table; the exit code."""
    _emptied(output)
    report("screen")
    os.environ["DISPLAY"] = virtual_screen(stage)
    watch = MachineWatch(stage.status_socket)
    watch.start()
    rows: list[Row] = []
    try:
        for plan in PLANS:
            report(f"walk.{plan.name}")
            rows += _visit(stage, plan, output, watch, walk, report)
    finally:
        watch.stop()
        _copy_slips(stage, output)
        if rows:
            _print_summary(rows, output)
    return 0 if rows and all(row.ok for row in rows) else 1


def _visit(stage: Stage, plan: VisitPlan, output: Path, watch: MachineWatch, walk: Walk, report: Report) -> list[Row]:
    network = stage.controls["network"]
    network.do("restore" if plan.online else "cut")
    try:
        rows = walk(stage, plan, output, watch)
    finally:
        network.do("restore")
    return rows if plan.online else [*rows, *_recovered(stage, plan, watch, report)]


def _recovered(stage: Stage, plan: VisitPlan, watch: MachineWatch, report: Report) -> list[Row]:
    """The network is back: the machine, started again, delivers what it kept, and it is accepted, all by itself."""
    clock, start = Clock(), len(watch.lines)
    began = clock.monotonic()
    report("recovery")
    machine = stage.start_machine()
    machine.wait_ready(MACHINE_READY_S)
    rows = []
    for state in ("delivered", "accepted"):
        wanted = {"type": "case", "state": state}
        found = watch.wait_for(lambda line, wanted=wanted: wanted.items() <= line.items(), RECOVERY_S, start)
        took_s = clock.monotonic() - began
        rows.append(Row(plan.services[0], plan, text(f"demo.row.{state}"), took_s, ok=found is not None))
    end_all([machine])
    return rows


def virtual_screen(stage: Stage) -> str:
    """Start an X server without a screen; its display, for ``DISPLAY``. Raises ChildError."""
    read, write = os.pipe()
    argv = ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]
    try:
        screen = Child("screen", argv, stage.folder, pass_fds=(write,))
    except FileNotFoundError:
        os.close(read)
        raise ChildError("Xvfb is not installed; install the packages of packages.txt") from None
    finally:
        os.close(write)
    stage.children.insert(0, screen)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()  # ends at once when Xvfb ends
    if not number:
        raise ChildError(f"Xvfb did not start: {screen.last_words()}")
    return f":{number}"


def _emptied(output: Path) -> None:
    """Takes away the pictures of an earlier demo, and nothing else that lies there."""
    output.mkdir(parents=True, exist_ok=True)
    names = ["slip-[0-9][0-9].png", *(f"{plan.name}/[0-9][0-9]-*.png" for plan in PLANS)]
    for picture in (found for name in names for found in output.glob(name)):
        picture.unlink()


def _copy_slips(stage: Stage, output: Path) -> None:
    slips = sorted(stage.slips.glob("*.png"), key=lambda p: p.stat().st_mtime_ns)
    for number, slip in enumerate(slips, 1):
        shutil.copyfile(slip, output / f"slip-{number:02d}.png")


def _print_summary(rows: list[Row], output: Path) -> None:
    table = Table(title=_both(text("demo.table.title")))
    for column in ("what", "who", "network", "result", "time"):
        table.add_column(_both(text(f"demo.table.{column}")), justify="right" if column == "time" else "left")
    for row in rows:
        network = text("demo.table.online" if row.plan.online else "demo.table.offline")
        took = text("demo.table.seconds", seconds=f"{row.seconds:.1f}")
        style = None if row.ok else "red"
        table.add_row(row.service, row.plan.person, _both(network), _both(row.result), _both(took), style=style)
    console = Console()
    console.print(table)
    count = len(list(output.rglob("*.png")))
    console.print(_both(text("demo.pictures", folder=output, count=count)), highlight=False)


def _both(words: Text) -> str:
    return words.zh if words.zh == words.en else f"{words.zh} {words.en}"
