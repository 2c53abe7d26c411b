"""The lines of the status socket (CONTRACTS §3): JSON of at most 4 KB, whatever is said in them.

What does not fit is cut; an answer that is longer than a line goes on in further ones of the same form, all but the
last with ``more``: their lists follow one another, their tables are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kiosk import shapes

LINE_BYTES = 4096
"""With its line feed."""
_SKIPPED_BYTES = 16 * LINE_BYTES
"""Of a line that is too long so much is passed over, to find the next one."""
_CUTS = (1000, 200, 40, 8)


class NotALine(ValueError):
    """A line that asks nothing; the text says why."""


class LineCutter:
    """Cuts a stream into lines. It holds one line at most, and looks at every byte once."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._skipped = 0

    def feed(self, chunk: bytes | bytearray) -> Iterator[bytes | None]:
        """The lines that ``chunk`` ends, without empty ones; None, once, for one that is too long."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._pending += piece
            yield from self.rest()
        self._pending += rest
        if len(self._pending) >= LINE_BYTES:
            if not self._skipped:
                yield None
            self._skipped += len(self._pending)
            self._pending.clear()

    def rest(self) -> Iterator[bytes | None]:
        """What the stream ended without a line feed."""
        line, skipped = bytes(self._pending), self._skipped
        self._pending.clear()
        self._skipped = 0
        if not skipped and len(line) >= LINE_BYTES:
            yield None
        elif not skipped and line.strip():
            yield line

    @property
    def is_endless(self) -> bool:
        """Whether the present line is so long that none may be expected after it."""
        return self._skipped > _SKIPPED_BYTES


class Request(msgspec.Struct, frozen=True):
    """A line ``{"ask": KIND, …}``; what else it says is that question's own."""

    ask: str


def read_request(line: bytes) -> tuple[str, dict[str, Any]]:
    """The kind of a request and all that it says. Raises NotALine."""
    try:
        return shapes.from_json(line, Request).ask, shapes.from_json(line, dict[str, Any])
    except RecursionError:
        raise NotALine("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotALine(f"not a request: {error}") from None


def line_of(values: dict[str, Any]) -> bytes:
    """One line; long texts are cut until it fits, and of what still does not only the short facts stay."""
    for size in (None, *_CUTS):
        line = _encoded(values if size is None else _cut(values, size))
        if len(line) <= LINE_BYTES:
            return line
    return _encoded({name: value for name, value in _cut(values, _CUTS[-1]).items() if _is_short(value)})[:LINE_BYTES]


def lines_of(head: dict[str, Any], answer: dict[str, Any]) -> Iterator[bytes]:
    """The lines of an answer; each repeats ``head``."""
    whole = _encoded(head | answer)
    if len(whole) <= LINE_BYTES:
        yield whole
        return
    room = LINE_BYTES - len(_encoded(head | {"more": True}))
    part: dict[str, Any] = {}
    taken = 0
    for piece, size in _pieces(answer):
        if part and taken + size > room:
            yield line_of(head | part | {"more": True})
            part, taken = {}, 0
        join(part, piece)
        taken += size
    yield line_of(head | part)


def join(answer: dict[str, Any], part: dict[str, Any]) -> None:
    """Adds what a further line says."""
    for name, value in part.items():
        if isinstance(value, list):
            answer.setdefault(name, []).extend(value)
        elif isinstance(value, dict):
            answer.setdefault(name, {}).update(value)
        else:
            answer[name] = value


def _pieces(answer: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    for name, value in answer.items():
        if isinstance(value, list) and value:
            pieces = [{name: [item]} for item in value]
        elif isinstance(value, dict) and value:
            pieces = [{name: {key: item}} for key, item in value.items()]
        else:
            pieces = [{name: value}]
        for piece in pieces:
            yield piece, len(_encoded(piece))


def _encoded(values: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(values) + b"\n"
    except UnicodeEncodeError:
        # A file's name may be no text at all.
        return msgspec.json.encode(_cut(values, LINE_BYTES)) + b"\n"


def _cut(value: Any, size: int) -> Any:
    if isinstance(value, str):
        text = str(value)
        return (text if len(text) <= size else text[:size] + "…").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_cut(name, size): _cut(item, size) for name, item in value.items()}
    return [_cut(item, size) for item in value] if isinstance(value, (list, tuple)) else value


def _is_short(value: Any) -> bool:
    return isinstance(value, (str, int, float)) or value is None
