"""Text that a person reads, in every language at once, so that a page can change language while it is shown."""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from string import Formatter

import msgspec
import structlog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

log = structlog.get_logger()
LANGUAGES = ("zh", "en")
_LONGEST_WORD = 40


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message in Chinese and English. TOML form: ``{ zh = "…", en = "…" }``."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The message in ``language`` (``zh`` or ``en``)."""
        return self.en if language == "en" else self.zh

    def filled(self, **values: object) -> Text:
        """The message with ``{name}`` places filled; a ``Text`` value gives each language its own words."""
        return Text(*(_fill(self.in_language(lang), values, lang) for lang in LANGUAGES))

    def filled_with(self, facts: Mapping[str, object]) -> Text:
        """The same with facts from elsewhere: a place that none of them fills is left out, and nothing stops it."""
        return Text(*(_filled_with(self.in_language(lang), facts) for lang in LANGUAGES))

    def places(self) -> frozenset[str]:
        """The names of all ``{name}`` places in any language. Raises ValueError for a brace that opens or ends none."""
        return frozenset().union(*(places(self.in_language(lang)) for lang in LANGUAGES))

    def __bool__(self) -> bool:
        return bool(self.zh or self.en)


def places(message: str) -> frozenset[str]:
    """The names of the ``{name}`` places of a message. Raises ValueError."""
    return frozenset(name for _, name, _, _ in Formatter().parse(message) if name is not None)


NOTHING = Text("", "")


def same(value: str) -> Text:
    """A text that reads the same in every language: a number, a date, a masked name."""
    return Text(value, value)


def text(key: str, **values: object) -> Text:
    """The message ``key``, filled: of ``locale/<language>/*.po``, or a device's own (``device.…``).

    Raises KeyError for an unknown key.
    """
    found = Text(*(_lookup(lang, key) for lang in LANGUAGES))
    return found.filled(**values) if values else found


def worded(prefix: str, word: str, otherwise: Text) -> Text:
    """The message ``prefix.word``; for a word of a newer hub that has none, ``otherwise``."""
    try:
        return text(f"{prefix}{word}")
    except KeyError:
        return otherwise


def listed(texts: Iterable[Text]) -> Text:
    """Names one after the other, as each language separates them."""
    named = list(texts)
    return Text("、".join(each.zh for each in named), ", ".join(each.en for each in named))


def plain(word: object) -> str:
    """A foreign word as it may be shown: one line, nothing invisible, not longer than a person reads."""
    return uncut(word)[:_LONGEST_WORD]


def uncut(word: object) -> str:
    """The same in full: a name that is cut is another name."""
    shown = "".join(c if c.isprintable() else " " for c in str(word))
    return " ".join(shown.split())


_PLACE = re.compile(r"\{([^{}:]*):?([^{}]*)\}")


def _filled_with(message: str, facts: Mapping[str, object]) -> str:
    """By names only: no attribute of a value (``{x.y}``), no form of it (``{x:>9}``) but that of a number."""

    def fact(place: re.Match[str]) -> str:
        value = facts.get(place[1])
        if not isinstance(value, str | int) or isinstance(value, bool):
            return ""
        is_count = "|" in place[2] and re.fullmatch("[0-9]{1,9}", str(value))
        return format(_Count(value), place[2]) if is_count else str(value)

    return " ".join(_PLACE.sub(fact, message).replace("{", "").replace("}", "").split())


class _Count(int):
    """A number that is written with its word: ``{n:day|days}`` gives "1 day" and "3 days"."""

    def __format__(self, form: str) -> str:
        one, bar, many = form.partition("|")
        return f"{int(self)} {one if self == 1 else many}" if bar else format(int(self), form)


def _fill(message: str, values: dict[str, object], language: str) -> str:
    return message.format(**{k: _in(language, v) for k, v in values.items()})


def _in(language: str, value: object) -> object:
    if isinstance(value, Text):
        return value.in_language(language)
    return _Count(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _lookup(language: str, key: str) -> str:
    found = _translations(language).gettext(key)
    if found == key:
        raise KeyError(f"no {language} text for {key!r} in kiosk/locale")
    return found


def _words_of_devices(language: str) -> Iterator[Path]:
    """``locale/<language>.po`` beside each installed driver; no driver is loaded for it."""
    folders = {entry.module.rpartition(".")[0] or entry.module for entry in entry_points(group="tongban.drivers")}
    for folder in sorted(folders):
        try:
            spec = find_spec(folder)
        except (ImportError, ValueError):
            continue
        for place in (spec.submodule_search_locations or ()) if spec else ():
            if (path := Path(place) / "locale" / f"{language}.po").is_file():
                yield path


@cache
def _translations(language: str) -> gettext.GNUTranslations:
    # Compiled in memory at first use: the .po files are the one source, no .mo file can go stale.
    merged = None
    for entry in sorted((resources.files("kiosk") / "locale" / language).iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".po"):
            found = read_po(io.BytesIO(entry.read_bytes()), locale=language)
            if merged is None:
                merged = found
            else:
                for message in found:
                    if message.id:
                        merged[message.id] = message
    assert merged is not None
    for path in _words_of_devices(language):
        try:
            found = read_po(io.BytesIO(path.read_bytes()), locale=language, abort_invalid=True)
        except (OSError, ValueError, PoFileError) as error:
            log.error("device_words_unreadable", path=str(path), error=type(error).__name__)
            continue
        for message in found:
            # A device's folder words its own kind and nothing else of the machine.
            if str(message.id).startswith("device."):
                merged[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
