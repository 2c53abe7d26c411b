"""What the camera sees, with the box around a face, renewed every second."""

from __future__ import annotations

from functools import partial

from devices.vocabulary import DeviceStatus
from kiosk.maintenance import words
from kiosk.maintenance.stay import Stay
from kiosk.pages import Hero, Page, Picture
from kiosk.roster import CAMERA
from kiosk.text import text


async def look(stay: Stay, name: str) -> None:
    """Until "back"."""
    await stay.record("test", device=name, test="look")
    await stay.show_live(partial(_page, stay, name))


async def _page(stay: Stay, name: str) -> Page:
    picture = await stay.machine.snapshot(boxes=True)
    status: DeviceStatus = stay.machine.peripherals.status(name)
    if picture:
        block = Picture(data=picture, label=text("maintenance.picture"))
    else:
        block = Hero(
            icon="camera", level="warn", title=text("maintenance.no_picture"), lead=words.fault_of(status, CAMERA)
        )
    return stay.page("maintenance_camera", text("maintenance.look"), block, lead=text("maintenance.look_lead"))
