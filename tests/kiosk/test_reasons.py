"""Every reason for which a department says no has words, also one that only a later department knows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kiosk.catalogue.loader import load
from kiosk.journey.reasons import reason as told
from kiosk.text import LANGUAGES, Text, text

SERVICE = load().services["T01"]
OF_THE_HUB = [
    *("card_kind", "card_expired", "card_validity_unknown", "age", "service_unknown"),
    *("guardian_missing", "guardian_refused", "agent_refused"),
    *("second_unknown", "second_missing", "second_same", "second_minor", "second_expired"),
]


@pytest.mark.parametrize("reason", OF_THE_HUB + [check.id for check in SERVICE.checks])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_words_and_says_what_to_do(reason: str, language: str) -> None:
    fact = told(SERVICE, reason, {})
    assert fact.label != text("reason.other", code=reason)
    assert fact.label.in_language(language)
    assert fact.value.in_language(language)


@pytest.mark.parametrize("reason", ["of_tomorrow", "kiosk", "x{y}"])
def test_a_reason_that_nobody_here_knows_is_shown_plainly(reason: str) -> None:
    assert reason in told(SERVICE, reason, {}).label.zh


@pytest.mark.parametrize(
    ("held", "named"), [("A1A2D", "A1 A2"), ("C1B2", "B2"), ("C9", "C9"), ("", ""), (None, ""), (7, "7")]
)
def test_of_several_classes_the_one_in_the_way_is_named(held: Any, named: str) -> None:
    label = told(SERVICE, "licence_class", {"licence_class": held}).label
    assert label.zh.endswith(f"（{named}）" if named else "需到窗口换证")


def test_a_reason_names_what_to_bring_where_and_the_rule() -> None:
    check = msgspec.structs.replace(
        SERVICE.checks[0], bring=Text("旧证", "the old one"), where=Text("3 号窗口", "counter 3"), basis="某规定第五条"
    )
    service = msgspec.structs.replace(SERVICE, checks=(check,))
    said = told(service, check.id, {}).value
    assert said.zh == f"{check.what_to_do.zh} 请带：旧证。 地点：3 号窗口。 （依据：某规定第五条）"
    assert "Bring: the old one. Where: counter 3." in said.en
    plain = msgspec.structs.replace(SERVICE, checks=(SERVICE.checks[0],))
    assert told(plain, check.id, {}).value.zh.endswith(f"（依据：{SERVICE.basis[0].law} {SERVICE.basis[0].clause}）")
