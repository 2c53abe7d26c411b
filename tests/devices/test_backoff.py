"""The pause before something is begun anew."""

from __future__ import annotations

from devices.backoff import Backoff


def test_each_end_is_followed_by_a_longer_pause_up_to_the_cap() -> None:
    backoff = Backoff(1.0, 60.0)
    pauses = [backoff.pause_s(stood=False) for _ in range(40)]
    for n, pause_s in enumerate(pauses):
        longest = min(60.0, 2.0**n)
        assert longest / 2 <= pause_s <= longest


def test_what_had_stood_and_what_somebody_looked_at_starts_over() -> None:
    backoff = Backoff(1.0, 60.0)
    for _ in range(10):
        backoff.pause_s(stood=False)
    assert backoff.pause_s(stood=True) <= 1.0
    assert 1.0 <= backoff.pause_s(stood=False) <= 2.0
    backoff.reset()
    assert backoff.pause_s(stood=False) <= 1.0
