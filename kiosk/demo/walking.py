"""One visit of the scripted demo: ``kiosk walk`` on the virtual screen, and what its status lines tell of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.citizen import Control, Script, script_text
from kiosk.demo.children import Child, ChildError
from kiosk.demo.stage import Stage, command
from kiosk.demo.watch import MachineWatch
from kiosk.text import Text, text

VISIT_S = 240.0
"""The longest that one scripted visit may take, start of the machine included."""

NOTICED_S, LIFTED_S, NOTICE_TRIES = 6.0, 1.5, 8
"""A card that lay there before the reader was ready must be lifted once: how long, how often."""

STEPPED_BACK = 0.25
"""Breadth of the face in the picture that leaves room for head and shoulders (vision.md §5)."""

FILED = ("T01", "H13")
"""Services that end in a case."""


@dataclass(frozen=True)
class VisitPlan:
    """One visit: who comes, what for (service keys in order), and whether the network stands."""

    name: str
    person: str
    services: tuple[str, ...]
    online: bool = True


@dataclass(frozen=True)
class Row:
    """One line of the summary: a service of a visit, how it ended, the seconds it took."""

    service: str
    plan: VisitPlan
    result: Text
    seconds: float
    ok: bool = True


def walk_visit(stage: Stage, plan: VisitPlan, pictures: Path | None, watch: MachineWatch) -> list[Row]:
    """Let a scripted citizen make the visit; a row for each service, in its order.

    With ``pictures`` the pages are drawn on the screen named by ``DISPLAY``, a PNG of each goes to
    ``pictures/<plan.name>``; with None nothing is drawn. A service that did not end as it should is a row with
    ``ok=False``; ChildError when the machine itself failed.
    """
    script = stage.folder / f"{plan.name}.toml"
    script.write_text(script_of(stage, plan), encoding="utf-8")
    start = len(watch.lines)
    argv = [command("kiosk"), "walk", str(script)]
    if pictures is not None:
        argv += ["--screen", "--shots", str(pictures / plan.name)]
    walker = stage.start_child("kiosk", argv, stage.environment)
    walker.wait_ready(VISIT_S)
    _step_up(stage, walker, plan, watch, start)
    if not walker.ended_within(VISIT_S):
        raise ChildError(f"the visit {plan.name} did not end within {VISIT_S:.0f} s; see {walker.log}")
    stage.controls["id_card_reader"].do("lift")
    stage.controls["camera"].do("nobody")
    lines = watch.lines[start:]
    failed = "" if walker.process.returncode == 0 else walker.last_words()
    return rows_of(plan, lines, failed)


def poses(folder: Path) -> tuple[Control, ...]:
    """Who is photographed steps back before the white cloth and forward again; who is asked for a finger gives it.

    ``folder``: that of the stage, with the control sockets.
    """
    camera, glass = (str(folder / f"{device}.control") for device in ("camera", "fingerprint_reader"))
    return (
        Control(page="photo", socket=camera, do="backdrop", arguments={"white": True}),
        Control(page="photo", socket=camera, do="closer", arguments={"scale": STEPPED_BACK}),
        Control(page="photo_taken", socket=camera, do="backdrop", arguments={"white": False}),
        Control(page="photo_taken", socket=camera, do="closer"),
        Control(page="fingerprint", socket=glass, do="dab"),
    )


def script_of(stage: Stage, plan: VisitPlan) -> str:
    """The walk script: what the person came for; the head is turned as asked, the service is rated."""
    camera = stage.ready["camera"]["control"]
    rated = {"rate": "grade:5"}
    return script_text(Script(services=plan.services, actions=rated, turn=camera, control=poses(stage.folder)))


def _step_up(stage: Stage, walker: Child, plan: VisitPlan, watch: MachineWatch, start: int) -> None:
    """Stand before the camera and put the card down; like a person, again when the machine has not noticed."""
    stage.controls["camera"].do("person", id=plan.person)
    for _ in range(NOTICE_TRIES):
        stage.controls["id_card_reader"].do("place", card=plan.person)
        if watch.wait_for(lambda line: line.get("type") == "visit" and line.get("state") == "start", NOTICED_S, start):
            return
        if not walker.alive:
            raise ChildError(f"the machine ended: {walker.last_words()}; see {walker.log}")
        stage.controls["id_card_reader"].do("lift")
        threading.Event().wait(LIFTED_S)
    raise ChildError(f"the machine did not notice the card of {plan.person}; see {stage.folder}")


def rows_of(plan: VisitPlan, lines: list[dict[str, Any]], failed: str) -> list[Row]:
    """What the status lines of a visit say of each service; ``failed`` is the walker's own last word, if any."""
    return [_row(service, plan, lines, failed) for service in plan.services]


def _row(service: str, plan: VisitPlan, lines: list[dict[str, Any]], failed: str) -> Row:
    own = [line for line in lines if line.get("service") == service]
    journey = {line["state"]: line["mono"] for line in own if line.get("type") == "journey"}
    if "begin" not in journey or "end" not in journey:
        return Row(service, plan, text("demo.row.failed", why=failed or service), 0.0, ok=False)
    took = journey["end"] - journey["begin"]
    # Only the first line of a case names its service: what follows is known by the case's id.
    ids = {line["case_id"] for line in own if line.get("type") == "case"}
    states = [line["state"] for line in lines if line.get("type") == "case" and line["case_id"] in ids]
    if service not in FILED:
        crashed = any(line.get("type") == "step_crashed" for line in own)
        return Row(service, plan, text("demo.row.done"), took, ok=not crashed)
    wanted = "accepted" if plan.online else "stored"
    reached = states[-1] if states else "failed"
    if reached == "failed":
        return Row(service, plan, text("demo.row.failed", why=failed or service), took, ok=False)
    return Row(service, plan, text(f"demo.row.{reached}"), took, ok=reached == wanted)
