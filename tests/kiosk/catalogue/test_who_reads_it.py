"""What a text says must be true for each of those whom it reaches: who has lost the old one, who never had one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from kiosk.catalogue.loader import load
from kiosk.catalogue.model import Service
from kiosk.text import text

SERVICES = load().services
NOTHING_OLD = {"lost", "first"}
"""Answers of who has no old document to hand in."""


def _answers(service: Service) -> set[str]:
    asked = [thing for spec in service.steps for thing in (spec, *getattr(spec, "fields", ()))]
    return {option.id for thing in asked for option in getattr(thing, "options", ())}


def _told_of_an_old_one() -> Iterator[str]:
    """Each sentence about an old document that also reaches who has none."""
    said = [
        text("post.what_next"),
        *(SERVICES[key].what_next for key in SERVICES if _answers(SERVICES[key]) & NOTHING_OLD),
    ]
    for key in ("H07", "E14"):
        said.append(SERVICES[key].what_next)
        for spec in SERVICES[key].steps:
            said += [
                *getattr(spec, "warn", ()),
                *(words for name in ("agree", "next") if (words := getattr(spec, name, None))),
            ]
    sentences = (sentence for each in said for sentence in re.split("[。；]", each.zh))
    yield from (sentence for sentence in sentences if re.search("旧[证簿身]", sentence))


@pytest.mark.parametrize("sentence", _told_of_an_old_one())
def test_an_old_document_is_asked_of_those_only_who_have_it(sentence: str) -> None:
    assert re.search("有旧证|没有丢|还在|换证的", sentence)
