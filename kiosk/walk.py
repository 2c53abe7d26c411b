"""``kiosk walk``: the real machine with a scripted citizen in place of a person; no window, or the real one."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog
import trio

from kiosk.citizen import Citizen, Script, turn_wanted
from kiosk.messages.address import is_loopback_host
from kiosk.messages.authorities import trusting
from kiosk.pages import Answer, Page, Presenter, Receipt, Settings, restored
from kiosk.threads import in_thread

log = structlog.get_logger()
_PHONE_S = 60.0
"""A citizen's patience with a page on the phone."""


class PageTime(msgspec.Struct, frozen=True):
    """How long one page was up, machine time: a scripted citizen needs none to think."""

    kind: str
    service: str
    seconds: float


class ScriptedPresenter:
    """Answers pages by a script. With ``inner`` the page is drawn and photographed before it is answered."""

    def __init__(
        self,
        citizen: Citizen | None = None,
        inner: Presenter | None = None,
        shots: Path | None = None,
        **_screen: Any,
    ) -> None:
        self.citizen = citizen or Citizen(Script())
        self.times: list[PageTime] = []
        self.on_touch: Callable[[], None] = lambda: None
        self._inner = inner
        self._screen: Any = inner  # only presenters that draw can be photographed
        self._shots = shots
        self._page: Page | None = None
        self._changed = trio.Event()
        self._turned = self._scanned = ""
        self._photographed: set[str] = set()
        self._picture: Path | None = None

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        """Nothing to draw of its own."""
        if self._inner is not None:
            await self._inner.run(task_status=task_status)
        else:
            task_status.started()
            await trio.sleep_forever()

    async def show(self, page: Page, settings: Settings) -> Answer:
        """Decide at once, or follow the page's changes until it is answered or replaced."""
        began = trio.current_time()
        self._page = page
        try:
            if self._inner is None:
                return await self._answer()
            return await self._drawn(page, settings)
        finally:
            self.times.append(PageTime(page.kind, page.service, trio.current_time() - began))
            self._page = None

    async def _drawn(self, page: Page, settings: Settings) -> Answer:
        found: list[Answer] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(self._screen.show, page, settings))
            self._picture = self._new_picture(page)
            await self._photograph()
            found.append(await self._answer())
            nursery.cancel_scope.cancel()
        if self._picture is not None and found[0].values:
            await self._show_filled(restored(page, found[0].values), settings)
        return found[0]

    async def _show_filled(self, page: Page, settings: Settings) -> None:
        """What was typed and signed stands on the picture as a person would see it before the last touch."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(self._screen.show, page, settings))
            await self._photograph()
            nursery.cancel_scope.cancel()

    def _new_picture(self, page: Page) -> Path | None:
        """Where this page's picture goes; None when a page of this kind has its picture already."""
        name = f"{page.service}-{page.kind}" if page.service else page.kind
        if self._shots is None or name in self._photographed:
            return None
        self._photographed.add(name)
        return self._shots / f"{len(self._photographed):02d}-{name}.png"

    async def _photograph(self) -> None:
        """A PNG of what stands on the screen; a page that changes is photographed anew, as it was last."""
        if self._picture is not None:
            await self._screen.until_drawn()
            self._screen.screenshot(self._picture)

    async def _answer(self) -> Answer:
        while True:
            page = self._page
            if page is None:
                await trio.sleep_forever()
            assert page is not None
            self._changed = trio.Event()
            for control in self.citizen.controls(page):
                await act(control.socket, control.do, control.arguments)
            await self._turn(page)
            await self._pay(page)
            await self._read_message(page)
            answer = self.citizen.decide(page)
            if answer is not None:
                return answer
            await self._changed.wait()
            await self._photograph()

    async def _turn(self, page: Page) -> None:
        wanted = turn_wanted(page)
        if wanted and self.citizen.script.turn and wanted != self._turned:
            self._turned = wanted
            await act(self.citizen.script.turn, "turn", {"to": wanted})

    async def _pay(self, page: Page) -> None:
        """With the bench's phone: a code of the reference acquirer on this computer, and no other."""
        code = next((block.qr for block in page.blocks if isinstance(block, Receipt)), "") if page.kind == "pay" else ""
        if code and code != self._scanned and is_loopback_host(urlsplit(code).hostname or ""):
            self._scanned = code
            await in_thread(_scan, code)

    async def _read_message(self, page: Page) -> None:
        """On the telephone of a demonstration on this computer: the code of the newest message."""
        shelf = self.citizen.script.messages
        if page.kind == "phone_code" and is_loopback_host(urlsplit(shelf).hostname or ""):
            messages = (await in_thread(_get_bench_shelf, shelf)).json()
            self.citizen.told["sms_code"] = "".join(re.findall("[0-9]{6}", [*messages.values(), ""][-2:][0])[:1])

    def update(self, page: Page) -> None:
        """The page has changed: look again."""
        if self._inner is not None:
            self._inner.update(page)
        self._page = page
        self._changed.set()

    def values(self) -> dict[str, Any]:
        """A scripted citizen leaves nothing half typed."""
        return {}

    def tick(self, left_s: float, total_s: float) -> None:
        """Draw the countdown where there is a screen."""
        if self._inner is not None:
            self._inner.tick(left_s, total_s)

    def forget(self, then: Page | None = None) -> None:
        """The script stays, it is nobody's data; the screen forgets."""
        self._page, self._turned = None, ""
        if self._inner is not None:
            self._inner.forget(then)


def _get_bench_shelf(shelf: str) -> httpx.Response:
    return httpx.get(shelf, timeout=_PHONE_S, verify=trusting())


def _scan(code: str) -> None:
    try:
        httpx.post(code, timeout=_PHONE_S, verify=trusting())
    except httpx.HTTPError as error:
        log.warning("not_paid", error=type(error).__name__)


async def act(socket: str, verb: str, arguments: dict[str, Any]) -> None:
    """Do something to an emulated device; a refusal is logged, the walk shows what the machine made of it."""
    if error := await in_thread(_do, socket, verb, arguments):
        log.warning("control_refused", verb=verb, error=error)


def _do(socket: str, verb: str, arguments: dict[str, Any]) -> str:
    """Why it was refused, "" when it was done. A production machine has no emulators to talk to."""
    try:
        from devices.simulation import ControlClient, SimError
    except ModuleNotFoundError:
        return "there are no emulators here; tongban-bench brings them"
    try:
        client = ControlClient(socket)
        try:
            client.do(verb, **arguments)
        finally:
            client.close()
    except (SimError, OSError) as error:
        return str(error)
    return ""
