"""Who asks is the same one in whatever form its address is told, and a front is one over IPv6 too (door 4)."""

from __future__ import annotations

from typing import Any

import pytest

from hub.api.strangers import Doors
from hub.connections import Connections, Limits

pytestmark = pytest.mark.attack(4)


def scope(host: str, told: str = "") -> Any:
    return {"client": (host, 1), "headers": [(b"x-forwarded-for", told.encode())] if told else []}


@pytest.mark.parametrize("form", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_a_front_is_believed_and_nobody_behind_it_is_this_computer(form: str) -> None:
    doors = Doors(frozenset({"127.0.0.1"}))
    asks = doors.client(scope(form, "127.0.0.1, ::ffff:203.0.113.5"))
    assert asks == ("203.0.113.5", 1)
    assert not doors.is_monitor({**scope(form), "client": asks})


@pytest.mark.parametrize("form", ["192.0.2.7", "::ffff:192.0.2.7"])
def test_who_watches_is_known_over_a_listener_of_both_families(form: str) -> None:
    doors = Doors(monitors=frozenset({"192.0.2.7"}))
    assert doors.is_monitor({**scope(form), "client": doors.client(scope(form))})


class Line:
    """As much of a connection as is counted."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.is_closed = False

    def abort(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("front", ["127.0.0.1", "::ffff:127.0.0.1", "::1", "2001:db8::5"])
def test_a_front_brings_more_connections_than_one_address_may_have(front: str) -> None:
    behind = frozenset({"127.0.0.1", "::1", "2001:db8::5"})
    guard: Any = Connections(Limits(by_address=2), behind)
    lines = [Line(guard.origin(front)) for _ in range(5)]
    assert all(guard.admit(line) for line in lines)
    assert not any(line.is_closed for line in lines)
    others = [Line(guard.origin(f"2001:db8::{number}")) for number in (6, 7, 8)]
    assert all(guard.admit(line) for line in others)
    assert [line.is_closed for line in others] == [True, False, False], "beside it, a network has its share"
