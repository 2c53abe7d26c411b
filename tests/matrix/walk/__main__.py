"""``make walk``: a scripted citizen completes every service and bundle through its pages; a table says how it went.

Everything is real but the person: hub, network, devices on their wires. Who is tried for a service stands
in ``values.toml``, and what must have been filed before; the first whose case is kept is the one of the table, else
the last with the page at which it ended.
With ``--touch`` a sample of fifteen is walked by real touches on the offscreen window.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio
from rich.console import Console
from rich.table import Table

from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Catalogue
from kiosk.citizen import Script
from kiosk.demo.stage import staged
from tests.kiosk.machine.conftest import World, code_of
from tests.kiosk.machine.test_end_to_end import number_of
from tests.kiosk.machine.test_supplement import in_the_books, say
from tests.matrix.walk.touching import Touching
from tests.matrix.walk.walking import Row, Walker, by_script, walk
from tests.waiting import eventually

TOUCH = "--touch"
SAMPLE = ["C01", "C05", "H01", "H03", "H05", "H08", "H13", "T01", "T02", "T07", "T09", "T11", "E07", "E13", "B03"]
PEOPLE = ("wang", "zhao", "li", "chen")
TAKEN_IN = ("accepted", "in_review", "decided")
VALUES = tomllib.loads(Path(__file__).with_name("values.toml").read_text(encoding="utf-8"))


def main(wanted: list[str]) -> int:
    """Walk ``wanted``, or everything there is; the exit code is 1 when something crashed or hung."""
    catalogue, touch = load(), TOUCH in wanted
    named = [key for key in wanted if key != TOUCH]
    everything = [*catalogue.services, *catalogue.bundles]
    if unknown := [key for key in named if key not in everything]:
        sys.exit(f"no service and no bundle: {', '.join(unknown)}; name some of {', '.join(everything)}, or {TOUCH}")
    keys = named or (SAMPLE if touch else everything)
    by = Touching if touch else by_script
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    rows: list[Row] = []
    console = Console(width=160)
    with staged(folder, lambda what: None) as stage:
        world = World(stage)
        for key in keys:
            rows.append(_walked(world, key, _own(catalogue, key), by))
            console.print(*rows[-1], sep="  ", highlight=False)
        shutil.copytree(stage.slips, "build/walk", dirs_exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    _print(console, rows)
    return int(any(row.result.startswith(("crashed", "hangs")) for row in rows))


def _own(catalogue: Catalogue, key: str) -> dict[str, Any]:
    """What is said for ``key`` alone; for a bundle also what each of its parts asks."""
    bundle = catalogue.bundles.get(key)
    parts = [VALUES.get(part.service, {}) for part in bundle.parts] if bundle else []
    asked = {name: value for part in parts for name, value in part.items() if name != "people"}
    return asked | VALUES.get(key, {})


def _walked(world: World, key: str, own: dict[str, Any], by: Callable[[Script], Walker]) -> Row:
    row = Row(key, "", 0, 0, 0.0, "nobody came")
    before, asks = own.pop("before", ""), own.pop("asks", "")
    for person in own.pop("people", PEOPLE):
        world.reset()
        if before:
            own |= _before(world, before, person, asks)
        row = trio.run(walk, world, key, person, VALUES["all"] | own, by)
        if row.slip and "not_yet" not in row.result:
            break
    return row


def _before(world: World, key: str, person: str, asks: str) -> dict[str, str]:
    """File ``key`` first, until its department has it and ``asks`` for something; what its slip gives to type."""
    values = {name: value for name, value in VALUES.get(key, {}).items() if name not in ("people", "before", "asks")}
    trio.run(walk, world, key, person, VALUES["all"] | values, by_script)
    slip = world.slips()[-1]
    number = number_of(slip)
    eventually(lambda: in_the_books(world, number) in TAKEN_IN, "the acceptance of the case before")
    if asks:
        say(world, number, "needs_supplement", asks)
    return {"number": number, "slip_code": code_of(slip)}


def _print(console: Console, rows: list[Row]) -> None:
    table = Table(title="every service and bundle, walked")
    for column in Row._fields:
        table.add_column(column)
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
