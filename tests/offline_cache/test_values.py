from __future__ import annotations

from datetime import UTC, datetime, timedelta

from offline_cache.store import Store
from offline_cache.values import Values


def test_what_is_put_anew_is_as_old_as_its_last_put(store: Store) -> None:
    """Known reference data are told with the time at which they were true."""
    values, first = Values(store), datetime(2027, 1, 12, tzinfo=UTC)
    store.now = lambda: first
    values.put("staff", "t-1", b"one")
    store.now = lambda: first + timedelta(days=1)
    values.put("staff", "t-1", b"one")
    kept = values.kept("staff", "t-1")
    assert kept is not None
    assert kept.at == first + timedelta(days=1)


def test_values_survive_a_restart_with_their_time(open_store, store: Store) -> None:
    values = Values(store)
    values.put("staff", "t-1", b"one")
    values.put("staff", "t-1", b"two")
    values.put("lockout", "t-1", b"3")
    store.close()
    values = Values(open_store())
    kept = values.kept("staff", "t-1")
    assert kept.value == b"two"
    assert datetime.now(UTC) - kept.at < timedelta(minutes=1)
    assert values.names("staff") == ["t-1"]
    values.delete("staff", "t-1")
    assert values.get("staff", "t-1") is None
    assert values.get("lockout", "t-1") == b"3"
