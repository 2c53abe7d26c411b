"""What a person is told when a case could not be filed."""

from __future__ import annotations

from kiosk.hub_link.filing import WrongHubKey
from kiosk.hub_link.numbers import NoNumber
from kiosk.pages import Page
from kiosk.text import text
from kiosk.visit import message
from offline_cache.errors import StoreError


def not_filed(error: StoreError) -> Page:
    """Nothing was filed, and why: no room on the disk, nobody could open it, or the city does not know this machine."""
    why = "key" if isinstance(error, WrongHubKey) else "enrol" if isinstance(error, NoNumber) else "full"
    return message("not_filed", "warning-circle", "error", text("file.full_title"), text(f"file.{why}_lead"))
