"""IPP messages as bytes (RFC 8010 §3): version, operation or status, request id, groups of attributes, document."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

LONGEST = 1 << 20
MOST_VALUES = 10_000
DEEPEST = 8

Value = int | bool | str | bytes | tuple[int, int] | None


class Tag(IntEnum):
    """Delimiters and value types (RFC 8010 §3.5) that are sent here."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME_TYPE = 0x49


_RANGE, _COLLECTION, _END_COLLECTION, _MEMBER = 0x33, 0x34, 0x37, 0x4A
_OUT_OF_BAND = range(0x10, 0x20)
_WITH_LANGUAGE = (0x35, 0x36)
_STRINGS = range(0x41, 0x4A)


class IppError(ValueError):
    """Bytes that are no IPP message."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute to be sent; all its values have one type."""

    tag: Tag
    name: str
    values: tuple[int | bool | str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Attributes behind one delimiter, as they were received."""

    tag: int
    attributes: dict[str, tuple[Value, ...]]

    def first(self, name: str) -> Value:
        """The first value; None when there is none."""
        return next(iter(self.attributes.get(name, ())), None)

    def number(self, name: str) -> int | None:
        """The first value when it is a number."""
        value = self.first(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def words(self, name: str) -> tuple[str, ...]:
        """The values that are text."""
        return tuple(value for value in self.attributes.get(name, ()) if isinstance(value, str))


@dataclass(frozen=True, slots=True)
class Message:
    """``code`` is a request's operation or an answer's status; ``data`` the document behind the attributes."""

    code: int
    request_id: int
    groups: tuple[Group, ...]
    version: tuple[int, int] = (2, 0)
    data: bytes = b""

    def of(self, tag: Tag) -> tuple[Group, ...]:
        """The groups behind this delimiter."""
        return tuple(group for group in self.groups if group.tag == tag)


def encode(
    code: int,
    request_id: int,
    groups: dict[Tag, tuple[Attribute, ...]],
    *,
    version: tuple[int, int] = (2, 0),
    data: bytes = b"",
) -> bytes:
    """One message."""
    parts = [struct.pack(">BBHI", *version, code, request_id)]
    for tag, attributes in groups.items():
        parts.append(bytes((tag,)))
        parts += [piece for attribute in attributes for piece in _encoded(attribute)]
    return b"".join((*parts, bytes((Tag.END,)), data))


def _encoded(attribute: Attribute) -> Iterator[bytes]:
    name = attribute.name.encode("ascii")
    for value in attribute.values:
        raw = _raw(value)
        yield struct.pack(">BH", attribute.tag, len(name)) + name + struct.pack(">H", len(raw)) + raw
        name = b""  # every further value comes without a name (RFC 8010 §3.1.5)


def _raw(value: int | bool | str) -> bytes:
    if isinstance(value, bool):
        return bytes((value,))
    return struct.pack(">i", value) if isinstance(value, int) else value.encode("utf-8")


def decode(message: bytes) -> Message:
    """The message in these bytes. IppError for what is cut short, too long or no message."""
    if len(message) > LONGEST:
        raise IppError("too long")
    try:
        major, minor, code, request_id = struct.unpack_from(">BBHI", message)
        groups, end = _groups(message)
    except (struct.error, IndexError):
        raise IppError("cut short") from None
    return Message(code, request_id, groups, (major, minor), message[end:])


def _groups(message: bytes) -> tuple[tuple[Group, ...], int]:
    at, groups, name, count, depth = 8, [], "", 0, 0
    while (tag := message[at]) != Tag.END or depth:
        if tag < 0x10:
            groups.append(Group(tag, {}))
            at, name = at + 1, ""
            continue
        given, raw, at = _field(message, at + 1)
        count += 1
        if not groups or count > MOST_VALUES:
            raise IppError("a value outside its group" if not groups else "too many values")
        # What stands inside a collection is passed over: nothing here asks for it.
        depth += (tag == _COLLECTION) - (tag == _END_COLLECTION)
        if not 0 <= depth <= DEEPEST:
            raise IppError("collections that do not close")
        if depth == 0 and tag not in (_END_COLLECTION, _MEMBER):
            name = given.decode("ascii", "replace") if given else name
            known = groups[-1].attributes
            known[name] = (*known.get(name, ()), _value(tag, raw))
    return tuple(groups), at + 1


def _field(message: bytes, at: int) -> tuple[bytes, bytes, int]:
    (name_length,) = struct.unpack_from(">H", message, at)
    (value_length,) = struct.unpack_from(">H", message, at + 2 + name_length)
    value_at = at + 4 + name_length
    if value_at + value_length > len(message):
        raise IppError("cut short")
    return message[at + 2 : at + 2 + name_length], message[value_at : value_at + value_length], value_at + value_length


def _value(tag: int, raw: bytes) -> Value:
    if tag in _OUT_OF_BAND:
        return None
    if tag in (Tag.INTEGER, Tag.ENUM) and len(raw) == 4:
        return int.from_bytes(raw, "big", signed=True)
    if tag == Tag.BOOLEAN and len(raw) == 1:
        return raw != b"\0"
    if tag == _RANGE and len(raw) == 8:
        return struct.unpack(">ii", raw)
    if tag in _WITH_LANGUAGE:
        (language,) = struct.unpack_from(">H", raw)
        return raw[4 + language :].decode("utf-8", "replace")
    return raw.decode("utf-8", "replace") if tag in _STRINGS else raw
