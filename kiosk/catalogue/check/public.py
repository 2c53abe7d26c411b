"""The eight public facts 八公开, which no service leaves empty, and what people who need more help are told."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kiosk.catalogue.finding import Finding, one_of
from kiosk.catalogue.model import Line, Service

_FIX = {
    "basis": "add [[basis]] with law and clause",
    "conditions": "add conditions = [{ zh = …, en = … }]: what must be so, in plain words",
    "procedure": "add procedure = { zh = …, en = … }: the way in one sentence",
    "result": "add result = { zh = …, en = … }: what the person has afterwards",
    "elder_hint": "add elder_hint = { zh = …, en = … }: the same for an old person, in plain words",
    "limit_promise": "add [limit_promise]: within what time it is done",
    "proxy": 'write proxy = "no", "yes" or "window": whether somebody else may come',
}

_TAKEN_BY = {
    "photo": ("photo",),
    "fingerprint": ("fingerprint",),
    "capture": ("capture",),
    "signature": ("sign",),
}
"""The step kinds by which what a material says is taken here. The face check's picture is no certificate photograph."""


def is_phone(said: str) -> bool:
    """Whether there is something in it that can be dialled."""
    return re.search("[0-9]{3}", said) is not None


def public_findings(service: Service, line: Line | None) -> Iterator[Finding]:
    """What is not said, and what is said of nothing."""
    for name, fix in _FIX.items():
        if not getattr(service, name):
            yield Finding((name,), "is empty, and everybody may know it", fix)
    if not (service.phone or (line and line.phone)):
        fix = "write whom people can call, here or for all its services in lines.toml"
        yield Finding(("phone",), "nobody can be called", fix)
    elif service.phone and not is_phone(service.phone):
        yield Finding(("phone",), "no telephone number", "write the one that people can call")
    if not service.fees and not service.free_basis:
        yield Finding(("free_basis",), "is free, and nothing says by what rule", "write free_basis, or add [[fees]]")
    if service.has_step("file") and not service.limit_law:
        yield Finding(("limit_law",), "is empty, and everybody may know it", "add [limit_law]: what the law allows")
    if service.reads_card and not service.materials:
        yield Finding(("materials",), "a card is read and not named", "add [[materials]]")
    yield from _taken_here(service)
    is_paid_here = "pay" in service.kinds_before(len(service.steps))
    if service.fees and not (is_paid_here or service.is_collected or service.handled_at == "window"):
        fix = "add a step pay, or is_collected = true where it is paid when it is taken away"
        yield Finding(("fees",), "nobody takes this money", fix)
    for number, fee in enumerate(service.fees):
        if not fee.basis.strip():
            yield Finding(("fees", number, "basis"), "a fee without a basis", "write the rule that sets it")
    yield from _how_soon(service)
    for number, limit in enumerate(service.limits_if):
        if not limit.when:
            fix = "add when = { zh = …, en = … }: of whom it is so"
            yield Finding(("limits_if", number, "when"), "nobody is told whose limit it is", fix)
    for number, each in enumerate(service.basis):
        if not each.law.strip():
            yield Finding(("basis", number, "law"), "is empty", "write the law with its number")
    yield from _believed(service)


def _how_soon(service: Service) -> Iterator[Finding]:
    """Kind 即办件 or 承诺件, the flags 马上办 and 一次办, and the promise stand beside each other and say the same."""
    if service.limit_promise is None:
        return
    is_at_once, called_at_once = not service.limit_promise.n, service.item_kind == "at_once"
    takes_time = any(limit.n for limit in (service.limit_promise, *(other.promise for other in service.limits_if)))
    if is_at_once and not called_at_once:
        said = "is done at once, and called one that takes its time"
        yield Finding(("item_kind",), said, 'write item_kind = "at_once"')
    if called_at_once and takes_time:
        said = "takes its time, and is called done at once"
        yield Finding(("item_kind",), said, 'write item_kind = "promised", or promise 0 days')
    for number, flag in enumerate(service.flags):
        if flag == "at_once" and takes_time:
            yield Finding(("flags", number), "takes its time, and is flagged as done at once", "take at_once out")
        if flag == "one_visit" and (service.handled_at == "window" or _is_fetched_later(service)):
            said = "people come here and then to a counter: that is no single visit"
            yield Finding(("flags", number), said, "take one_visit out")


def _is_fetched_later(service: Service) -> bool:
    """Whether nobody has it without coming again."""
    is_made_later = service.is_collected and service.limit_promise is not None and service.limit_promise.n > 0
    return is_made_later and {"at_once", "post"}.isdisjoint(service.delivery)


def _taken_here(service: Service) -> Iterator[Finding]:
    """What is said to be taken here is taken, and what is taken is said."""
    for number, material in enumerate(service.materials):
        kinds = _TAKEN_BY.get(material.source, ())
        if kinds and not any(map(service.has_step, kinds)):
            yield Finding(
                ("materials", number, "source"), f"no step takes it: {material.source}", f"add a step {kinds[0]}"
            )
    named = {material.source for material in service.materials}
    for source, (kind, *_) in _TAKEN_BY.items():
        if service.has_step(kind) and source not in named:
            said = f"the step {kind} takes something that is not named"
            yield Finding(("materials",), said, f'add [[materials]] with source = "{source}"')


def _believed(service: Service) -> Iterator[Finding]:
    known = [name for name in service.__struct_fields__ if name != "believed"]
    for number, name in enumerate(service.believed):
        if name.partition(".")[0].partition("[")[0] not in known:
            yield Finding(("believed", number), f"no field {name!r}", one_of(known, name)[:80])
