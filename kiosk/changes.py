"""What changes by itself, a device or the network: said on the status socket and to the page that is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import trio

from devices.vocabulary import DeviceStatus
from kiosk.hub_link.state import LinkState
from kiosk.logs import place_of

log = structlog.get_logger()


class Changes:
    """One per machine. ``came_online`` is set, and replaced, whenever the hub answers again."""

    def __init__(self, publish: Callable[..., None]) -> None:
        self.came_online = trio.Event()
        self._publish = publish
        self._refresh_page: Callable[[], None] | None = None

    def device_changed(self, name: str, status: DeviceStatus) -> None:
        """A device's state, or what a person must do for it, is another one."""
        facts = {"device": status.device, "media": status.media, "supply": status.supply, "error": status.error}
        self._publish("device", name=name, **facts)
        self.refresh_page()

    def device_did(self, name: str, command: str, code: str, seconds: float) -> None:
        """A command of a device has ended."""
        self._publish("command", device=name, command=command, code=code, seconds=seconds)

    def link_changed(self, state: LinkState, *, is_online: bool) -> None:
        """The hub is reached, or is not, or says something else."""
        self._publish("link", online=is_online, state=state)
        if is_online:
            self.came_online.set()
            self.came_online = trio.Event()
        self.refresh_page()

    @contextmanager
    def refreshing(self, refresh: Callable[[], None]) -> Iterator[None]:
        """While inside, ``refresh`` is called whenever something changes."""
        self._refresh_page, before = refresh, self._refresh_page
        try:
            yield
        finally:
            self._refresh_page = before

    def refresh_page(self) -> None:
        """Whoever shows a page makes it anew."""
        if self._refresh_page is None:
            return
        try:
            self._refresh_page()
        except Exception as error:
            # The boundary of what changes by itself: the page stays as it was, and whoever told of the change goes on.
            log.error("page_not_refreshed", error=type(error).__name__, where=place_of(error))
