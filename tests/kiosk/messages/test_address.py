"""Whose address it is: this computer's own, or somebody else's that looks like it."""

from __future__ import annotations

import pytest

from kiosk.messages.address import is_loopback_host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_computer_is_known_by_each_of_its_names(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "::2", "127.1", "2130706433", "LOCALHOST "],
)
def test_what_only_looks_like_this_computer_is_somebody_else(host: str) -> None:
    assert not is_loopback_host(host)
