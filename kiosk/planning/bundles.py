"""A bundle 一件事 as a plan of those of its services that the person wants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import structs

from kiosk.catalogue.kinds import spec_type
from kiosk.catalogue.model import Bundle, Catalogue, Service, StepSpec
from kiosk.planning.plan import Plan, plan_of


def parts_of(bundle: Bundle, catalogue: Catalogue) -> list[Service]:
    """Its services, as far as this catalogue has them."""
    return [catalogue.services[part.service] for part in bundle.parts if part.service in catalogue.services]


def plan_of_bundle(bundle: Bundle, catalogue: Catalogue, wanted: Collection[str]) -> Plan:
    """The plan of its services with these keys."""
    said = {part.service: part.said for part in bundle.parts}
    services = [_told(each, said[each.key]) for each in parts_of(bundle, catalogue) if each.key in wanted]
    return plan_of(services, {part.service: part.after for part in bundle.parts}, bundle.share)


def _told(service: Service, said: Mapping[str, str]) -> Service:
    """The service without the choices that the bundle has made: nobody is asked what they came for.

    What cannot be chosen on this day, as its option has days of its own, is asked.
    """
    steps = (_given(spec, said) or spec for spec in service.steps)
    return structs.replace(service, steps=tuple(steps)) if said else service


def _given(spec: StepSpec, said: Mapping[str, str]) -> StepSpec | None:
    name, options = getattr(spec, "name", ""), getattr(spec, "options", ())
    chosen = next((option for option in options if option.id == said.get(name)), None)
    if spec.kind != "choose" or chosen is None:
        return None
    told: dict[str, Any] = {"name": name, "value": said[name], "label": spec.label}  # type: ignore[attr-defined]
    told |= {"words": chosen.label, "what_next": chosen.what_next, "only_if": spec.only_if}
    return spec_type("given")(kind="given", **told)
