"""Documents made at the real machine for real cases: granted by the real department, paid, written, in the hand."""

from __future__ import annotations

import psycopg
import pytest
import trio

from kiosk import running
from kiosk.citizen import Control
from kiosk.clock import Clock
from kiosk.commands.walking import Walking
from kiosk.payments import PRODUCE
from kiosk.production import HOLD
from offline_cache.store import Store
from tests.kiosk.machine.conftest import World
from tests.waiting import comes_true

WRITER, PRINTER, PLATES = "endorsement_writer", "licence_printer", "plate_printer"
PERMITS, CARDS = "permit_maker", "card_dispenser"
AT_ONCE = {"delivery": "at_once"}


STATES = "select item.state from payment_item item join payment using (order_no) order by made_at desc limit 1"


def state_at_hub(world: World) -> str:
    """Of the last thing that was paid for."""
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        row = conn.execute(STATES).fetchone()
    return row[0] if row else ""


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
    laid = Control(page="capture", socket=world.socket("document_camera"), do="lay")
    control = (laid, *more.pop("control", ()))  # type: ignore[misc]
    await world.walk(world.script(person, service, actions=actions, control=control, **more))
    new = world.slips()[before:]
    assert new, f"no slip; pages: {world.pages()}"
    return new[0]


async def told_at_hub(world: World, *states: str) -> None:
    """The machine tells how the payment ended, in its last visit or at its next start."""
    if not world.of("payment"):
        await world.goes_on_until(lambda: bool(world.of("payment")), "the open payment is ended")
    await comes_true(lambda: state_at_hub(world) in states, lambda: f"it is {state_at_hub(world)}, not {states}")


async def test_endorsement_is_granted_paid_and_written_on_the_permit_that_was_put_in(world: World) -> None:
    slip = await made(world, "E06", "chen", WRITER, values={"hong_kong": "3m_1"})
    assert "签注已经写在通行证上" in slip
    assert "在本机缴纳" in slip
    assert "result" not in world.pages(), "the permit itself is the result"
    assert world.do(WRITER, "state")["taken"] == 1
    assert (ends(world, PRODUCE)[-1:], ends(world, HOLD)[-1:]) == (["produced"], ["returned"])


async def test_endorsement_without_a_writer_is_granted_and_goes_to_the_counter(world: World) -> None:
    before = ends(world, PRODUCE)
    world.do(WRITER, "break_down", fault="cover_open")
    slip = await made(world, "E06", "chen", WRITER, values={"hong_kong": "3m_1"})
    assert "出入境窗口写入" in slip
    assert "producing" not in world.pages()
    assert ends(world, PRODUCE) == before


@pytest.mark.parametrize(
    ("service", "person", "device", "old_ones"),
    [("T01", "wang", PRINTER, 1), ("T02", "wang", PRINTER, 0), ("T15", "sun", PLATES, 0)],
)
async def test_licence_or_plate_is_paid_made_on_a_numbered_blank_and_taken(
    world: World, service: str, person: str, device: str, old_ones: int
) -> None:
    slip = await made(world, service, person, device, values=AT_ONCE | {"invoice_number": "27990101"})
    assert "在本机缴纳" in slip
    assert "在本机" in slip.split("接下来")[1]
    state = world.do(device, "state")
    assert (state["taken"], state["swallowed"], state["left"]) == (1, old_ones, 49)
    assert ends(world, PRODUCE)[-1] == "produced"
    await told_at_hub(world, "produced")


async def test_licence_that_cannot_be_made_is_collected_at_the_counter_and_the_money_goes_back(world: World) -> None:
    """The printer breaks when it is paid and filed: the slip sends to the counter, where it is paid then."""
    broken = Control(page="filing", socket=world.socket(PRINTER), do="break_down", arguments={"fault": "jammed"})
    slip = await made(world, "T02", "wang", PRINTER, values=AT_ONCE, control=(broken,))
    assert "not_produced" in world.pages()
    assert "领证时缴纳" in slip
    assert "本机做好" not in slip
    await told_at_hub(world, "refund_due", "refunded")


LAST_CASE = "select state from case_file where service = 'H14' order by key desc limit 1"


def last_permit_case(world: World) -> str:
    """How the city says that it stands."""
    with psycopg.connect(world.stage.ready["hub"]["dsn"]) as conn:
        row = conn.execute(LAST_CASE).fetchone()
    return row[0] if row else ""


async def test_lost_permit_is_made_anew_from_a_blank_card_and_the_city_hears_that_it_is_in_the_hand(
    world: World,
) -> None:
    told = {"reason": "lost", "permit_collection": "at_once"}
    slip = await made(world, "H14", "li", CARDS, values=told)
    assert "新居住证已在本机做好" in slip
    cards, writer = world.do(CARDS, "state"), world.do(PERMITS, "state")
    assert (cards["cards"], cards["taken"], cards["kept"], cards["place"]) == (49, 1, 0, "nowhere")
    assert [each["end"] for each in writer["journal"].values()] == ["written"]
    assert writer["fields"]["permit_valid_to"]
    assert ends(world, PRODUCE)[-1] == "produced"
    machine = world.machine(Walking(world.script("wang"), None, None))
    async with trio.open_nursery() as nursery:
        # It is told in the last visit or at the next start.
        await nursery.start(running.run, machine)
        await comes_true(lambda: last_permit_case(world) == "collected", lambda: f"it is {last_permit_case(world)}")
        nursery.cancel_scope.cancel()


async def test_permit_that_jams_under_way_is_void_and_the_slip_sends_to_the_counter(world: World) -> None:
    jams = Control(page="filing", socket=world.socket(CARDS), do="jam")
    told = {"reason": "lost", "permit_collection": "at_once"}
    slip = await made(world, "H14", "li", CARDS, values=told, control=(jams,))
    assert "not_produced" in world.pages()
    assert "窗口领取" in "".join(slip.split())
    assert "本机做好" not in slip
    assert ends(world, PRODUCE)[-2:] == ["voided", "not_written"]
    assert world.do(CARDS, "state")["cards"] == 49
