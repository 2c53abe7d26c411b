"""TOML files as people hand them over: from whichever editor and system, judged before they are believed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from functools import lru_cache
from pathlib import Path
from typing import Any

import tomli

from kiosk.messages import foreign
from kiosk.messages.foreign import Refused
from kiosk.messages.ours import NotOurs, read_ours
from kiosk.messages.text_file import NotText, text_of

LIMIT_BYTES = 1024 * 1024
_MOST_KEPT = 2048
_NEXT = "\n    "
# The parser needs the cube of a dotted key's parts: 8,000 of them are 16 KB and 8 s. A key does not go over a line's
# end; which dots are those of a key is not asked, for quotes can be made to hide them.
_MOST_DOTS = 500
_FRACTION = re.compile(r"(?<![\w.+-])[+-]?\d+\.\d+(?:[eE][+-]?\d+)?(?![\w.])")


class TomlTrouble(ValueError):
    """The file cannot be used: one line that names it, why, and what to do."""


def read_toml(path: Path, *, private: bool = False) -> dict[str, Any]:
    """The tables of a UTF-8 file, a byte-order mark allowed. Raises TomlTrouble.

    ``private``: it decides what this machine does, and is refused when anybody else may write it. Any other file is a
    stranger's, and no link.
    """
    try:
        raw = read_ours(path, LIMIT_BYTES) if private else foreign.read(path, LIMIT_BYTES)
    except Refused as error:
        raise TomlTrouble(f"{path}: {error}; name the TOML file itself") from None
    except NotOurs as error:
        raise TomlTrouble(str(error)) from None
    except FileNotFoundError:
        raise TomlTrouble(f"{path}: no such file") from None
    except PermissionError:
        raise TomlTrouble(f"{path}: this user may not read it; give it the right, or run as its owner") from None
    except (OSError, ValueError) as error:
        raise TomlTrouble(f"{path}: cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    return parse_toml(path, raw)


@lru_cache(maxsize=_MOST_KEPT)
def tables_of(name: str, raw: bytes) -> dict[str, Any]:
    """As ``parse_toml``, kept for who reads the same bytes again and changes nothing in what it gets."""
    return parse_toml(name, raw)


def parse_toml(path: Path | str, raw: bytes) -> dict[str, Any]:
    """The tables of a file that was read already; ``path`` names it. Raises TomlTrouble."""
    try:
        text = text_of(path, raw)
    except NotText as error:
        raise TomlTrouble(str(error)) from None
    if text.count(".") > _MOST_DOTS and any(map(_may_have_a_long_key, text.split("\n"))):
        raise TomlTrouble(f"{path}: nested too deeply; correct it")
    try:
        tables = tomli.loads(text)
        fits = _fits(tables)
    except RecursionError:
        raise TomlTrouble(f"{path}: nested too deeply; correct it") from None
    except ValueError as error:
        raise TomlTrouble(f"{path}: not TOML: {str(error)[:200]}; correct it there") from error
    if not fits:
        raise TomlTrouble(f"{path}: a number has more than 64 bits; correct it")
    return tables


def _may_have_a_long_key(line: str) -> bool:
    dots = line.count(".")
    return dots > _MOST_DOTS and dots - len(_FRACTION.findall(line)) > _MOST_DOTS


def _fits(part: Any) -> bool:
    """Whether every number in a table or an array is one that TOML 1.0 has to hold."""
    for each in part.values() if type(part) is dict else part:
        kind = type(each)
        if (kind is dict or kind is list) and not _fits(each):
            return False
        if kind is int and not -(2**63) <= each < 2**63:
            return False
    return True


def as_toml(tables: Mapping[str, Any]) -> bytes:
    """Tables as ``parse_toml`` gives them, written again."""
    return "".join(_section(tables, "")).encode()


def _section(table: Mapping[str, Any], heading: str) -> Iterator[str]:
    yield f"[{heading}]\n" if heading else ""
    yield from (f"{_quoted(key)} = {_written(each)}\n" for key, each in table.items() if not isinstance(each, dict))
    for key, each in table.items():
        if isinstance(each, dict):
            yield from _section(each, f"{heading}.{_quoted(key)}".removeprefix("."))


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_quoted(key)} = {_written(each)}' for key, each in value.items())} }}"
    if isinstance(value, list):
        return f"[{','.join(f'{_NEXT}{_written(each)}' for each in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, time)):
        return value.isoformat()
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    # What JSON escapes, TOML escapes so too; a DEL, which JSON leaves alone, stands in no TOML string.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
