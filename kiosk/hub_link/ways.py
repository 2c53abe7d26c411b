"""Which carriers a machine uses (``[hub] carrier``)."""

from __future__ import annotations

from typing import Literal, Protocol

from kiosk.clock import Clock
from kiosk.hub_link.carriers import Carrier, HttpsCarrier
from kiosk.hub_link.files import FileCarrier
from kiosk.hub_link.http import HubHttp


class CarrierSettings(Protocol):
    """``[hub]`` of the configuration, as far as it names the ways."""

    @property
    def carrier(self) -> Literal["https", "file", "both"]: ...
    @property
    def folder(self) -> str: ...


def carriers_for(
    settings: CarrierSettings, http: HubHttp, clock: Clock, kiosk_id: str
) -> tuple[Carrier, FileCarrier | None]:
    """The first carrier and, where answers come by folder, the file carrier: the same one with ``file`` alone."""
    https = HttpsCarrier(http, clock)
    if settings.carrier == "https":
        return https, None
    files = FileCarrier(settings.folder, kiosk_id, clock.monotonic)
    return (files if settings.carrier == "file" else https), files
