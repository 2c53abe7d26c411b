"""A promised date in words: when it is due at the latest, and how it was counted."""

from __future__ import annotations

from datetime import date
from math import ceil

from kiosk.catalogue.model import Limit
from kiosk.messages.questions import BY_LAW, BY_WEEKENDS
from kiosk.text import Text, text


def promise_words(
    promised_on: date, accepted_on: date, limit: Limit | None, *, law: Limit | None = None, by: str = ""
) -> Text:
    """What the department promised when it accepted. ``limit``: the catalogue's, None where it is not known.

    ``law``: the limit of the law, said beside the promise. ``by``: how the date was counted, as the hub says it; what
    ends by the law is told with the law's limit alone.

    A service that is done at once has the day of its acceptance for its promised date: nothing is due "before" it.
    """
    day = promised_on.isoformat()
    if promised_on <= accepted_on and (limit is None or limit.n < 1):
        return text("promise.at_once", date=day)
    limit = law if by == BY_LAW else limit
    latest = text("promise.latest", date=day, weekday=text(f"promise.weekday_{promised_on.isoweekday()}"))
    if limit is not None and limit.n:
        latest = text("promise.counted", latest=latest, span=_span(limit))
        if law is not None and law != limit:
            latest = text("promise.law", promise=latest, span=_span(law))
    return text("promise.by_weekends", promise=latest) if by == BY_WEEKENDS else latest


def _span(limit: Limit) -> Text:
    return text(f"promise.unit_{limit.unit}", n=ceil(limit.n))
