"""IPP bytes of the simulated printer, written from RFC 8010 and not from the driver."""

from __future__ import annotations

import io
import struct
from typing import Any

INTEGER, BOOLEAN, ENUM, TEXT, NAME, KEYWORD, URI, CHARSET, LANGUAGE, MIME = (
    0x21, 0x22, 0x23, 0x41, 0x42, 0x44, 0x45, 0x47, 0x48, 0x49,
)  # fmt: skip
NO_VALUE = 0x13
OPERATION_GROUP, JOB_GROUP, END, PRINTER_GROUP = 1, 2, 3, 4


class Request:
    """A request: operation, id, the attributes of all its groups by name, the document behind them."""

    def __init__(self, body: bytes) -> None:
        stream = io.BytesIO(body)
        self.version = stream.read(2)
        self.operation, self.id = struct.unpack(">HI", stream.read(6))
        self.attributes: dict[str, list[Any]] = {}
        self._read(stream)
        self.document = stream.read()

    def one(self, name: str, default: Any = None) -> Any:
        """The first value."""
        return self.attributes.get(name, [default])[0]

    def _read(self, stream: io.BytesIO) -> None:
        name = ""
        while (tag := stream.read(1)[0]) != END:
            if tag < 0x10:
                continue
            name = _counted(stream).decode() or name
            raw = _counted(stream)
            value = struct.unpack(">i", raw)[0] if tag in (INTEGER, ENUM) else raw.decode("utf-8", "replace")
            self.attributes.setdefault(name, []).append(value)


def _counted(stream: io.BytesIO) -> bytes:
    (length,) = struct.unpack(">H", stream.read(2))
    return stream.read(length)


def answer(request: Request, status: int, *groups: tuple[int, dict[str, tuple[int, Any]]]) -> bytes:
    """An answer; each attribute is (type, value or list of values)."""
    head = {"attributes-charset": (CHARSET, "utf-8"), "attributes-natural-language": (LANGUAGE, "en")}
    out = bytearray(request.version + struct.pack(">HI", status, request.id))
    for tag, attributes in ((OPERATION_GROUP, head), *groups):
        out.append(tag)
        for name, (kind, values) in attributes.items():
            for number, value in enumerate(values if isinstance(values, list) else [values]):
                out += _attribute(kind, "" if number else name, value)
    out.append(END)
    return bytes(out)


def _attribute(kind: int, name: str, value: Any) -> bytes:
    if kind == NO_VALUE:
        raw = b""
    elif kind in (INTEGER, ENUM):
        raw = struct.pack(">i", value)
    else:
        raw = bytes([value]) if kind == BOOLEAN else str(value).encode()
    return struct.pack(">BH", kind, len(name)) + name.encode() + struct.pack(">H", len(raw)) + raw
