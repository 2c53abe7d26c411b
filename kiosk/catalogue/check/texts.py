"""Texts: both languages, and no place ``{…}`` that nothing fills."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from kiosk.catalogue.finding import Finding, Path, one_of
from kiosk.catalogue.model import KnownFact
from kiosk.text import LANGUAGES

_NOWHERE: Mapping[Path, Mapping[str, KnownFact]] = {}
_DEEPEST_FILLED = 2
"""Parts of the longest path at which a text is filled: what is around it is no right by itself."""
_TABLES = (dict, list)
_BOTH = frozenset(LANGUAGES)
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of Unicode: ends of lines, marks that change directions, characters without a width or with no meaning."""
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ENGLISH_WORD = re.compile("[a-z]{3}")
_PLACE = re.compile(r"\{[^{}]*\}")
_WITH_ITS_WORD = re.compile(r"[^{}|:!]+\|[^{}|:!]+")


class Texts:
    """Judges every text of files. A table of a part, which stands in many of them, is judged once when it is right."""

    def __init__(self) -> None:
        # What is kept alive lends no other its id.
        self._right: dict[int, Any] = {}

    def findings(self, table: Any, filled: Mapping[Path, Mapping[str, KnownFact]] = _NOWHERE) -> list[Finding]:
        """Of a file. ``filled``: where places are filled, and by which facts; everywhere else by nothing."""
        return self._inside(table, (), filled)

    def _inside(self, part: Any, path: Path, filled: Mapping[Path, Mapping[str, KnownFact]]) -> list[Finding]:
        found = []
        for key, each in part.items() if type(part) is dict else enumerate(part):
            kind = type(each)
            if kind not in _TABLES or id(each) in self._right:
                continue
            if kind is list or not _is_text(each):
                found += self._inside(each, (*path, key), filled)
            elif not _is_plain(**each):
                place = (*path, key)
                found += _findings(place, each, filled.get(place))
        if not found and len(path) >= _DEEPEST_FILLED:
            self._right[id(part)] = part
        return found


def _is_text(table: dict[str, Any]) -> bool:
    return table.keys() == _BOTH and type(table["zh"]) is type(table["en"]) is str


def _is_plain(zh: str, en: str) -> bool:
    """Whether it is what nearly all are, and right: Chinese and English words without a place in them."""
    if "{" in zh or "}" in zh or "{" in en or "}" in en:
        return False
    if not (zh.isprintable() and en.isprintable()):
        return False
    return bool(_CHINESE.search(zh)) and (en.isascii() or not _CHINESE.search(en)) and any(map(str.isalnum, en))


def _findings(path: Path, words: dict[str, str], facts: Mapping[str, KnownFact] | None) -> Iterator[Finding]:
    yield from _language(path, words)
    broken = [f for language in LANGUAGES for f in _place_findings((*path, language), words[language], facts)]
    yield from broken or (() if facts is None else _differing(path, words))


def _language(path: Path, words: dict[str, str]) -> Iterator[Finding]:
    zh, en = (_PLACE.sub("", words[language]) for language in ("zh", "en"))
    for language, said in words.items():
        if not said.strip():
            yield Finding((*path, language), "empty", "write it, or leave the whole text out")
        elif not any(map(str.isalnum, said)):
            yield Finding((*path, language), "says nothing", "write it in words, or leave the whole text out")
        if unseen := next((each for each in said if unicodedata.category(each) in _UNSEEN), ""):
            what = f"has a character that nobody sees, U+{ord(unseen):04X}"
            yield Finding((*path, language), what, "write it as one line, without it")
    if _CHINESE.search(en):
        yield Finding((*path, "en"), "has Chinese characters", "translate it")
    if _ENGLISH_WORD.search(zh) and not _CHINESE.search(zh):
        yield Finding((*path, "zh"), "has no Chinese characters", "translate it")


def _place_findings(path: Path, words: str, facts: Mapping[str, KnownFact] | None) -> Iterator[Finding]:
    try:
        found = [(name, form, how) for _, name, form, how in Formatter().parse(words) if name is not None]
    except ValueError:
        yield Finding(path, "a brace that opens or closes no place", "write {fact}, or no brace")
        return
    for name, form, conversion in found:
        if facts is None:
            yield Finding(path, f"nothing fills {{{name}}} here", "write it without a place")
        elif name not in facts:
            yield Finding(path, f"no fact fills {{{name}}}", one_of(facts, name))
        elif facts[name].type == "yes_no":
            yield Finding(path, f"{{{name}}} would say True or False", "say it in words")
        elif conversion or (form and not (facts[name].type == "number" and _WITH_ITS_WORD.fullmatch(form))):
            yield Finding(path, f"{{{name}}} has a form", "only numbers have one: {n:trip|trips}")


def _differing(path: Path, words: dict[str, str]) -> Iterator[Finding]:
    zh, en = ({name for _, name, _, _ in Formatter().parse(words[lang]) if name} for lang in ("zh", "en"))
    for name in sorted(zh ^ en):
        lacks = "en" if name in zh else "zh"
        yield Finding((*path, lacks), f"lacks {{{name}}}, which the other language has", "say the same in both")
