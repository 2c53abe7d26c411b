"""A test that a driver does by itself: its self-test, or another command that it declares."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from devices.contract import Completed
from devices.vocabulary import Completion
from kiosk.maintenance import words
from kiosk.maintenance.stay import BACK, LEAVE, Stay
from kiosk.pages import Answer, Hero, Level
from kiosk.text import NOTHING, Text, text

_TEST_S = 20.0


async def show(stay: Stay, name: str, test: str = "self_test") -> None:
    """Run it and say how it ended."""
    kind = stay.machine.peripherals.kinds[name]
    title = words.test(test, kind)
    hero = Hero(icon="hourglass-medium", level="info", title=title, busy=True)
    busy = stay.page("maintenance_testing", title, hero, actions=(LEAVE,))
    async with AsyncExitStack() as stack:
        if name == stay.badge.reader:
            await stack.enter_async_context(stay.badge.lent())
        done = await stay.show_while(busy, partial(_run, stay, name, test))
    if isinstance(done, Answer):
        return
    level, said, lead = _judged_test(done, kind)
    hero = Hero(icon="check-circle" if done.ok else "warning-circle", level=level, title=said, lead=lead)
    await stay.show(stay.page("maintenance_tested", title, hero, actions=(LEAVE, BACK)))


async def _run(stay: Stay, name: str, test: str) -> Completed:
    call = stay.machine.peripherals.call
    return await stay.tested(name, test, partial(call, name, test, _TEST_S))


def _judged_test(done: Completed, kind: str) -> tuple[Level, Text, Text]:
    if done.ok:
        return "ok", text("maintenance.test_ok"), NOTHING
    if done.code is Completion.UNSUPPORTED:
        return "info", text("maintenance.test_unsupported"), NOTHING
    return "error", text("maintenance.test_failed"), words.fault(done.error or done.code.value, kind)
