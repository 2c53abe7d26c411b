"""Two cards in one visit at the real machine: somebody comes for another, to the department's word and to the paper."""

from __future__ import annotations

import msgspec

from kiosk.citizen import Control
from tests.kiosk.machine.conftest import World
from tests.kiosk.machine.test_end_to_end import number_of


def beside(world: World, person: str) -> tuple[Control, ...]:
    """Lays a second card down when it is asked for, takes it away after the reading, and stands before the camera."""
    reader, camera = world.socket("id_card_reader"), world.socket("camera")
    return (
        Control(page="second_card", socket=reader, do="place", arguments={"card": person}),
        Control(page="second_card", socket=camera, do="person", arguments={"id": person}),
        Control(page="face_notice", socket=reader, do="lift", after=1),
    )


async def test_an_agents_card_and_face_bring_the_case_to_its_acceptance_and_what_lets_nobody_act_is_refused(
    world: World,
) -> None:
    script = world.script(
        "wang",
        *("H13", "T01", "E13"),
        values={"way": "agent"},
        actions={"rate": "skip", "second_refused": "leave"},
        control=beside(world, "li"),
    )
    walking = await world.walk(script)
    assert walking.unfinished == 0
    pages = world.pages()
    assert (pages.count("second_card"), pages.count("guide")) == (1, 0), "the agent's own face passed"
    assert [(line["service"], line["kind"]) for line in world.of("page") if line["kind"] == "second_refused"] == [
        ("T01", "second_refused"),
        ("E13", "second_refused"),
    ]
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    (slip,) = world.slips()
    assert number_of(slip)
    assert ("代办人" in slip, "已受理" in slip) == (True, True)
    people = {each["id"]: each["card"] for each in world.people()}
    for said in (slip, msgspec.json.encode(world.lines).decode()):
        assert people["li"]["number"] not in said
        assert people["li"]["name"] not in said
