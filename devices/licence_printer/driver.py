"""Licence printer behind a bridge: no maker publishes a wire; his library sits behind JSON lines, or in a subclass."""

from __future__ import annotations

from typing import ClassVar

from devices.contract import DriverSettings
from devices.declaration import Declaration, DeviceTest
from devices.document_making import DocumentMaker, Maker
from devices.json_maker import BridgeSettings, JsonMaker


class LicencePrinterSettings(BridgeSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "licence_printer"``: a licence printer behind a bridge that speaks JSON lines."""


class LicencePrinter(DocumentMaker):
    """Driver of a licence printer; a vendor's own is a subclass with another ``maker``."""

    kind: ClassVar[str] = "licence_printer"
    declarations: ClassVar[dict[str, Declaration]] = {
        "licence_printer": Declaration("identification-badge", (DeviceTest(), DeviceTest("retract", "tray")))
    }
    Settings: ClassVar[type[DriverSettings]] = LicencePrinterSettings

    def maker(self, settings: BridgeSettings) -> Maker:
        """The bridge."""
        return JsonMaker(settings)
