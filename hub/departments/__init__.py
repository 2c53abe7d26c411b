"""The departments behind the hub, one folder each: a package here with a ``DEPARTMENT`` is found by itself.

One that lives elsewhere is a package with an entry point in the group ``tongban.departments``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any

from hub.department import Department, WrongDepartment, require_department

GROUP = "tongban.departments"


@cache
def departments() -> Mapping[str, Department]:
    """All that are here, by key. Raises WrongDepartment: without one of them its cases would be refused."""
    return by_key(_departments_found())


def by_key(found: Iterable[tuple[str, Any]]) -> dict[str, Department]:
    """Departments by key, each from its place. Raises WrongDepartment."""
    known: dict[str, Department] = {}
    for place, value in found:
        department = require_department(place, value)
        if department.key in known:
            raise WrongDepartment(f"{place}: there is another department {department.key}; give it a key of its own")
        known[department.key] = department
    return known


def _departments_found() -> Iterator[tuple[str, Any]]:
    for entry in iter_modules(__path__):
        name = f"{__name__}.{entry.name}"
        yield name, import_module(name).DEPARTMENT
    for entry in entry_points(group=GROUP):
        place = f"{entry.value} ({GROUP})"
        try:
            yield place, entry.load()
        except Exception as error:
            # The boundary of somebody else's package.
            raise WrongDepartment(f"{place}: {type(error).__name__}: {error}; mend or remove that package") from error
