"""Where in a TOML file a field stands. The file has been parsed before, which says no lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

Path = tuple[str | int, ...]
_TOKEN = re.compile(
    r'(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<comment>#[^\n]*)|(?P<sign>[\[\]{}=,.\n])|(?P<bare>[^\s\[\]{}=,.#\"']+)",
    re.DOTALL,
)
_ENDS = frozenset({",", "]", "}", "\n"})


class _Token(NamedTuple):
    text: str
    line: int


class Places:
    """The line of every table, key and element of a file, by its path: ``("checks", 2, "value")``."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._lines: dict[Path, int] = {(): 1}
        self._elements: dict[Path, int] = {}
        self._read()

    def line(self, path: Path) -> int:
        """The line of the field, or of the nearest thing around it that stands there."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _read(self) -> None:
        table: Path = ()
        while self._at < len(self._tokens):
            if self._next("\n"):
                continue
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line = self._tokens[self._at].line
        self._next("[")
        is_array = self._next("[")
        names = self._key()
        while self._next("]"):
            pass
        path = self._table_of(names)
        for length in range(1, len(path)):
            self._lines.setdefault(path[:length], line)
        if is_array:
            path = path[:-1] if path and isinstance(path[-1], int) else path
            self._elements[path] = self._elements.get(path, -1) + 1
            self._lines.setdefault(path, line)
            path = (*path, self._elements[path])
        self._lines[path] = line
        return path

    def _table_of(self, names: list[str]) -> Path:
        path: Path = ()
        for name in names:
            path = self._last_of((*path, name))
        return path

    def _last_of(self, path: Path) -> Path:
        return (*path, self._elements[path]) if path in self._elements else path

    def _key(self) -> list[str]:
        names = [self._name()]
        while self._next("."):
            names.append(self._name())
        return names

    def _name(self) -> str:
        return self._take_token().text.strip("\"'")

    def _pair(self, table: Path) -> None:
        line = self._tokens[self._at].line
        path = table
        for name in self._key():
            path = (*path, name)
            self._lines.setdefault(path, line)
        self._next("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._next("["):
            for number in self._until("]"):
                self._lines[(*path, number)] = self._tokens[self._at].line
                self._value((*path, number))
        elif self._next("{"):
            for _ in self._until("}"):
                self._pair(path)
        else:
            while self._peek() not in _ENDS:
                self._take_token()

    def _until(self, end: str) -> Iterator[int]:
        """Counts the elements, each of which the caller reads."""
        number = 0
        while not self._next(end):
            if not (self._next(",") or self._next("\n")):
                yield number
                number += 1

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else "\n"

    def _take_token(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _next(self, text: str) -> bool:
        found = self._at < len(self._tokens) and self._peek() == text
        self._at += found
        return found


def _tokens(text: str) -> Iterator[_Token]:
    line, seen = 1, 0
    for found in _TOKEN.finditer(text.replace("\r\n", "\n")):
        line += found.string.count("\n", seen, found.start())
        seen = found.start()
        if found.lastgroup != "comment":
            yield _Token(found[0], line)
