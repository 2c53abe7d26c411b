"""A price that changes at midnight: it is that of the day of payment, for whom a department decides later too."""

from __future__ import annotations

import re
from pathlib import Path

from tests.catalogues import copied, example, signed
from tests.hub.fixtures import Machine, RunningHub, case_form, paid
from tests.hub.test_published import in_force, own_key, publish

PAYS = 'kind = "sign"\n[[steps]]\nkind = "pay"\n[[steps]]\nuse = "hand_in"'


def dearer_from_today() -> str:
    """The example, paid before it is filed, with another price for each of two days."""
    fee = re.search(r"\[\[fees\]\]\n.*?\n(?=\n)", example(), flags=re.DOTALL)
    assert fee
    days = f"{fee[0]}valid_to = 2027-01-11\n{fee[0].replace('1000', '2000')}valid_from = 2027-01-12\n"
    return example().replace(fee[0], days).replace('use = "apply"', PAYS)


def test_who_has_paid_before_midnight_and_files_after_it_has_paid_the_price_of_before(
    hub: RunningHub, machine: Machine, tmp_path: Path
) -> None:
    done = publish(hub, signed(copied(tmp_path / "dearer", traffic__T90=dearer_from_today()), own_key(hub)))
    assert done.returncode == 0, done.stderr
    in_force(machine, "2027.02")
    for days_ago, fen, state in ((0, 1000, "not_accepted"), (0, 2000, "accepted"), (1, 1000, "accepted")):
        sent = machine.envelope("case", case_form("zhao", "T90", f"T90-{days_ago}-{fen}", "2027.02"))
        paid(hub, machine, sent.key, "T90", fen, days_ago)
        machine.deliver(sent)
        machine.wait_for(f"T90-{days_ago}-{fen}", state)
