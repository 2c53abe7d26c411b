"""The common services at the real machine and the real hub: progress, complaint, rating, and the sheets."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

from kiosk.citizen import Script
from tests.kiosk.machine.conftest import World, code_of
from tests.kiosk.machine.test_end_to_end import number_of

HEAD = ("通办市公安局试点分局", "2027-01-12", "110 / 12367", "12389")


class Looking:
    """Keeps what stands on the pages of a kind while a scripted citizen walks."""

    def __init__(self, world: World, kind: str) -> None:
        self.found: list[Any] = []
        build = world.machine

        def machine(presenter: Any, **changes: Any) -> Any:
            show = presenter.show

            async def shown(page: Any, settings: Any) -> Any:
                if page.kind == kind:
                    self.found.append(page)
                return await show(page, settings)

            presenter.show = shown
            return build(presenter, **changes)

        world.machine = machine  # type: ignore[method-assign]

    @property
    def numbers(self) -> list[list[str]]:
        """The receipt numbers of each page."""
        return [[b.number for b in page.blocks if getattr(b, "number", "")] for page in self.found]


async def in_the_city(world: World, statement: LiteralString, *values: Any) -> None:
    """Until the city's database says so; the machine stands there meanwhile and sends what it still has."""
    with psycopg.connect(world.stage.ready["hub"]["dsn"], autocommit=True) as city:
        await world.goes_on_until(lambda: city.execute(statement, values).fetchone(), statement)


async def test_without_network_the_card_finds_the_case_that_was_filed_here_before_a_restart(world: World) -> None:
    world.do("network", "cut")
    await world.walk(world.script("zhao", "T01"))
    (slip,) = world.slips()
    looking = Looking(world, "progress")
    await world.walk(world.script("zhao", "C01"))
    await world.walk(world.script("li", "C01"))
    assert looking.numbers == [[number_of(slip)], []]


async def test_a_complaint_has_a_slip_and_is_found_by_its_number(world: World) -> None:
    complaint = Script(services=("C03",), anonymous=True, values={"phone": "13900000001"})
    await world.walk(complaint)
    (slip,) = world.slips()
    assert "投诉建议" in slip
    for wanted in (*HEAD, "139****0001"):
        assert wanted in slip
    number = number_of(slip)
    looking = Looking(world, "progress")
    typed = {"number": number, "slip_code": code_of(slip)}
    asked = Script(services=("C01",), anonymous=True, values=typed, actions={"progress_how": "number"})
    await world.walk(asked)
    await in_the_city(world, "select 1 from complaint where complaint_number = %s", number)
    await world.walk(asked)
    assert looking.numbers == [[number], [number]], "as long as it waits and when the city has it"


async def test_a_rating_by_number_asks_about_the_service_and_is_counted_for_it(world: World) -> None:
    await world.walk(world.script("wang", "H13"))
    (slip,) = world.slips()
    number = number_of(slip)
    await in_the_city(world, "select 1 from case_file where receipt_number = %s", number)
    looking = Looking(world, "rate")
    typed = {"number": number, "slip_code": code_of(slip)}
    rate = Script(services=("C02",), anonymous=True, values=typed, actions={"rate": "grade:4"})
    await world.walk(rate)
    (page,) = looking.found
    assert "居住证签注" in page.blocks[0].label.zh
    await in_the_city(world, "select 1 from rating where receipt_number = %s and service = 'H13' and grade = 4", number)


async def test_every_sheet_has_its_head_and_the_query_names_the_documents(world: World) -> None:
    await world.walk(world.script("chen", "T01", actions={"not_yet": "print, leave"}))
    await world.walk(world.script("zhao", "E13", actions={"documents": "print, next"}))
    missing, query = world.slips()
    for sheet in (missing, query):
        for wanted in HEAD:
            assert wanted in sheet, wanted
    assert "一次性告知单" in missing
    assert "陈" in missing
    assert "往来港澳通行证" in query
    assert "赵*福" in query
