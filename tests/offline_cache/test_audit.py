from __future__ import annotations

import pytest

from offline_cache.audit import Audit
from offline_cache.store import Store
from offline_cache.values import Values


def test_rows_are_chained_and_the_head_is_the_last(store: Store) -> None:
    audit = Audit(store)
    assert audit.head() == (0, "0" * 64)
    rows = [audit.append("technician-1", "printed_test", {"n": number}) for number in range(5)]
    assert [row.seq for row in audit.rows()] == [1, 2, 3, 4, 5]
    assert audit.rows(limit=2) == rows[-2:]
    assert audit.head() == (5, rows[-1].sha256)
    assert audit.verify() is None


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 3", 3),
        ("UPDATE audit SET detail = '{}' WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 5", 5),
        ("UPDATE audit SET sha256 = prev_sha256 WHERE seq = 5", 5),
    ],
)
def test_every_change_is_found(store: Store, tampering: str, found: int) -> None:
    audit = Audit(store)
    for number in range(5):
        audit.append("technician-1", "printed_test", {"n": number})
    store.write(lambda: store.db.execute(tampering))
    assert audit.verify() == found


def test_a_row_stands_or_falls_with_its_action(store: Store) -> None:
    audit, values = Audit(store), Values(store)

    def action() -> None:
        values.put("lock", "door", b"open")
        audit.append("technician-1", "opened")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(action)
    assert (values.get("lock", "door"), audit.head()[0]) == (None, 0)


def test_the_same_thing_twice_is_two_rows_but_a_second_run_is_one(store: Store) -> None:
    audit = Audit(store)
    store.stamp = lambda: "2027-01-12T00:00:00.000Z"
    audit.append("a", "b")
    audit.append("a", "b")
    original = store._commit
    store._commit = lambda action: (original(action), original(action))[1]
    audit.append("a", "b")
    assert audit.head()[0] == 3
