"""What is wrong with a field of a form: above all what no person can fill in, whatever keys they press."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from datetime import date

from kiosk.catalogue.check.patterns import pattern_fault, shortest
from kiosk.catalogue.finding import Finding, one_of
from kiosk.clock import today_here
from kiosk.journey.fields.kinds import FormField
from kiosk.journey.fields.numbers import FIRST_DAY, LAST_DAY, MOST_DIGITS, TODAY, bound
from kiosk.journey.fields.registry import KINDS, PAGES
from kiosk.journey.fields.together import longest_of
from kiosk.journey.fields.vehicles import plates

_WRITES = {
    **dict.fromkeys(("digits", "phone", "date"), string.digits),
    "id_number": string.digits + "X",
    "receipt": string.digits + string.ascii_uppercase,
}
"""What a text has after it was typed by such keys; those that are not here write more than is listed."""


def field_faults(field: FormField) -> Iterator[Finding]:
    """Of one field; paths begin in its own table."""
    yield from _typed(field)
    yield from _choice(field)
    yield from _number(field)
    yield from _days(field)
    if field.optional and field.kind in PAGES:
        yield Finding(("optional",), f"nobody can pass over the pages of the kind {field.kind!r}", "take it out")
    known = [kind.key for kind in plates().kinds] if field.plates else []
    for number, plate in enumerate(field.plates):
        if plate not in known:
            yield Finding(("plates", number), f"no kind of plate {plate!r}", one_of(known, plate))


def _typed(field: FormField) -> Iterator[Finding]:
    longest, kind = longest_of(field), KINDS.get(field.kind)
    if longest < 1:
        yield Finding(("max_length",), "nothing can be typed", "write how many characters")
    elif kind and longest < kind.shortest and not field.pattern:
        said = f"{field.kind} has {kind.shortest} characters at least: none can be typed"
        yield Finding(("max_length",), said, f"write {kind.shortest} or more, or leave it out")
    elif field.pattern is not None and (fault := pattern_fault(field.pattern, longest) or _unwritable(field, longest)):
        yield Finding(("pattern",), *fault)
    elif field.pattern is not None and field.kind == "text" and _takes_no_day(field.pattern):
        yield Finding(("pattern",), "takes 31 February for a day", 'write kind = "date" instead of keys and pattern')
    if field.kind == "text" and field.keys == "id_number":
        yield Finding(("keys",), "a citizen number is judged, not only typed", 'write kind = "id_number" instead')
    if field.kind == "text" and field.keys == "plate":
        yield Finding(("keys",), "a plate is judged, not only typed", 'write kind = "plate" instead')
    if field.pattern is not None and not field.error:
        yield Finding(("error",), "nobody is told what is wrong", "write what the value looks like")


def _unwritable(field: FormField, longest: int) -> tuple[str, str] | None:
    """Why its keys cannot write what its pattern wants, and the fix."""
    kind = KINDS.get(field.kind)
    keys = field.keys if field.kind == "text" or not kind else kind.keys
    if field.kind == "date" or keys not in _WRITES or not field.pattern:
        return None
    least = shortest(field.pattern, _WRITES[keys])
    if least is None:
        fix = 'write keys = "text", or "receipt" for capitals and digits' if field.kind == "text" else "correct it"
        return f"wants what the keys {keys!r} cannot write", fix
    if least > longest:
        return f"wants more than the {longest} characters that can be typed", "set max_length"
    return None


def _takes_no_day(pattern: str) -> bool:
    """Whether it is meant for days, as it knows the months, and takes one that there is not."""
    return any(
        re.fullmatch(pattern, f"2027{sign}02{sign}31") and not re.fullmatch(pattern, f"2027{sign}13{sign}31")
        for sign in ("", "-", "/", ".")
    )


def _choice(field: FormField) -> Iterator[Finding]:
    if field.kind == "choice" and len(field.options) < 2 and not field.fact:
        yield Finding(("options",), "a choice needs two options", "add [[steps.fields.options]]")
    ids, labels = [each.id for each in field.options], [each.label for each in field.options]
    for number, (each, label) in enumerate(zip(ids, labels, strict=True)):
        if not each:
            said = "is empty: who has touched nothing would have chosen it"
            yield Finding(("options", number, "id"), said, "give it an id")
        if each in ids[:number]:
            yield Finding(("options", number, "id"), f"{each!r} stands there twice", "give each its own id")
        if label in labels[:number]:
            yield Finding(("options", number, "label"), "another option has the same words", "say what differs")
    if field.closed_if is not None and not (field.kind == "choice" and field.optional and field.closed):
        yield Finding(("closed_if",), "only an optional choice can be closed, and says why", "add optional and closed")


def _number(field: FormField) -> Iterator[Finding]:
    if field.least is not None and field.most is not None and field.least > field.most:
        yield Finding(("least",), "more than most: no number fits", "correct one of them")
    elif field.most is not None and field.most < 0:
        yield Finding(("most",), "below 0, which no keys write", "write 0 or more")
    elif field.kind == "number" and field.least is not None and len(str(field.least)) > _most_digits(field):
        said = f"more than the {_most_digits(field)} digits that can be typed"
        yield Finding(("least",), said, "correct it or max_length")


def _most_digits(field: FormField) -> int:
    return min(longest_of(field), MOST_DIGITS)


def _days(field: FormField) -> Iterator[Finding]:
    if field.younger_than is not None and field.kind not in ("id_number", "date"):
        yield Finding(("younger_than",), f"a {field.kind} says nobody's age", "remove it")
    elif field.younger_than is not None and field.younger_than < 1:
        yield Finding(("younger_than",), "nobody is so young", "write an age in full years")
    for name in ("earliest", "latest"):
        try:
            bound(getattr(field, name), None)
        except ValueError:
            yield Finding((name,), "no date", f'write "{TODAY}" or a day as "2027-01-12"')
            return
    first = max(bound(field.earliest, None) or FIRST_DAY, FIRST_DAY)
    last = min(bound(field.latest, None) or LAST_DAY, LAST_DAY)
    if first > last:
        name = "earliest" if field.earliest not in ("", TODAY) else "latest"
        yield Finding((name,), f"no day fits from {first} to {last}", "correct it")
        return
    if not field.earliest or not field.latest or field.earliest == field.latest:
        return
    if field.earliest == TODAY:
        last = date.fromisoformat(field.latest)
        if not (field.valid_to and field.valid_to <= last):
            said = f"no day fits after {last}"
            yield Finding(("latest",), said, f'write "{TODAY}", or valid_to = {last} for the field')
    elif field.latest == TODAY:
        first = date.fromisoformat(field.earliest)
        if first > max(today_here(), field.valid_from or date.min):
            yield Finding(("earliest",), f"no day fits before {first}", f"write valid_from = {first} for the field")
