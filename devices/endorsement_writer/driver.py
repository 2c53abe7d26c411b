"""Endorsement writer behind a bridge: chip keys and rewritable film are the vendor's (no public wire).

The person's permit is drawn in (``accept_old``), written (``write``: one number of the stock) and given back
(``hand_out``); it is never swallowed.
"""

from __future__ import annotations

from typing import ClassVar

from devices.contract import DriverSettings
from devices.declaration import Declaration, DeviceTest
from devices.document_making import DocumentMaker, Maker
from devices.json_maker import BridgeSettings, JsonMaker


class EndorsementWriterSettings(BridgeSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``driver = "endorsement_writer"``: an endorsement writer behind a bridge that speaks JSON lines."""


class EndorsementWriter(DocumentMaker):
    """Driver of an endorsement writer; a vendor's own is a subclass with another ``maker``."""

    kind: ClassVar[str] = "endorsement_writer"
    declarations: ClassVar[dict[str, Declaration]] = {
        "endorsement_writer": Declaration("notebook", (DeviceTest(), DeviceTest("give_back", "eject")))
    }
    Settings: ClassVar[type[DriverSettings]] = EndorsementWriterSettings
    commands: ClassVar[frozenset[str]] = DocumentMaker.commands - {"swallow_old"}

    def maker(self, settings: BridgeSettings) -> Maker:
        """The bridge."""
        return JsonMaker(settings)
