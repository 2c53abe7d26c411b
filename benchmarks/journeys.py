"""Machine time of each journey, step by step, for a citizen who needs no time to think, and its part on devices.

One journey of each kind has a limit: a certificate, a driving licence, an endorsement without its writer's own time,
an ID card.

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

VISITS = (
    ("wang", ("T01", "H13", "E13", "C01")),
    ("zhao", ("T01", "H13", "E13", "C01")),
    ("li", ("T01", "H13", "E13", "C01")),
    ("chen", ("E06",)),
    ("wu", ("H01",)),
    ("ma", ("H08",)),
)
"""Whoever has renewed is not due again: each visit is another person's."""
LIMITS_S = {"H08": 10.0, "T01": 15.0, "E06": 20.0, "H01": 25.0}
WRITER, WRITING = "endorsement_writer", "producing"

Line = dict[str, Any]
Step = tuple[str, str]


def main() -> None:
    spent: dict[Step, list[tuple[float, float, float]]] = defaultdict(list)
    whole: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="tb-") as folder, staged(Path(folder), lambda _: None) as stage:
        watch = MachineWatch(stage.status_socket)
        watch.start()
        stage.controls[WRITER].do("attend")
        for number, (person, services) in enumerate(VISITS):
            start = len(watch.lines)
            rows = walk_visit(stage, VisitPlan(f"bench-{number}", person, services), None, watch)
            found = list(steps(watch.lines[start:]))
            for step, seconds in found:
                spent[step].append(seconds)
            # Who is refused halfway has made no journey.
            for key in (row.service for row in rows if row.ok):
                whole[key].append(sum(took[0] for (service, page), took in found if service == key and page != WRITING))
        watch.stop()
    for (service, page), rows in spent.items():
        say(service, page, rows)
    for service, totals in whole.items():
        figures(f"{service} whole journey", "s", totals, LIMITS_S.get(service))
    if missing := LIMITS_S.keys() - whole.keys():
        raise SystemExit(f"no journey came to its end: {', '.join(sorted(missing))}")


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


def figures(case: str, unit: str, values: list[float], limit: float | None = None) -> None:
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    row = {"min": ordered[0], "median": statistics.median(ordered), "p95": p95}
    found: dict[str, Any] = {key: round(value, 3) for key, value in row.items()}
    if limit is not None:
        found |= {"limit": limit, "ratio": round(row["median"] / limit, 3), "target": 1.0}
    print(json.dumps({"benchmark": "journeys", "case": case, "unit": unit, **found}))


if __name__ == "__main__":
    main()
