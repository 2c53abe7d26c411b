"""Machine time of each journey, step by step, for a citizen who needs no time to think, and its part on devices.

The time of a step runs from its page to the next one. ``devices`` is what commands to reader and printer took inside
it, ``city`` what live questions took; the face check is the vision worker's and the person's turning head.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kiosk.demo.stage import staged
from kiosk.demo.walking import VisitPlan, walk_visit
from kiosk.demo.watch import MachineWatch

SERVICES = ("T01", "H13", "E13", "C01")
PEOPLE = ("wang", "zhao", "li")
"""Whoever has renewed is not due again: each visit is another person's."""

Line = dict[str, Any]
Step = tuple[str, str]


def main() -> None:
    spent: dict[Step, list[tuple[float, float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="tb-") as folder, staged(Path(folder), lambda _: None) as stage:
        watch = MachineWatch(stage.status_socket)
        watch.start()
        for number, person in enumerate(PEOPLE):
            start = len(watch.lines)
            walk_visit(stage, VisitPlan(f"bench-{number}", person, SERVICES), None, watch)
            for step, seconds in steps(watch.lines[start:]):
                spent[step].append(seconds)
        watch.stop()
    for (service, page), rows in spent.items():
        say(service, page, rows)
    for service in SERVICES:
        visits = zip(*(rows for (key, _), rows in spent.items() if key == service), strict=False)
        totals = [sum(whole for whole, _, _ in visit) for visit in visits]
        if totals:
            figures(f"{service} whole journey", "s", totals)


def steps(lines: list[Line]) -> Iterator[tuple[Step, tuple[float, float, float]]]:
    """(service, page) and seconds in all, on devices, at the city, for each page inside a journey."""
    service, page, began, devices, city = "", "", 0.0, 0.0, 0.0
    for line in lines:
        if line["type"] == "command":
            devices += line["seconds"]
        elif line["type"] == "question":
            city += line["seconds"]
        if line["type"] in ("page", "journey"):
            if service and page:
                yield (service, page), (line["mono"] - began, devices, city)
            if line["type"] == "journey":
                service, page = (line["service"], "") if line["state"] == "begin" else ("", "")
            else:
                page = line["kind"]
            began, devices, city = line["mono"], 0.0, 0.0


def say(service: str, page: str, rows: list[tuple[float, float, float]]) -> None:
    whole, devices, city = (list(column) for column in zip(*rows, strict=True))
    figures(f"{service} {page}", "s", whole)
    if max(devices) > 0:
        figures(f"{service} {page}, of it devices", "s", devices)
    if max(city) > 0:
        figures(f"{service} {page}, of it the city", "s", city)


def figures(case: str, unit: str, values: list[float]) -> None:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    row = {"min": ordered[0], "median": statistics.median(ordered), "p95": p95}
    print(json.dumps({"benchmark": "journeys", "case": case, "unit": unit, **{k: round(v, 3) for k, v in row.items()}}))


if __name__ == "__main__":
    main()
