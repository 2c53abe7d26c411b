"""A child and her guardian at the machine: two cards, the guardian's face, no fingerprint, to the city's accepted."""

from __future__ import annotations

import psycopg
import pytest

from kiosk.citizen import Control
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.test_end_to_end import number_of
from tests.kiosk.machine.test_supplement import in_the_books, say
from tests.matrix.walk.walking import ACTIONS, at_the_machine

CHILD, GUARDIAN = "990101201905060027", "990101195803170155"


async def test_a_childs_first_passport_is_asked_for_with_her_guardian(world: World) -> None:
    more = {"actions": ACTIONS, "control": at_the_machine(world, "E01", "xiaohe")}
    walking = await world.walk(world.script("xiaohe", "E01", **more))
    pages = [line["kind"] for line in world.of("page") if line.get("service") == "E01"]
    assert walking.unfinished == 0, pages
    assert [kind for kind in pages if kind in ("second_card", "face_notice", "notice", "fingerprint")] == [
        "second_card", "face_notice", "notice",
    ], pages  # fmt: skip
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    (slip,) = [each for each in world.slips() if "E01" in each or "普通护照" in each]
    assert "监护人" in slip
    assert (CHILD in slip, GUARDIAN in slip) == (False, False)
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        rows = conn.execute("select kind, fee_fen from exit_entry.ordered where id_number = %s", [CHILD]).fetchall()
    assert rows == [("passport", 12000)]


@pytest.mark.parametrize(("service", "kind"), [("E06", "L"), ("E07", "G")])
async def test_a_childs_endorsement_is_written_on_her_permit_while_her_guardian_stands_by(
    world: World, service: str, kind: str
) -> None:
    more = {"actions": ACTIONS, "control": at_the_machine(world, service, "xiaohe")}
    walking = await world.walk(world.script("xiaohe", service, **more))
    pages = [line["kind"] for line in world.of("page") if line.get("service") == service]
    assert walking.unfinished == 0, pages
    assert pages.count("second_card") == 1, pages
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        rows = conn.execute("select endorsements from exit_entry.document where id_number = %s", [CHILD]).fetchall()
    [[endorsements]] = rows
    assert {(each["type"], each["remaining"]) for each in endorsements} == {(kind, 1)}
    assert "produce_take" in pages


async def test_what_is_missing_in_a_childs_case_is_brought_by_her_guardian(world: World) -> None:
    asked = world.script("xiaohe", "E01", actions=ACTIONS, control=at_the_machine(world, "E01", "xiaohe"))
    await world.walk(asked)
    number = number_of(world.slips()[-1])
    await world.goes_on_until(lambda: in_the_books(world, number) == "accepted", "the acceptance")
    say(world, number, "needs_supplement", "supplement_material", department="exit_entry")
    world.lines = []
    laid = Control(page="capture", socket=world.socket("document_camera"), do="lay", arguments={"form": "booklet"})
    control = (*at_the_machine(world, "C07", "xiaohe"), laid)
    walking = await world.walk(world.script("xiaohe", "C07", control=control))
    assert walking.unfinished == 0, world.pages()
    assert [kind for kind in world.pages() if kind in ("second_card", "supplement", "supplement_sent")] == [
        "second_card", "supplement", "supplement_sent",
    ]  # fmt: skip
    await world.goes_on_until(lambda: in_the_books(world, number) == "in_review", "the review that goes on")
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        [[papers]] = conn.execute("select papers from exit_entry.case_supplement").fetchall()
    assert "second_person" not in papers
