"""``kiosk walk`` whose citizens come from outside: ``python -m tests.matrix.wipe.child SOCKET kiosk-arguments``.

What a visit types must not be known before it and must not stay after it, so each citizen's script arrives over
``SOCKET`` when the former one is forgotten. At the pages in ``hold`` the citizen waits until told to go on; ``breaks``
names what goes wrong in this visit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec
import trio

from kiosk import wipe
from kiosk.citizen import Citizen, Script
from kiosk.commands import walking
from kiosk.pages import Answer, Page, Settings
from kiosk.vision import client
from kiosk.walk import ScriptedPresenter
from tests.waiting import times_slower

MACHINES: list[Any] = []
"""That of this process."""
_OWN_S = (wipe.IN_TIME_S, client.FORGET_TIMEOUT_S)
_LEAST_TIMES = 20.0
"""What is busy at the moment of a wipe was not yet when it was measured. How quick a wipe is, is not looked at here."""


class Coming(msgspec.Struct):
    """One citizen: the script, where to stand still, what breaks (``screen``, ``step``, ``store``).

    ``steps``: what the wanted services ask in this machine, where no service of the catalogue asks all of it at once.
    """

    script: Script = Script()
    hold: tuple[str, ...] = ()
    breaks: str = ""
    steps: tuple[dict[str, Any], ...] = ()


class Relayed(walking.Walking):
    """Asks the other end for each citizen."""

    def __init__(self, script: Script, inner: object, shots: Any) -> None:
        super().__init__(script, inner, shots)
        self._coming: Coming | None = None
        self._stream: trio.SocketStream | None = None
        self._pending = b""
        self._broken = trio.Event()
        self._is_held = False

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        self._stream = await trio.open_unix_socket(SOCKET)
        async with trio.open_nursery() as nursery:
            await nursery.start(super().run)
            task_status.started()
            await self._broken.wait()
            raise RuntimeError("the window system is gone")

    async def show(self, page: Page, settings: Settings) -> Answer:
        if self._coming is None:
            self._coming = msgspec.json.decode(await self._said("next"), type=Coming)
            self.citizen = Citizen(self._coming.script)
            _give(self._coming)
            _in_proportion()
        if self._is_held and page.kind == "face_again":
            return Answer(action="next")
        if self._is_held or page.kind in self._coming.hold:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._drawn_or_not, page, settings)
                await self._hold(page.kind)
                nursery.cancel_scope.cancel()
            self._break()
        return await super().show(page, settings)

    def forget(self, then: Page | None = None) -> None:
        ScriptedPresenter.forget(self, then)
        self._coming, self.citizen = None, Citizen(Script())

    async def _hold(self, kind: str) -> None:
        """Until it is let go. A page that ends by itself meanwhile holds the next one, and a face is tried again.

        A busy machine sees so few pictures a second that it takes somebody who stands there for gone.
        """
        assert self._coming is not None
        if not self._is_held:
            self._is_held = True
            self._coming.hold = tuple(each for each in self._coming.hold if each != kind)
            await self._say(kind)
        await self._line()
        self._is_held = False

    async def _drawn_or_not(self, page: Page, settings: Settings) -> None:
        if self._inner is not None:
            await self._inner.show(page, settings)

    def _break(self) -> None:
        assert self._coming is not None
        what, self._coming.breaks = self._coming.breaks, ""
        if what == "screen":
            self._broken.set()
        if what == "step":
            raise ValueError("something that nobody foresaw")
        if what == "store":
            _break_once()

    async def _said(self, what: str) -> bytes:
        await self._say(what)
        return await self._line()

    async def _say(self, what: str) -> None:
        assert self._stream is not None
        await self._stream.send_all(msgspec.json.encode(what) + b"\n")

    async def _line(self) -> bytes:
        assert self._stream is not None
        while b"\n" not in self._pending:
            got = await self._stream.receive_some(65536)
            if not got:
                await trio.sleep_forever()
            self._pending += got
        line, _, self._pending = self._pending.partition(b"\n")
        return line


def _give(coming: Coming) -> None:
    from kiosk.catalogue.kinds import spec_type

    services = MACHINES[-1].catalogue.services
    for key in coming.script.services if coming.steps else ():
        steps = tuple(msgspec.convert(table, spec_type(table["kind"])) for table in coming.steps)
        services[key] = msgspec.structs.replace(services[key], steps=steps, proxy="yes")


def _in_proportion() -> None:
    """A worker that has no time to forget is ended by force, which is safe, but nothing is left of it to look at."""
    slower = max(_LEAST_TIMES, times_slower())
    wipe.IN_TIME_S, client.FORGET_TIMEOUT_S = (slower * own_s for own_s in _OWN_S)


def _break_once() -> None:
    """The next case cannot be written: the disk fails."""
    from offline_cache.errors import StoreError
    from offline_cache.outbox import Outbox

    original: Callable[..., Any] = Outbox.put

    def put(*_arguments: Any, **_more: Any) -> Any:
        Outbox.put = original  # type: ignore[method-assign]
        raise StoreError("the disk fails")

    Outbox.put = put  # type: ignore[method-assign]


def main() -> None:
    """The same start as ``kiosk walk``, but for the module's name."""
    from kiosk.cli import main as cli
    from kiosk.machine import Machine

    made = Machine.__init__

    def init(machine: Machine, *arguments: Any, **more: Any) -> None:
        made(machine, *arguments, **more)
        MACHINES.append(machine)

    Machine.__init__ = init  # type: ignore[method-assign]
    walking.Walking = Relayed  # type: ignore[misc]
    cli(sys.argv[2:], prog_name="kiosk")


if __name__ == "__main__":
    SOCKET = sys.argv[1]
    main()
