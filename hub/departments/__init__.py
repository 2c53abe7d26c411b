"""The departments behind the hub, one file each: a module here with a ``DEPARTMENT`` is found by itself."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from hub.department import Department


def _found() -> dict[str, Department]:
    modules = [import_module(f"{__name__}.{entry.name}") for entry in iter_modules(__path__)]
    return {module.DEPARTMENT.line: module.DEPARTMENT for module in modules}


DEPARTMENTS = _found()
