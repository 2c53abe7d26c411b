"""Whether a file's tables have the fields that their types know, each of its type: every difference, not the first."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from kiosk import shapes
from kiosk.catalogue.finding import Finding, Path, one_of
from kiosk.catalogue.kinds import TypeOf
from kiosk.catalogue.model import Service, StepSpec

_UNIONS = (Union, types.UnionType)
_TYPES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list",
    date: "a date like 2027-03-01",
}
MISSING = "missing"


def shape(value: Any, kind: Any, path: Path = ()) -> Iterator[Finding]:
    """What in ``value``, as TOML has it, is not as ``kind`` (a Struct, or the type of a field) wants it."""
    kind = _meant(kind, value)
    if _is_struct(kind):
        yield from _table(value, kind, path)
    elif get_origin(kind) is tuple and isinstance(value, list):
        for number, each in enumerate(value):
            yield from shape(each, get_args(kind)[0], (*path, number))
    elif get_origin(kind) is dict and isinstance(value, dict):
        for name, each in value.items():
            yield from shape(each, get_args(kind)[1], (*path, name))
    else:
        yield from _leaf(value, kind, path)


def service_shape(table: dict[str, Any], type_of: TypeOf) -> Iterator[Finding]:
    """The same for a service, each step as its own kind has it."""
    steps = table.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        yield from shape(table, Service)
        return
    yield from shape({name: value for name, value in table.items() if name != "steps"}, Service)
    for at, step in enumerate(steps):
        kind = step.get("kind")
        try:
            yield from shape(step, type_of(kind) if isinstance(kind, str) else StepSpec, ("steps", at))
        except LookupError as error:
            what, _, fix = str(error.args[0]).partition("; ")
            yield Finding(("steps", at, "kind"), what, fix)


def known_type(type_of: TypeOf, kind: str) -> type[StepSpec]:
    """``type_of``, and for a kind that nobody knows what all have."""
    try:
        return type_of(kind)
    except LookupError:
        return StepSpec


def without(value: Any, findings: list[Finding]) -> Any:
    """A copy without the fields that are wrong, so that the rest can be judged at the same time."""
    wrong = {finding.path for finding in findings}

    def copy(part: Any, path: Path) -> Any:
        if isinstance(part, dict):
            return {key: copy(each, (*path, key)) for key, each in part.items() if (*path, key) not in wrong}
        return [copy(each, (*path, n)) for n, each in enumerate(part)] if isinstance(part, list) else part

    return copy(value, ())


def _table(value: Any, kind: type[msgspec.Struct], path: Path) -> Iterator[Finding]:
    if not isinstance(value, dict):
        yield Finding(path, "not a table", f"write {{ {', '.join(_required(kind)) or '…'} }}")
        return
    fields = _fields(kind)
    # What a hub reads without the step kinds has keys that are theirs.
    is_closed = kind.__struct_config__.forbid_unknown_fields
    for name in value.keys() - fields.keys() if is_closed else ():
        yield Finding((*path, name), "unknown key", f"remove it, or {one_of(fields, name)}")
    for name in _required(kind):
        if name not in value:
            yield Finding((*path, name), MISSING, "add it")
    for name in value.keys() & fields.keys():
        yield from shape(value[name], fields[name].type, (*path, name))


def _required(kind: type[msgspec.Struct]) -> list[str]:
    return [name for name, field in _fields(kind).items() if field.required]


@cache
def _fields(kind: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    # Their types are read anew at each call, which takes a millisecond.
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _leaf(value: Any, kind: Any, path: Path) -> Iterator[Finding]:
    try:
        shapes.convert(value, kind, builtin_types=(date,))
    except msgspec.ValidationError:
        if words := list(_words(kind)):
            yield Finding(path, f"{value!r} is unknown", one_of(words, value))
        else:
            yield Finding(path, f"{value!r} is not {_wanted(kind)}", f"write {_wanted(kind)}")


def _wanted(kind: Any) -> str:
    """What a field holds, in words."""
    if get_origin(kind) is Annotated:
        inner, *metas = get_args(kind)
        return next((meta.description for meta in metas if meta.description), _wanted(inner) + _bounds(*metas))
    if get_origin(kind) in _UNIONS:
        return " or ".join(_wanted(each) for each in get_args(kind) if each is not types.NoneType)
    return _TYPES.get(get_origin(kind) or kind, "a table")


def _bounds(meta: msgspec.Meta) -> str:
    """Between what a number lies, or how much there is of a list."""
    least = meta.min_length if meta.ge is None else meta.ge
    most = meta.max_length if meta.le is None else meta.le
    said = [words for bound, words in ((least, f"at least {least}"), (most, f"at most {most}")) if bound is not None]
    return f" of {' and '.join(said)}" if said else ""


def _words(kind: Any) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield from map(str, get_args(kind))
    for option in get_args(kind) if get_origin(kind) in _UNIONS else ():
        yield from _words(option)


def _meant(kind: Any, value: Any) -> Any:
    """Of several types the one that the value was meant to be."""
    if get_origin(kind) not in _UNIONS:
        return kind
    options = [option for option in get_args(kind) if option is not type(None)]
    for option in options:
        if (get_origin(option) is tuple and isinstance(value, list)) or (_is_struct(option) and len(options) == 1):
            return option
    return next((option for option in options if _is_struct(option) and isinstance(value, dict)), kind)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
