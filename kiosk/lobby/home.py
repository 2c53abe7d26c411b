"""Attract and home: what the machine is for, or why nothing can be done here."""

from __future__ import annotations

from devices.id_card_reader.card import IdCard
from kiosk.catalogue.model import NO_LINE
from kiosk.lobby.bundles import BUNDLES
from kiosk.lobby.offers import line_card, tiles
from kiosk.lobby.resume import resume_tile
from kiosk.machine import Machine
from kiosk.pages import Action, Block, CardPrompt, Fact, Facts, Hero, LineCards, Notice, Page, Tile, Tiles
from kiosk.roster import READER
from kiosk.text import NOTHING, Text, same, text
from kiosk.visit import Visit, settings_actions

_SERVICES_SHOWN = 4
COMMON_SHOWN = 6


def home_page(machine: Machine, visit: Visit, *, card_lies_there: bool, trouble: Text = NOTHING) -> Page:
    """What the machine is for, and "put your ID card on the reader"."""
    closed, lines = machine.out_of_service, machine.catalogue.police_lines
    blocks: list = []
    if closed:
        blocks += _closed(machine)
    elif card_lies_there:
        blocks.append(
            Notice(
                level="warn",
                icon="identification-card",
                text=text("home.take_card"),
                detail=text("home.take_card_lead"),
            )
        )
    elif trouble:
        blocks.append(Notice(level="warn", icon="warning", text=trouble))
    elif not machine.peripherals.is_usable(READER):
        blocks.append(Notice(level="warn", icon="warning", text=text("card.reader_lost")))
    if not machine.link.online:
        blocks.append(
            Notice(level="warn", icon="wifi-slash", text=text("home.offline"), detail=text("home.offline_lead"))
        )
    if not closed:
        blocks += [
            CardPrompt(title=text("card.title"), lead=text("home.card_lead"), actions=(resume_tile(machine),)),
            LineCards(cards=tuple(line_card(machine, line, _SERVICES_SHOWN) for line in lines)),
            Tiles(title=text("home.common"), columns=3, tiles=common_tiles(machine)),
        ]
    return Page(
        kind="home",
        layout="home",
        title=text("home.title"),
        lead=same(machine.config.machine.hall),
        spoken=text("card.title"),
        chips=machine.chips(),
        blocks=tuple(blocks),
        actions=settings_actions(visit.settings),
        brand=Action(id="brand", label=text("home.title"), icon="shield-check"),
        timeout_s=0,
    )


def _closed(machine: Machine) -> list[Block]:
    """Why nothing can be done here, since when, and where it can be done instead."""
    rows = [
        Fact(label=text("home.closed_where"), value=text("home.closed_lead")),
        Fact(label=text("home.closed_phone"), value=same(machine.catalogue.help_phone)),
        Fact(label=text("home.closed_filed"), value=text("home.closed_filed_safe")),
    ]
    if machine.out_of_service_since:
        rows.insert(0, Fact(label=text("home.closed_since"), value=same(machine.out_of_service_since)))
    title = text("home.closed", reason=text(f"home.closed_{machine.out_of_service}"))
    return [Hero(icon="wrench", level="warn", title=title, lead=text("home.closed_sorry")), Facts(rows=tuple(rows))]


def common_tiles(machine: Machine, card: IdCard | None = None) -> tuple[Tile, ...]:
    """Bundles and the most used common services; where there are more, the last tile leads to all of them."""
    catalogue = machine.catalogue
    shown = list(tiles(machine, catalogue.common, card))
    if catalogue.bundles:
        label = text("bundles.title")
        shown.insert(
            0, Tile(action=Action(id=BUNDLES, label=label, icon="stack"), line=shown[0].line if shown else NO_LINE)
        )
    if len(shown) <= COMMON_SHOWN:
        return tuple(shown)
    more = Action(id=f"line:{catalogue.common[0].line}", label=text("home.more"), icon="dots-three-circle")
    return (*shown[: COMMON_SHOWN - 1], Tile(action=more, line=shown[0].line))
