"""Every picture that the product names is one that the fonts have: a missing one would be a dot that says nothing."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from kiosk.catalogue.check import known
from screens import fonts, icons
from tests.screens.gallery import pages
from tests.screens.harness import tree

ROOT = Path(__file__).parents[2]
PAGES = pages()


def in_calls(file: Path) -> Iterator[str]:
    """Strings given as ``icon=``, to ``icon()`` or, as the second, to ``message()``; no parts of f-strings."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        given: list[ast.expr] = []
        if isinstance(node, ast.keyword) and node.arg == "icon":
            given = [node.value]
        elif isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            given = {"icon": node.args[:1], "message": node.args[1:2], "toggle": node.args[1:2]}.get(called, [])
        for value in given:
            inner = [each for each in ast.walk(value) if isinstance(each, (ast.JoinedStr, ast.Compare))]
            joined = {id(part) for each in inner for part in ast.walk(each)}
            for part in ast.walk(value):
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and id(part) not in joined:
                    yield part.value


def in_tables(value: Any) -> Iterator[str]:
    """Every ``icon`` of a TOML file."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "icon" and isinstance(inner, str):
                yield inner
            yield from in_tables(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from in_tables(inner)


def named() -> set[str]:
    sources = [file for folder in ("kiosk", "screens") for file in (ROOT / folder).rglob("*.py")]
    found = {name for file in sources for name in in_calls(file)}
    for file in (ROOT / "kiosk").rglob("*.toml"):
        found |= set(in_tables(tomllib.loads(file.read_text(encoding="utf-8"))))
    return found - {""}


def test_every_icon_that_is_named_anywhere_has_a_picture():
    names = named()
    assert len(names) > 40
    assert {name for name in names if not icons.known(name)} == set()


def test_a_picture_is_the_one_that_the_catalogue_s_author_was_told_of():
    others = [n for n in known.icons() - icons._OUTLINED if icons.glyph(n) != fonts.icon(n)]
    assert others == []


@pytest.mark.parametrize("name", list(PAGES))
def test_no_page_draws_an_unknown_icon(presenter, name):
    with structlog.testing.capture_logs() as logged:
        from kiosk.pages import Settings

        presenter._put(PAGES[name], Settings())
        assert list(tree(presenter._surface.page))
    assert [entry for entry in logged if entry["event"] == "icon_unknown"] == []


def test_unknown_icon_is_said_aloud():
    with structlog.testing.capture_logs() as logged:
        icons.glyph("no-such-thing")
    assert [entry["icon"] for entry in logged if entry["event"] == "icon_unknown"] == ["no-such-thing"]
