"""When a destination may be tried: pure times, no network."""

from __future__ import annotations

from random import Random

import pytest

from kiosk.hub_link.breaker import Breaker, full_jitter_s


class Longest(Random):
    """The upper end of every jitter."""

    def random(self) -> float:
        return 1.0


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(Longest(), base_s=2, cap_s=300)


def outage(breaker: Breaker, tries: int) -> list[float | None]:
    """How long each of so many failures closes the way."""
    waits: list[float | None] = []
    for _ in range(tries):
        breaker.bad(100.0)
        waits.append(breaker.wait_s(100.0))
        breaker.began()
    return waits


def test_each_failure_doubles_the_wait_up_to_the_cap(breaker: Breaker) -> None:
    assert outage(breaker, 9) == [2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_after_a_success_the_next_outage_begins_with_the_shortest_wait(breaker: Breaker) -> None:
    outage(breaker, 6)
    breaker.good()
    assert (breaker.is_open, breaker.wait_s(100.0)) == (False, 0.0)
    assert outage(breaker, 2) == [2, 4]


def test_one_server_error_may_be_one_envelopes_own_and_closes_nothing(breaker: Breaker) -> None:
    breaker.server_error(100.0, None)
    breaker.server_error(100.0, None)
    assert not breaker.is_open
    breaker.server_error(100.0, None)
    assert breaker.is_open


def test_server_errors_count_only_in_a_row(breaker: Breaker) -> None:
    for _ in range(5):
        breaker.server_error(100.0, None)
        breaker.server_error(100.0, None)
        breaker.good()
    assert not breaker.is_open


def test_who_asks_to_be_left_alone_is_at_once(breaker: Breaker) -> None:
    breaker.server_error(100.0, 60.0)
    assert breaker.wait_s(100.0) == 60.0
    breaker.try_now(110.0)
    assert breaker.wait_s(110.0) == 50.0, "also when the network has come back"


def test_a_probe_under_way_lets_nobody_else_pass(breaker: Breaker) -> None:
    breaker.bad(100.0)
    breaker.began()
    assert breaker.wait_s(200.0) is None
    breaker.dropped()
    assert breaker.wait_s(200.0) == 0.0


def test_the_machines_of_a_city_do_not_come_back_in_one_second() -> None:
    waits = [full_jitter_s(Random(machine), 2, 300, 6) for machine in range(100)]
    assert len({round(wait_s) for wait_s in waits}) > 50
    assert all(0 <= wait_s <= 128 for wait_s in waits)
