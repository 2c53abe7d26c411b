"""The demo without a screen: a scripted citizen on a virtual one, pictures of every page, a table of what was done."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kiosk.clock import Clock
from kiosk.demo.children import Child, ChildError
from kiosk.demo.stage import Report, Stage
from kiosk.demo.watch import MachineWatch
from kiosk.text import Text, text

SCREEN = "1080x1920x24"
SCREEN_READY_S = 20.0
MACHINE_READY_S = 60.0
RECOVERY_S = 90.0
"""How long a case filed offline may take to be accepted after the network is back (back-off included)."""


@dataclass(frozen=True)
class VisitPlan:
    """One visit of the scripted demo: who comes, what for (service keys in order), and whether the network stands."""

    name: str
    person: str
    services: tuple[str, ...]
    online: bool = True


PLANS = (
    VisitPlan("online", "wang", ("T01", "H13", "E13", "C01", "C02")),
    VisitPlan("offline", "zhao", ("T01",), online=False),
)


@dataclass(frozen=True)
class Row:
    """One line of the summary: a service of a visit, how it ended, the seconds it took."""

    service: str
    plan: VisitPlan
    result: Text
    seconds: float
    ok: bool = True


Walk = Callable[[Stage, VisitPlan, Path], list[Row]]


def walk_visit(stage: Stage, plan: VisitPlan, pictures: Path) -> list[Row]:
    """Walk one visit on the running machine and return a row for each service of ``plan``, in its order.

    The machine runs on the virtual screen named by ``DISPLAY`` and is at its attract page before and after. The walker
    places ``plan.person``'s card and face through ``stage.controls["id_card_reader"]`` and ``["camera"]``, answers the
    pages, leaves a PNG of every page it saw in ``pictures`` (``<plan.name>-<NN>-<page kind>.png``) and lifts the card.
    A service that did not end as it should is a row with ``ok=False``; ChildError when the visit cannot go on at all.
    """
    raise ChildError(f"no walker for {plan.name} of {stage.folder} into {pictures}")


def perform(stage: Stage, output: Path, report: Report, walk: Walk = walk_visit) -> int:
    """Run every plan, recover the offline one, copy the pictures, print the table; the exit code."""
    _emptied(output)
    report("screen")
    os.environ["DISPLAY"] = _virtual_screen(stage)
    watch = MachineWatch(stage.status_socket)
    watch.start()
    rows: list[Row] = []
    try:
        report("machine")
        stage.start_machine().wait_ready(MACHINE_READY_S)
        report("walk")
        for plan in PLANS:
            rows += _visit(stage, plan, output, watch, walk)
    finally:
        watch.stop()
        _copy_slips(stage, output)
        _print_summary(rows, output)
    return 0 if rows and all(row.ok for row in rows) else 1


def _visit(stage: Stage, plan: VisitPlan, output: Path, watch: MachineWatch, walk: Walk) -> list[Row]:
    network = stage.controls["network"]
    start = len(watch.lines)
    network.do("restore" if plan.online else "cut")
    try:
        rows = walk(stage, plan, output)
    finally:
        network.do("restore")
    return rows if plan.online else [*rows, *_recovered(plan, watch, start)]


def _recovered(plan: VisitPlan, watch: MachineWatch, start: int) -> list[Row]:
    clock = Clock()
    began = clock.monotonic()
    rows = []
    for state in ("delivered", "accepted"):
        left_s = max(0.0, RECOVERY_S - (clock.monotonic() - began))
        found = watch.wait_for(lambda line, state=state: _is_case(line, state), left_s, start)
        took = clock.monotonic() - began
        rows.append(Row(plan.services[0], plan, text(f"demo.row.{state}"), took, ok=found is not None))
    return rows


def _is_case(line: dict[str, object], state: str) -> bool:
    return line.get("type") == "case" and line.get("state") == state


def _virtual_screen(stage: Stage) -> str:
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
    output.mkdir(parents=True, exist_ok=True)
    for picture in output.glob("*.png"):
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
    count = len(list(output.glob("*.png")))
    console.print(_both(text("demo.pictures", folder=output, count=count)), highlight=False)


def _both(words: Text) -> str:
    return words.zh if words.zh == words.en else f"{words.zh} {words.en}"
