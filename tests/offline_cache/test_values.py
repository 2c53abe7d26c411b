from __future__ import annotations

from datetime import UTC, datetime, timedelta

from offline_cache.store import Store
from offline_cache.values import Values


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
