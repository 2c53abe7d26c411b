"""Money at the hub without an order: prices, a day's two books, and notices that nobody signed."""

from __future__ import annotations

import msgspec
import pytest
from structlog.testing import capture_logs

from hub.payments.acquirer import BillRow
from hub.payments.notices import Refused
from hub.payments.prices import amounts, least_due
from hub.payments.reconcile import balance
from kiosk.catalogue.loader import load
from kiosk.catalogue.model import StepSpec
from tests.hub.fixtures import TODAY


def test_the_two_books_side_by_side() -> None:
    pay = [BillRow("pay", f"o{n}", f"o{n}", 1000 + n) for n in range(3)]
    back = BillRow("refund", "o1-0", "o1", 1001)
    even = balance(TODAY, [*pay, back], [*pay, back])
    assert (even.differences, even.here_fen, even.there_fen) == ([], 2002, 2002)
    there = [pay[0], pay[0], pay[1]._replace(amount_fen=1), BillRow("refund", "x", "x", 5)]
    found = balance(TODAY, [*pay, back], there)
    assert [(each.what, each.number) for each in found.differences] == [
        ("twice_there", "o0"),
        ("amount", "o1"),
        ("only_here", "o2"),
        ("only_here", "o1-0"),
        ("only_there", "x"),
    ]


def test_prices_are_the_hubs_own() -> None:
    service = load().services["T01"]
    assert amounts(service) == {1000}
    assert least_due(service, {}, TODAY) == 0
    paying = msgspec.structs.replace(service, steps=(StepSpec(kind="pay"), *service.steps))
    assert least_due(paying, {}, TODAY) == 1000


@pytest.mark.attack(4)
def test_notices_that_nobody_signed_are_told_once_a_minute() -> None:
    refused = Refused()
    with capture_logs() as told:
        for at in range(1000):
            refused.tell("signed at another time", at * 0.1)
    assert [line["count"] for line in told] == [1, 600]
