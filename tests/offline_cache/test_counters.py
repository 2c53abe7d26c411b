from __future__ import annotations

from offline_cache.counters import Counters
from offline_cache.store import Store


def test_no_number_is_given_twice_even_across_restarts(open_store, store: Store) -> None:
    given = [Counters(store, block=7).take("receipt") for _ in range(3)]
    counters = Counters(store, block=7)
    given += [counters.take("receipt") for _ in range(20)]
    store.close()
    counters = Counters(open_store(), block=7)
    given += [counters.take("receipt") for _ in range(20)]
    assert len(given) == len(set(given))
    assert given == sorted(given)
    assert given[0] == 1


def test_most_numbers_cost_no_write(store: Store, monkeypatch) -> None:
    writes = []
    original = store.write
    monkeypatch.setattr(store, "write", lambda action: writes.append(1) or original(action))
    counters = Counters(store, block=20)
    assert [counters.take("receipt") for _ in range(40)] == list(range(1, 41))
    assert len(writes) == 2


def test_counters_are_apart(store: Store) -> None:
    counters = Counters(store)
    assert list(counters.reserve("a", 3)) == [1, 2, 3]
    assert list(counters.reserve("b", 2)) == [1, 2]
    assert list(counters.reserve("a", 1)) == [4]
