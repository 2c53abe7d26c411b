"""What the hub told of a case, read so that nothing it says can stop a page.

A state, actor or reason that we do not know, or a date that is none, is shown as it came or left out.
"""

from __future__ import annotations

from datetime import date, datetime

from kiosk.cases import CLOCK_RUNS, CaseState
from kiosk.catalogue.model import Catalogue, Service
from kiosk.clock import from_rfc3339, local
from kiosk.journey.promise import promise_words
from kiosk.messages.questions import CaseProgress, ProgressState
from kiosk.text import NOTHING, Text, plain, text, worded

_ACCEPTED = frozenset(s for s in CaseState if not CaseState.before_acceptance(s)) - {CaseState.NOT_ACCEPTED}


def state_words(state: str) -> Text:
    """A state's name; one of a newer hub as it came."""
    return worded("state.", state, text("state.other", state=plain(state)))


def when(state: ProgressState) -> datetime | None:
    """The moment of a state, None where none can be read."""
    try:
        return local(from_rfc3339(state.at))
    except (TypeError, ValueError, OverflowError):
        return None


def proof_words(state: ProgressState, catalogue: Catalogue) -> Text:
    """When, and by whose word."""
    moment = when(state)
    shown = f"{moment:%Y-%m-%d %H:%M}" if moment else text("progress.no_time")
    return text("progress.by", when=shown, who=_who(state.by, catalogue))


def _who(actor: str, catalogue: Catalogue) -> Text:
    if actor in catalogue.departments:
        return catalogue.department_name(actor)
    return worded("progress.who_", actor, text("progress.who_other"))


def codes(state: ProgressState) -> tuple[str, ...]:
    """The reasons of a state. An older hub joins them into one note."""
    listed = getattr(state, "reasons", None)
    found = listed or state.note.replace(",", " ").split()
    return tuple(dict.fromkeys(str(code) for code in found))


def last_reasons(case: CaseProgress | None) -> tuple[str, ...]:
    """Why it stands where it stands."""
    return codes(case.states[-1]) if case and case.states else ()


def accepted_at(case: CaseProgress) -> datetime | None:
    """When a department first took it, None where that is not proved or its time cannot be read."""
    taken = next((s for s in case.states if s.state in _ACCEPTED), None)
    return when(taken) if taken else None


def promise(case: CaseProgress, service: Service | None) -> Text:
    """The promised date in words, only while a proved acceptance makes the clock run."""
    last = case.states[-1].state if case.states else ""
    if last not in CLOCK_RUNS or not isinstance(case.promised_date, date):
        return NOTHING
    moment = accepted_at(case)
    accepted_on = moment.date() if moment else date.min
    # Whose limits are others than the usual ones is not known here: only the date is said then.
    is_usual = service is not None and not service.limits_if
    limits = (service.limit_promise, service.limit_law) if service and is_usual else (None, None)
    return promise_words(case.promised_date, accepted_on, limits[0], law=limits[1], by=case.promised_by)
