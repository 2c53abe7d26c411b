"""A promised date in words: when it is due at the latest, and how it was counted."""

from __future__ import annotations

from datetime import date
from math import ceil

from kiosk.catalogue.model import Limit
from kiosk.text import Text, text


def promise_words(promised_on: date, accepted_on: date, limit: Limit | None) -> Text:
    """What the department promised when it accepted. ``limit``: the catalogue's, None where it is not known.

    A service that is done at once has the day of its acceptance for its promised date: nothing is due "before" it.
    """
    day = promised_on.isoformat()
    if promised_on <= accepted_on and (limit is None or limit.n < 1):
        return text("promise.at_once", date=day)
    latest = text("promise.latest", date=day, weekday=text(f"promise.weekday_{promised_on.isoweekday()}"))
    if limit is None or not limit.n:
        return latest
    return text("promise.counted", latest=latest, span=text(f"promise.unit_{limit.unit}", n=ceil(limit.n)))
