"""Texts: both languages, and no place ``{…}`` that nothing fills."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from string import Formatter
from typing import Any

from kiosk.catalogue.finding import Finding, Path, one_of
from kiosk.catalogue.model import KnownFact
from kiosk.text import LANGUAGES

_BOTH = frozenset(LANGUAGES)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ENGLISH_WORD = re.compile("[a-z]{3}")
_PLACE = re.compile(r"\{[^{}]*\}")
_WITH_ITS_WORD = re.compile(r"[^{}|:!]+\|[^{}|:!]+")


def text_findings(table: Any, filled: Mapping[Path, Mapping[str, KnownFact]]) -> Iterator[Finding]:
    """Of every text in a file. ``filled``: where places are filled, and by which facts; everywhere else by nothing."""
    for path, words in _texts(table, ()):
        facts = filled.get(path)
        if facts is None:
            yield from (found._replace(path=(*path, *found.path)) for found in _of_words(*words.values(), tuple(words)))
            continue
        yield from _language(path, words)
        broken = [f for language in LANGUAGES for f in _place_findings((*path, language), words[language], facts)]
        yield from broken or _differing(path, words)


@lru_cache(maxsize=16384)
def _of_words(one: str, other: str, languages: tuple[str, ...]) -> tuple[Finding, ...]:
    """Of a text that nothing fills: in a part, the same stands in many services."""
    words = dict(zip(languages, (one, other), strict=True))
    places = (f for language in LANGUAGES for f in _place_findings((language,), words[language], None))
    return (*_language((), words), *places)


def _texts(part: Any, path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    if isinstance(part, dict):
        if part.keys() == _BOTH and all(isinstance(words, str) for words in part.values()):
            yield path, part
            return
        for key, each in part.items():
            if isinstance(each, (dict, list)):
                yield from _texts(each, (*path, key))
    elif isinstance(part, list):
        for number, each in enumerate(part):
            yield from _texts(each, (*path, number))


def _language(path: Path, words: dict[str, str]) -> Iterator[Finding]:
    zh, en = (_PLACE.sub("", words[language]) for language in ("zh", "en"))
    for language, said in words.items():
        if not said.strip():
            yield Finding((*path, language), "empty", "write it, or leave the whole text out")
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
