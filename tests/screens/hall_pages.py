"""The pages of what a hall gives besides: appointments, post, addresses, codes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from kiosk.journey.fields import address, phone_code
from kiosk.journey.fields.kinds import FormField
from kiosk.journey.steps import appointment, delivery, express, plate_number
from kiosk.messages.hall import AddressAnswer, PostAnswer, PostCase, Slot, SlotsAnswer
from kiosk.messages.plates import PlatesAnswer
from kiosk.pages import Page
from kiosk.text import NOTHING, Text, text
from tests.screens.real_steps import Visitor, first_page, journey_of

_DAYS = ("2027-01-12", "2027-01-13", "2027-01-14", "2027-01-15", "2027-01-18")
_HOURS = ("09:00", "09:30", "10:00", "10:30", "11:00", "14:00", "14:30", "15:00", "15:30", "16:00", "16:30")
SLOTS = [
    Slot(f"{day}T{begin}", f"{day}T{end}", 1 + n % 4)
    for day in _DAYS
    for n, (begin, end) in enumerate(pairwise(_HOURS))
]
MINE = Slot("2027-01-13T09:30", "2027-01-13T10:00", 0, "A006", "990101000120270112000017")
POSTED = [
    PostCase("1", "990101000120270112000017", "E01", "decided"),
    PostCase("2", "990101000120270112000215", "H01", "in_review", "waiting", "通办市试点区*** 139****0001"),
    PostCase("3", "990101000120270112000413", "H02", "decided", "sent", "通办市试点区*** 139****0001", "EX123456789CN"),
]
FOUND = ["通办市试点区示范街6号2栋1203室", "通办市试点区示范街6号2栋1204室", "通办市试点区和平大道88号1701室"]
ADDRESS = "通办市试点区演示路12号3单元401室"


def hall_pages() -> dict[str, Page]:
    """All of them by name."""
    return {**_slots(), **_plates(), **_post(), **_addresses(), **_codes()}


def _slots() -> dict[str, Page]:
    visitor: Any = Visitor("slot_days", SlotsAnswer("open", SLOTS))
    journey = journey_of(visitor, "C04", "appointment")
    return {
        "slot_days": first_page(appointment.step, visitor, journey),
        "slot_times": appointment._times_page(journey, SLOTS[:10], gone=False),
        "slot_times_gone": appointment._times_page(journey, SLOTS[:9], gone=True),
        "slot_mine": appointment._own_page(journey, MINE),
        "slot_cancel": appointment._sure_page(journey, MINE),
    }


def _plates() -> dict[str, Page]:
    visitor: Any = Visitor("plate_numbers")
    journey = journey_of(visitor, "T20", "plate_number")
    numbers = [f"通A·{n:04}T" for n in range(7, 400, 20)]
    return {
        "plate_numbers": plate_number._page(journey, PlatesAnswer("open", numbers, 1, 2), gone=False),
        "plate_numbers_gone": plate_number._page(journey, PlatesAnswer("gone", numbers[:5], 3), gone=True),
    }


def _post() -> dict[str, Page]:
    visitor: Any = Visitor("express", PostAnswer(POSTED))
    journey = journey_of(visitor, "C08", "express")
    found = {"express": first_page(express.step, visitor, journey)}
    values = {"post_address": ADDRESS, "post_phone": "139"}
    wrong = {"post_phone": text("post.phone_wrong")}
    found["delivery"] = delivery._page(journey, {"post_address": "", "post_phone": ""}, {}, "通办市试点区示范路8号")
    found["delivery_wrong"] = delivery._page(journey, values, wrong, "通办市试点区示范路8号")
    return found


def _addresses() -> dict[str, Page]:
    visitor: Any = Visitor("address")
    journey = journey_of(visitor, "H11", "form")
    title = Text("您住在哪里？", "Where do you live?")
    field = FormField(name="address", label=Text("居住地址", "Address"), kind="address")
    return {
        "address": address._words_page(journey, title, field, "月球路", text("address.none")),
        "address_new": address._words_page(journey, title, field, "", NOTHING),
        "address_found": address._found_page(journey, title, field, AddressAnswer(FOUND, more=True)),
    }


def _codes() -> dict[str, Page]:
    visitor: Any = Visitor("phone_number")
    journey = journey_of(visitor, "T07", "form")
    title = Text("新的手机号是多少？", "What is your new number?")
    field = FormField(name="phone", label=Text("手机号码", "Mobile number"), kind="code")
    return {
        "phone_number": phone_code._number_page(journey, title, field, "", NOTHING),
        "phone_code": phone_code._code_page(journey, title, "13900000001", NOTHING),
        "phone_code_wrong": phone_code._code_page(journey, title, "13900000001", text("code.wrong", n=4)),
    }
