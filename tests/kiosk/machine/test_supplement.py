"""补正 from end to end: a department asks for something, the person brings it to the camera, the department goes on."""

from __future__ import annotations

import httpx
import psycopg

from kiosk.citizen import Control
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.test_end_to_end import number_of
from tests.waiting import HANG_S


def say(world: World, number: str, state: str, *reasons: str, department: str = "household") -> None:
    """An officer's word."""
    wish = {"receipt_number": number, "department": department, "state": state, "reasons": list(reasons)}
    httpx.post(f"{world.stage.ready['hub']['url']}/demo/stage", json=wish, timeout=HANG_S).raise_for_status()


def in_the_books(world: World, number: str) -> str:
    """Where the case stands at the hub."""
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        row = conn.execute("select state from case_file where receipt_number = %s", [number]).fetchone()
    return row[0] if row else ""


async def test_what_a_department_asks_for_is_brought_and_its_review_goes_on(world: World) -> None:
    await world.walk(world.script("zhou", "H10", values={"book_reason": "lost"}))
    number = number_of(world.slips()[-1])
    await world.goes_on_until(lambda: in_the_books(world, number) == "accepted", "the acceptance")
    say(world, number, "needs_supplement", "supplement_material")
    camera = world.socket("document_camera")
    laid = Control(page="capture", socket=camera, do="lay", arguments={"form": "booklet"})
    world.lines = []
    # From the progress page, as who looks how far it is finds it.
    await world.walk(world.script("zhou", "C01", control=(laid,), actions={"progress": "supplement,next"}))
    assert [kind for kind in world.pages() if kind.startswith(("supplement", "capture"))] == [
        "supplement", "capture", "capture_taken", "supplement_sent",
    ]  # fmt: skip
    await world.goes_on_until(lambda: in_the_books(world, number) == "in_review", "the review that goes on")
    world.lines = []
    await world.walk(world.script("zhou", "C07"))
    assert "supplement_none" in world.pages(), "nothing is asked for any more"
