"""Which kinds of fields there are: simple ones share a page (``KINDS``), others have pages of their own (``PAGES``)."""

from __future__ import annotations

from kiosk.journey.fields.address import ADDRESS
from kiosk.journey.fields.kinds import Kind
from kiosk.journey.fields.numbers import DATE, DECISION, ID_NUMBER, NUMBER, PHONE, TEXT, USCC
from kiosk.journey.fields.own_pages import OwnPages
from kiosk.journey.fields.phone_code import PHONE_CODE
from kiosk.journey.fields.region import REGION
from kiosk.journey.fields.vehicles import PLATE, VIN

KINDS: dict[str, Kind] = {
    "text": TEXT,
    "phone": PHONE,
    "number": NUMBER,
    "id_number": ID_NUMBER,
    "date": DATE,
    "plate": PLATE,
    "vin": VIN,
    "decision": DECISION,
    "uscc": USCC,
}
PAGES: dict[str, OwnPages] = {"region": REGION, "address": ADDRESS, "code": PHONE_CODE}
