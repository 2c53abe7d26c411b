"""Whose an envelope is: found while it waits, erased with the delivery, never without its row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from offline_cache.errors import KeyTaken, StoreFull
from offline_cache.outbox import Outbox
from tests.offline_cache.conftest import stamp

MINE, YOURS = b"m" * 32, b"y" * 32


def put(outbox: Outbox, key: str, mark: bytes, content: bytes = b"sealed") -> int:
    parts = [("form", content)]
    proof = outbox.put(kind="case", key=key, case_id=key, receipt_number=key, parts=parts, stamp=stamp, mark=mark)
    return proof.seq


def test_a_mark_finds_what_waits_in_every_state_but_delivered(outbox: Outbox) -> None:
    for key, mark in (("a", MINE), ("b", YOURS), ("c", MINE), ("d", b""), ("e", MINE)):
        put(outbox, key, mark)
    outbox.claim(0.0)
    outbox.hold(3, "422")
    assert outbox.marks.find(MINE) == [1, 3, 5]
    assert outbox.marks.find(b"") == []
    outbox.delivered(1, b"receipt")
    assert outbox.marks.find(MINE) == [3, 5]
    assert outbox.marks.find(YOURS) == [2]


def test_nothing_of_a_mark_is_on_the_disk_after_the_delivery(
    outbox: Outbox, store: Any, path: Path, open_store: Callable[..., Any]
) -> None:
    put(outbox, "a", MINE)
    store.close()
    assert MINE in path.read_bytes()
    again = open_store()
    outbox = Outbox(again)
    outbox.claim(0.0)
    outbox.delivered(1, b"receipt")
    again.close()
    assert MINE not in path.read_bytes(), "erased, not only forgotten"


def test_a_second_tap_marks_once_and_another_content_not_at_all(outbox: Outbox, store: Any) -> None:
    assert put(outbox, "a", MINE) == put(outbox, "a", MINE)
    with pytest.raises(KeyTaken):
        put(outbox, "a", YOURS, b"other")
    assert (outbox.marks.find(MINE), outbox.marks.find(YOURS)) == ([1], [])
    assert len(store.query("SELECT * FROM value")) == 1


def test_what_was_not_kept_left_no_mark(outbox: Outbox, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(store), "has_room", property(lambda _: False))
    with pytest.raises(StoreFull):
        put(outbox, "a", MINE)
    assert store.query("SELECT * FROM value") == []


def test_a_mark_that_an_older_program_left_behind_finds_nothing(outbox: Outbox, store: Any) -> None:
    put(outbox, "a", MINE)
    outbox.claim(0.0)
    older = "UPDATE outbox SET state = 'delivered', header = NULL, signature = NULL WHERE seq = 1"
    store.write(lambda: store.db.execute(older))
    assert outbox.marks.find(MINE) == []
