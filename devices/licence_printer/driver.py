"""Licence printer behind a bridge: no maker publishes a wire; his library sits behind JSON lines, or in a subclass.

What it prints on is its kind: driving licences, vehicle licences or temporary plates; one machine may have one of each.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from devices.contract import DriverSettings
from devices.declaration import Declaration, DeviceTest
from devices.document_making import DocumentMaker, Maker
from devices.json_maker import BridgeSettings, JsonMaker


class LicencePrinterSettings(BridgeSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "licence_printer"``: a licence printer behind a bridge that speaks JSON lines."""

    kind: Literal["", "licence_printer", "vehicle_licence_printer", "plate_printer"] = ""
    """What its blanks are: driving licences, vehicle licences, temporary plates. Empty: as the table is called."""


class LicencePrinter(DocumentMaker):
    """Driver of a licence printer; a vendor's own is a subclass with another ``maker``."""

    kind: ClassVar[str] = "licence_printer"
    declarations: ClassVar[dict[str, Declaration]] = {
        "licence_printer": Declaration("identification-badge", (DeviceTest(), DeviceTest("retract", "tray"))),
        "vehicle_licence_printer": Declaration("car-profile", (DeviceTest(), DeviceTest("retract", "tray"))),
        "plate_printer": Declaration("car-simple", (DeviceTest(), DeviceTest("retract", "tray"))),
    }
    Settings: ClassVar[type[DriverSettings]] = LicencePrinterSettings

    def maker(self, settings: BridgeSettings) -> Maker:
        """The bridge."""
        return JsonMaker(settings)
