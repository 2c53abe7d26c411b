"""Maker of permit cards: a card dispenser and a writer behind a bridge, as one device."""

from __future__ import annotations

from typing import ClassVar, Literal

from devices.card_dispenser.driver import dispenser
from devices.contract import DriverSettings
from devices.declaration import Declaration, DeviceTest
from devices.document_making import DocumentMaker, Maker
from devices.json_maker import BridgeSettings
from devices.permit_maker.bridge import WriterBridge
from devices.permit_maker.cards import Cards
from devices.permit_maker.maker import PermitCards
from devices.ranges import Baudrate, Milliseconds


class PermitMakerSettings(BridgeSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "permit_maker"``: a card writer behind a bridge that speaks JSON lines, and the dispenser under it."""

    dispenser_port: str
    """Serial port of the card dispenser, which has no table of its own then."""
    dispenser_protocol: Literal["crt", "k720"] = "crt"
    """Which family: CRT-571 and CRT-591-M, or K720."""
    dispenser_baudrate: Baudrate = 9600
    """Serial speed of the dispenser, 8N1."""
    dispenser_address: int = 0
    """Address set on the dispenser, 0 to 15."""
    dispenser_timeout_ms: Milliseconds = 8000
    """How long the dispenser's answer may take, a card's way included."""


class PermitMaker(DocumentMaker):
    """Driver of both; for another writer or dispenser a subclass makes its own ``maker``."""

    kind: ClassVar[str] = "permit_maker"
    declarations: ClassVar[dict[str, Declaration]] = {
        "permit_maker": Declaration("cards", (DeviceTest(), DeviceTest("retract", "tray")))
    }
    Settings: ClassVar[type[DriverSettings]] = PermitMakerSettings

    def maker(self, settings: PermitMakerSettings) -> Maker:
        """The bridge and the dispenser."""
        return PermitCards(
            WriterBridge(settings),
            Cards(
                dispenser(
                    settings.dispenser_port,
                    settings.dispenser_baudrate,
                    settings.dispenser_protocol,
                    settings.dispenser_address,
                    settings.dispenser_timeout_ms,
                )
            ),
        )
