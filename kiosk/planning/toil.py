"""What a service or bundle asks of a person, counted from its steps, and what it may ask at most."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec

from kiosk import shapes
from kiosk.catalogue.model import Bundle, Catalogue, Service
from kiosk.planning.bundles import parts_of, plan_of_bundle
from kiosk.planning.plan import Effort, effort, plan_of
from kiosk.text import Text
from kiosk.toml_file import parse_toml

_FILE = "budgets.toml"


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most pages and taps from the card tap to the paper in the hand; typing and drawing count for none."""

    pages: int
    taps: int


class Toil(NamedTuple):
    """One row of the table."""

    key: str
    name: Text
    effort: Effort


def budgets() -> dict[str, Budget]:
    """By the key of the service or bundle."""
    file = Path(str(resources.files("kiosk"))) / "planning" / _FILE
    return shapes.convert(parse_toml(file, file.read_bytes()), dict[str, Budget])


def toil_of(service: Service) -> Toil:
    """Of one service, the way to it included: from what is due at once, else over its line's page."""
    is_near = service.due is not None or not service.department
    return _row(service.key, service.name, effort(plan_of([service])), 1 if is_near else 2)


def toil_of_bundle(bundle: Bundle, catalogue: Catalogue) -> Toil:
    """Of a bundle with everything that belongs to it. It is chosen on the home page: the card comes after that."""
    plan = plan_of_bundle(bundle, catalogue, {service.key for service in parts_of(bundle, catalogue)})
    return _row(bundle.key, bundle.name, effort(plan), 0)


def toil(catalogue: Catalogue) -> Iterator[Toil]:
    """Of everything that is offered."""
    yield from map(toil_of, catalogue.services.values())
    for bundle in catalogue.bundles.values():
        yield toil_of_bundle(bundle, catalogue)


def _row(key: str, name: Text, found: Effort, way: int) -> Toil:
    return Toil(key, name, found._replace(pages=found.pages + way, taps=found.taps + way))
