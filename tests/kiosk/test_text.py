"""Every word that a person reads exists in both languages, and every key that the code asks for exists."""

from __future__ import annotations

import ast
import io
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po

from kiosk.text import Text, same, text

ROOT = Path(__file__).resolve().parents[2]
NO_NAMES = {"三力"}
"""What is quoted for another reason: what the drivers' test is called by the people who take it."""
LOCALE = ROOT / "kiosk" / "locale"
EN = re.compile(r'\ben = "((?:[^"\\]|\\.)*)"')
OWN_PLACES = {"screens.date", "slots.on"}  # a date names its month by number in Chinese and by name in English


def catalogue(language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in [*sorted((LOCALE / language).glob("*.po")), *sorted(ROOT.glob(f"devices/*/locale/{language}.po"))]:
        for message in read_po(io.BytesIO(path.read_bytes()), locale=language):
            if message.id:
                assert message.id not in found, f"{message.id} stands twice"
                found[message.id] = message.string
    return found


def test_both_languages_have_the_same_keys_and_the_same_places_to_fill() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    assert zh.keys() == en.keys()
    for key, message in zh.items():
        assert message, key
        assert en[key], key
        if key not in OWN_PLACES:
            assert set(re.findall(r"\{(\w+)[:}]", message)) == set(re.findall(r"\{(\w+)[:}]", en[key])), key


def asked_keys() -> set[str]:
    """Keys that the code asks for by name."""
    found = set()
    for path in (ROOT / "kiosk").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "text" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def test_every_key_that_the_code_names_is_there() -> None:
    assert asked_keys() - catalogue("zh").keys() == set()


def test_an_unknown_key_is_an_error_and_not_a_blank() -> None:
    with pytest.raises(KeyError, match="no zh text"):
        text("nobody.wrote.this")


def test_values_fill_both_languages_and_a_text_brings_its_own_words() -> None:
    assert Text("{a}好", "hello {a}").filled(a=Text("你", "you")) == Text("你好", "hello you")
    assert same("7").in_language("en") == "7"


@pytest.mark.parametrize(
    ("key", "values", "one", "three"),
    [
        ("eligibility.missing_title", "count", "Not possible yet: 1 point", "Not possible yet: 3 points"),
        ("home.count", "n", "1 service", "3 services"),
        ("todo.overdue", "days", "1 day overdue", "3 days overdue"),
        ("todo.soon", "days", "1 day left", "3 days left"),
        ("todo.later", "days", "in 1 day", "in 3 days"),
        ("nearby.machine_does", "n", "does 1 service now", "does 3 services now"),
        ("together.filed", "n", "Kept: 1 application", "Kept: 3 applications"),
        ("resume_code.wait", "minutes", "wait 1 minute.", "wait 3 minutes."),
        (
            "guide_called.minutes_ago",
            "minutes",
            "the call before was 1 minute ago",
            "the call before was 3 minutes ago",
        ),
    ],
)
def test_a_number_is_written_with_the_word_that_belongs_to_it(key: str, values: str, one: str, three: str) -> None:
    assert one in text(key, **{values: 1}).en
    assert three in text(key, **{values: 3}).en


def test_no_english_text_leaves_the_plural_to_the_reader() -> None:
    plural = re.compile(r"\(s\)|\{\w+\} (?!is\b|has\b|years a guardian)[a-z]+s\b")
    said = catalogue("en") | {
        f"{path.name}: {words}": words
        for path in (ROOT / "kiosk/catalogue/data").rglob("*.toml")
        for words in EN.findall(path.read_text("utf-8"))
    }
    assert [key for key, message in said.items() if plural.search(message)] == []


def test_no_english_text_has_signs_that_the_chinese_face_draws_a_whole_square_wide() -> None:
    wide = re.compile("[“”‘’\u3000-\u303f\uff00-\uffef]")
    assert [key for key, message in catalogue("en").items() if wide.search(message)] == []
    services = [*(ROOT / "kiosk/catalogue/data").rglob("*.toml")]
    said = [(path.name, words) for path in services for words in EN.findall(path.read_text("utf-8"))]
    assert len(said) > 1000
    assert [each for each in said if wide.search(each[1])] == []


def _said(found: Any) -> Iterator[dict[str, str]]:
    """Every text of a file of the catalogue, wherever it stands."""
    if isinstance(found, dict) and found.keys() == {"zh", "en"}:
        yield found
    elif isinstance(found, dict | list):
        for each in found.values() if isinstance(found, dict) else found:
            yield from _said(each)


@pytest.mark.parametrize(("language", "quoted"), [("zh", "“([^”]*)”"), ("en", '"([^"]*)"')])
def test_what_is_quoted_is_the_name_of_a_service_an_option_a_button_or_a_heading(language: str, quoted: str) -> None:
    files = (ROOT / "kiosk/catalogue/data").rglob("*.toml")
    texts = [each[language] for path in files for each in _said(tomllib.loads(path.read_text("utf-8")))]
    texts += catalogue(language).values()
    names = {name for words in texts for name in re.findall(quoted, words) if "{" not in name}
    assert names - set(texts) <= NO_NAMES


def test_the_paper_of_a_case_has_one_name() -> None:
    """回执, by which its title and the services call it; 凭条 is the paper of what is half done (``handover``)."""
    texts = {path: path.read_text("utf-8") for path in (LOCALE / "zh").glob("*.po") if path.stem != "handover"}
    texts |= {path: path.read_text("utf-8") for path in (ROOT / "kiosk/catalogue/data").rglob("*.toml")}
    assert [path.name for path, words in texts.items() if "凭条" in words] == []
    assert "回执" in text("slip.title").zh


def test_the_pager_and_what_sends_a_page_have_names_of_their_own() -> None:
    for language in ("zh", "en"):
        said = catalogue(language)
        assert said["screens.next"] != said["action.next"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{day} is the last day", "2027-01-31 is the last day"),
        ("{n:trip|trips} left until {day}", "1 trip left until 2027-01-31"),
        ("{told:trip|trips} left", "2 trips left"),
        ("{day:day|days}", "2027-01-31"),
        ("valid until {nobody_sent_it}, renew it", "valid until , renew it"),
        ("{day.__class__} and {day[0]} and {0} and {}", "and and and"),
        ("{day!r} {day:%Y} {n:d}", "2027-01-31 1"),
        ("{day:>99999999999}", "2027-01-31"),
        ("{many} {nothing} {yes}", ""),
        ("a brace { alone", "a brace alone"),
    ],
)
def test_facts_from_elsewhere_fill_a_text_and_what_lacks_is_left_out(words: str, said: str) -> None:
    facts = {"day": "2027-01-31", "n": 1, "told": "2", "many": [1], "nothing": None, "yes": True}
    assert same(words).filled_with(facts) == same(said)


def test_the_places_of_a_text_are_those_of_both_languages() -> None:
    assert Text("{a} {n:天|天}", "{b}").places() == {"a", "n", "b"}
    with pytest.raises(ValueError):
        same("{").places()
