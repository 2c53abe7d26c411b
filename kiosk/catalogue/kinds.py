"""Finds the step kinds by their names, as drivers and presenters are found: nothing here imports one.

A kind is a file of ``kiosk/journey/steps/`` with a ``Spec``, the data that its steps have in a catalogue. A hub judges
cases and asks no steps: it reads them as ``any_kind`` and needs no kind's code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from importlib import import_module, util
from types import ModuleType
from typing import Any

import msgspec

from kiosk import shapes
from kiosk.catalogue.model import Service, StepSpec

STEPS = "kiosk.journey.steps"
TypeOf = Callable[[str], type[StepSpec]]


@cache
def kind_named(kind: str) -> ModuleType:
    """The file of a step kind. Raises LookupError for a name that has none."""
    name = f"{STEPS}.{kind}"
    if not re.fullmatch("[a-z][a-z0-9_]*", kind) or util.find_spec(name) is None:
        raise LookupError(f"no step kind {kind!r}; see docs/journeys.md for those there are")
    return import_module(name)


def spec_type(kind: str) -> type[StepSpec]:
    """What a machine reads a step of this kind as. Raises LookupError."""
    return kind_named(kind).Spec


def any_kind(_kind: str) -> type[StepSpec]:
    """The same for who only asks of which kind a step is."""
    return StepSpec


def service_of(table: Mapping[str, Any], type_of: TypeOf = spec_type) -> Service:
    """A service's table with each step as its own kind has it. Raises msgspec.ValidationError naming the place."""
    service = shapes.convert(table, Service, builtin_types=(date,))
    steps = (_step(step, at, type_of) for at, step in enumerate(table.get("steps", ())))
    return msgspec.structs.replace(service, steps=tuple(steps))


def _step(table: Mapping[str, Any], at: int, type_of: TypeOf) -> StepSpec:
    try:
        return shapes.convert(table, type_of(table["kind"]), builtin_types=(date,))
    except LookupError as error:
        raise msgspec.ValidationError(f"{error} - at `$.steps[{at}].kind`") from None
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{what} - at `$.steps[{at}]{place.rstrip('`')}`") from None
