"""The machine itself: store, disk, hub link, versions."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from kiosk import doctor
from kiosk.clock import local
from kiosk.maintenance.stay import BACK, LEAVE, Stay
from kiosk.pages import Action, Answer, Fact, Facts, Hero, Notice, Page
from kiosk.text import Text, same, text
from kiosk.threads import in_thread

_VERSIONS = ("tongban", "catalogue", "python")


async def show(stay: Stay) -> None:
    """Until "back"; the disk is measured anew on request."""
    answer = None
    while answer is None or answer.action != "back":
        store = await stay.show_while(_busy_page(stay), partial(_measured, stay))
        if not isinstance(store, Answer):
            answer = await stay.show(_page(stay, store))


async def _measured(stay: Stay) -> dict[str, Any]:
    facts = await in_thread(doctor.store_facts, stay.machine)
    return facts | await in_thread(doctor.memory_facts, stay.machine)


def _busy_page(stay: Stay) -> Page:
    title = text("maintenance.measuring")
    hero = Hero(icon="database", level="info", title=title, busy=True)
    return stay.page("maintenance_measuring", text("maintenance.facts"), hero, actions=(LEAVE,))


def _page(stay: Stay, store: dict[str, Any]) -> Page:
    versions = doctor.versions(stay.machine.catalogue.version)
    again = Action(id="again", label=text("maintenance.measure"), style="primary", icon="arrow-clockwise")
    safe = store["freed_memory_overwritten"]
    return stay.page(
        "maintenance_facts",
        text("maintenance.facts"),
        *_trouble(stay),
        Facts(title=text("maintenance.store"), rows=_store(store)),
        Facts(title=text("maintenance.hub"), rows=_hub(stay)),
        Facts(
            title=text("maintenance.program"),
            rows=(
                *(_fact(name, same(versions[name])) for name in _VERSIONS),
                _fact("clock", _clock(stay)),
                _fact("memory", text("maintenance.memory_on" if safe else "maintenance.memory_off")),
                *_protection(doctor.protection_facts(stay.machine)),
            ),
        ),
        actions=(LEAVE, BACK, again),
    )


def _store(store: dict[str, Any]) -> tuple[Fact, ...]:
    room = text("maintenance.room" if store["has_room"] else "maintenance.no_room", mb=store["free_mb"])
    return (_fact("engine", same(f"SQLite {store['engine']}")), _fact("free", room), _fact("sync", _sync(store)))


def _sync(store: dict[str, Any]) -> Text:
    if "disk" not in store:
        return text("maintenance.sync_unknown")
    times = f"{store['sync_p50_ms']:.2f} / {store['sync_p99_ms']:.2f} ms"
    return text(f"maintenance.disk_{store['disk'].replace(' ', '_')}", times=times)


def _protection(found: dict[str, Any]) -> tuple[Fact, ...]:
    """What the secrets are sealed with, and one row for each protection that is missing."""
    lacks = (_fact("lacks", text(f"maintenance.lacks_{name}")) for name in found["missing"] if name != "sealing")
    return (_fact("secrets", text(f"maintenance.secrets_{found['secrets']}")), *lacks)


def _trouble(stay: Stay) -> tuple[Notice, ...]:
    """What does not come right by itself stands first."""
    link = stay.machine.link
    words = Notice(level="error", icon="warning", text=text(f"link.{link.state}"))
    return (words,) if link.needs_a_person else ()


def _hub(stay: Stay) -> tuple[Fact, ...]:
    link = stay.machine.link
    state = () if link.needs_a_person else (_fact("link", text(f"link.{link.state}")),)
    seen = (_fact("link_seen", same(link.detail)),) if link.detail not in ("", link.state) else ()
    return (*state, *seen, _fact("address", same(urlsplit(stay.machine.config.hub.url).netloc)))


def _clock(stay: Stay) -> Text:
    read = stay.machine.clock.read()
    if not read.is_known:
        return text("maintenance.clock_unknown")
    now = f"{local(read.at):%Y-%m-%d %H:%M}"
    return text("maintenance.clock_doubted" if read.is_doubted else "maintenance.clock_good", now=now)


def _fact(name: str, value: Text) -> Fact:
    return Fact(label=text(f"maintenance.{name}"), value=value)
