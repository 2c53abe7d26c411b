"""Documents made at the real machine for real cases: granted by the real department, paid, written, in the hand."""

from __future__ import annotations

from kiosk.clock import Clock
from kiosk.payments import PRODUCE
from kiosk.production import HOLD
from offline_cache.store import Store
from tests.kiosk.machine.conftest import World

WRITER, PRINTER = "endorsement_writer", "licence_printer"


def ends(world: World, kind: str) -> list[str | None]:
    """How the effects of this kind ended, oldest first."""
    store = Store.peek(world.stage.folder / "state" / "store.sqlite", now=Clock().now)
    try:
        return [row["outcome"] for row in store.query("SELECT outcome FROM intent WHERE kind = ? ORDER BY id", kind)]
    finally:
        store.close()


async def made(world: World, service: str, person: str, device: str, **more: object) -> str:
    """The slip of one visit, with somebody at the device who puts in and takes out."""
    before = len(world.slips())
    world.do(device, "attend")
    actions = {"rate": "skip", **more.pop("actions", {})}  # type: ignore[dict-item]
    await world.walk(world.script(person, service, actions=actions, **more))
    new = world.slips()[before:]
    assert new, f"no slip; pages: {world.pages()}"
    return new[0]


async def test_endorsement_is_granted_paid_and_written_on_the_permit_that_was_put_in(world: World) -> None:
    slip = await made(world, "E06", "chen", WRITER)
    assert "签注已经写在通行证上" in slip
    assert "在本机缴纳" in slip
    assert "result" not in world.pages(), "the permit itself is the result"
    assert world.do(WRITER, "state")["taken"] == 1
    assert (ends(world, PRODUCE)[-1:], ends(world, HOLD)[-1:]) == (["produced"], ["returned"])


async def test_endorsement_without_a_writer_is_granted_and_goes_to_the_counter(world: World) -> None:
    before = ends(world, PRODUCE)
    world.do(WRITER, "break_down", fault="cover_open")
    slip = await made(world, "E06", "chen", WRITER)
    assert "出入境窗口写入" in slip
    assert "producing" not in world.pages()
    assert ends(world, PRODUCE) == before
