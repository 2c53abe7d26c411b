"""A device's own self-test, for every driver that has one."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from devices.contract import Completed
from devices.vocabulary import Completion
from kiosk.maintenance import words
from kiosk.maintenance.badge import READER
from kiosk.maintenance.stay import BACK, LEAVE, Stay
from kiosk.pages import Answer, Hero
from kiosk.text import NOTHING, Text, text

_TEST_S = 20.0


async def show(stay: Stay, name: str) -> None:
    """Run it and say how it ended."""
    title = text("maintenance.self_test")
    busy = stay.page(
        "maintenance_testing",
        title,
        Hero(icon="hourglass-medium", level="info", title=title, busy=True),
        actions=(LEAVE,),
    )
    async with AsyncExitStack() as stack:
        if name == READER:
            await stack.enter_async_context(stay.badge.lent())
        done = await stay.show_while(busy, partial(_run, stay, name))
    if isinstance(done, Answer):
        return
    level, words_, lead = _judged(done)
    hero = Hero(icon="check-circle" if done.ok else "warning-circle", level=level, title=words_, lead=lead)  # type: ignore[arg-type]
    await stay.show(stay.page("maintenance_tested", title, hero, actions=(LEAVE, BACK)))


async def _run(stay: Stay, name: str) -> Completed:
    call = stay.machine.peripherals.call
    return await stay.tested(name, "self_test", partial(call, name, "self_test", _TEST_S))


def _judged(done: Completed) -> tuple[str, Text, Text]:
    if done.ok:
        return "ok", text("maintenance.test_ok"), NOTHING
    if done.code is Completion.UNSUPPORTED:
        return "info", text("maintenance.test_unsupported"), NOTHING
    return "error", text("maintenance.test_failed"), words.fault(done.error or done.code.value)
