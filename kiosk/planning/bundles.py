"""A bundle 一件事 as a plan of those of its services that the person wants."""

from __future__ import annotations

from collections.abc import Collection

from kiosk.catalogue.model import Bundle, Catalogue, Service
from kiosk.planning.plan import Plan, plan_of


def parts_of(bundle: Bundle, catalogue: Catalogue) -> list[Service]:
    """Its services, as far as this catalogue has them."""
    return [catalogue.services[part.service] for part in bundle.parts if part.service in catalogue.services]


def plan_of_bundle(bundle: Bundle, catalogue: Catalogue, wanted: Collection[str]) -> Plan:
    """The plan of its services with these keys."""
    services = [service for service in parts_of(bundle, catalogue) if service.key in wanted]
    return plan_of(services, {part.service: part.after for part in bundle.parts}, bundle.share)
