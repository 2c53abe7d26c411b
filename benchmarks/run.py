"""``make bench``: every benchmark of this folder, one table with min, median and p95, ratios against the limit.

A benchmark is a module here that prints one JSON line per case:
``{"benchmark", "case", "unit", "min", "median", "p95"}`` and, where it has them, ``"ratio"`` and ``"target"`` (largest
allowed ratio) or ``"limit"``. Modules that print text of their own are shown as they are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parent
COLUMNS = ("benchmark", "case", "unit", "min", "median", "p95", "limit", "ratio", "target")


def modules(wanted: list[str]) -> list[str]:
    """The benchmarks' names, or those that were asked for."""
    found = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("run", "__init__"))
    return [name for name in found if not wanted or name in wanted]


def measure(name: str, console: Console) -> tuple[list[dict[str, Any]], bool]:
    """Run one benchmark; its rows, and whether it kept what it promises."""
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    argv = [sys.executable, "-m", f"benchmarks.{name}", *(["--json"] if '"--json"' in source else [])]
    console.print(f"[bold]{name}[/] …")
    child = subprocess.Popen(argv, cwd=FOLDER.parent, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    rows = []
    with child.stdout:
        for line in child.stdout:
            row = row_of(line)
            if row:
                rows.append(row)
            else:
                console.print(f"  {line.rstrip()}", markup=False, highlight=False)
    return rows, child.wait() == 0


def row_of(line: str) -> dict[str, Any]:
    """The row that a line carries, {} for any other line."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "benchmark" in found else {}


def table_of(rows: list[dict[str, Any]]) -> Table:
    """The table; a row above its target is red."""
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("benchmark", "case", "unit") else "right")
    for row in rows:
        above = row.get("target") is not None and row.get("ratio", 0) > row["target"]
        table.add_row(*(_cell(row.get(column, "")) for column in COLUMNS), style="red" if above else None)
    return table


def _cell(value: object) -> str:
    return (
        f"{value:.3g}"
        if isinstance(value, float) and value < 100
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmarks", nargs="*", help="only these")
    console = Console(width=140)
    rows: list[dict[str, Any]] = []
    kept = True
    for name in modules(parser.parse_args().benchmarks):
        own, good = measure(name, console)
        rows += own
        kept &= good
    console.print(table_of(rows))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
