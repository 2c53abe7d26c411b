"""What everybody may know of a service before they come: the eight public facts 八公开, and what goes with them.

The same words stand on the page, in the printed guide and in the list. Nothing in them comes from the machine, so
that two machines of one version say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kiosk.catalogue.model import Fee, Limit, Service
from kiosk.text import NOTHING, Text, listed, same, text


class Row(NamedTuple):
    """One fact: what it is, and what is so, line by line. ``key`` is its name in English, for lists."""

    key: str
    label: Text
    lines: tuple[Text, ...]


def guide(service: Service) -> list[Row]:
    """All that is known, in the order of 八公开."""
    found = {
        "name": (service.name,),
        "basis": tuple(same(" ".join(filter(None, (each.law, each.clause)))) for each in service.basis),
        "conditions": service.conditions,
        "materials": tuple(_materials(service)),
        "procedure": (service.procedure,),
        "limit": tuple(_limits(service)),
        "pauses": service.pauses,
        "fee": tuple(map(_fee, service.fees)) or (text("guide.free"), service.free_basis),
        "result": (service.result,),
        "phone": (same(service.phone),),
        "handling": tuple(_handling(service)),
        "hint": (service.elder_hint,),
    }
    said = {key: tuple(line for line in lines if line) for key, lines in found.items()}
    return [Row(key, text(f"guide.{key}"), lines) for key, lines in said.items() if lines]


def _materials(service: Service) -> Iterator[Text]:
    for each in service.materials:
        yield text("guide.material", name=each.name, source=text(f"guide.source.{each.source}"))
    if service.form_name:
        yield text("guide.form", name=service.form_name)


def _limits(service: Service) -> Iterator[Text]:
    if service.limit_law:
        yield text("guide.limit_law", time=_time(service.limit_law))
    if service.limit_promise:
        yield text("guide.limit_promise", time=_time(service.limit_promise))
    for other in service.limits_if:
        yield text("guide.limit_if", when=other.when, law=_time(other.law), promise=_time(other.promise))


def _time(limit: Limit) -> Text:
    if not limit.n:
        return text("guide.at_once")
    return text(f"guide.days_{limit.unit}", n=int(limit.n) if limit.n == int(limit.n) else same(f"{limit.n:g}"))


def _fee(fee: Fee) -> Text:
    amount = same(f"{fee.amount_fen // 100}" if fee.amount_fen % 100 == 0 else f"{fee.amount_fen / 100:.2f}")
    per = text("guide.per", per=fee.per) if fee.per else NOTHING
    place = text("guide.where", place=fee.place) if fee.place else NOTHING
    return text("guide.amount", amount=amount, per=per, place=place, basis=fee.basis, when=fee.when)


def _handling(service: Service) -> Iterator[Text]:
    if service.flags:
        yield listed(text(f"guide.flag.{flag}") for flag in service.flags)
    yield text(f"guide.kind.{service.item_kind}")
    yield text(f"guide.scope.{service.scope}")
    if service.proxy:
        yield text(f"guide.proxy.{service.proxy}")
    if service.applicant.min_age and service.reads_card:
        yield text("guide.from_age", n=service.applicant.min_age)
    if service.guardian_below > service.applicant.min_age:
        yield text("guide.guardian", n=service.guardian_below)
    if service.delivery:
        yield text("guide.delivery", ways=listed(text(f"guide.way.{way}") for way in service.delivery))
    if service.handled_at == "window":
        yield text("guide.at_the_counter")
