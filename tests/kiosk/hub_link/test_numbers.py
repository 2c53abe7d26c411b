"""Receipt numbers: one machine's own, and never again after a disk was replaced."""

from __future__ import annotations

from datetime import date

import pytest
import trio

from hub.enrolment import CODE_LIVES
from hub.machine_keys import NEW_STORE
from kiosk.cases import is_receipt_number, receipt_number
from kiosk.hub_link.enrolment import EnrolmentFailed, enrol, keep_enrolment
from kiosk.hub_link.identity import Identity
from kiosk.hub_link.numbers import SKIPPED, NoNumber, ReceiptNumbers
from kiosk.messages.fleet import Enrolled, Numbering
from offline_cache.counters import Counters
from offline_cache.store import Store
from offline_cache.values import Values
from tests.hub.fixtures import RunningHub, cluster, database
from tests.hub.fixtures import hub as real_hub

__all__ = ["cluster", "database", "real_hub"]

DAY = date(2027, 1, 12)


class Disk:
    """A machine's store, and what it does with its numbers."""

    def __init__(self, kit, tmp_path, name: str, kiosk_id: str = "k-0007") -> None:
        self.clock, self.kiosk_id = kit.clock, kiosk_id
        self.store = Store.open(tmp_path / f"{name}.db", now=kit.clock.now, ballast_mb=0, free_floor_mb=1)

    @property
    def numbers(self) -> ReceiptNumbers:
        """As after a restart."""
        return ReceiptNumbers(Values(self.store), Counters(self.store), self.kiosk_id)

    def number(self) -> tuple[str, int]:
        """The machine and the sequence in the next number."""
        given = self.numbers.take("990101", DAY)
        assert is_receipt_number(given)
        return given[6:10], int(given[18:23])

    async def enrol(self, hub: RunningHub, code: str = "") -> Enrolled:
        code = code or hub.code(replace=True)
        identity = Identity.load(Values(self.store), self.kiosk_id)
        told = await enrol(hub.url, code, identity, self.clock)
        keep_enrolment(self.store, self.kiosk_id, "std", told)
        return told


@pytest.fixture
def disk(kit, tmp_path):
    made: list[Disk] = []

    def make(name: str, kiosk_id: str = "k-0007") -> Disk:
        made.append(Disk(kit, tmp_path, name, kiosk_id))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


def test_a_new_store_gives_no_number_before_the_hub_has_said_one(disk) -> None:
    new = disk("new")
    assert not new.numbers.are_known
    with pytest.raises(NoNumber, match="kiosk enrol"):
        new.numbers.take("990101", DAY)
    new.numbers.heard(Numbering(42))
    assert new.number() == ("0042", 1)


def test_a_new_store_goes_on_behind_what_the_hub_knows(disk) -> None:
    new = disk("new")
    new.numbers.heard(Numbering(42, 317))
    assert new.number() == ("0042", 317 + SKIPPED + 1)


def test_a_store_that_is_put_back_from_a_copy_goes_on_behind_what_the_hub_knows(disk) -> None:
    old = disk("old")
    old.numbers.heard(Numbering(42))
    first = [old.number()[1] for _ in range(3)]
    old.numbers.heard(Numbering(42, first[-1]))
    assert old.number()[1] < SKIPPED, "what the hub knows is what this store gave"
    old.numbers.heard(Numbering(42, 900))
    assert old.number()[1] > 900 + SKIPPED


def test_the_sequence_goes_round_without_being_taken_for_an_old_copy(disk) -> None:
    old = disk("old")
    Counters(old.store).skip_to("receipt", 100_020)
    old.numbers.heard(Numbering(42, 99_998))
    assert old.number() == ("0042", 21)


def test_a_store_of_before_goes_on_with_the_digits_of_its_name_until_the_hub_says_its_number(disk) -> None:
    old = disk("old")
    Counters(old.store).take("receipt")
    assert old.number() == ("0007", 21)
    old.numbers.heard(Numbering(3))
    assert old.number()[0] == "0003"


def test_a_number_belongs_to_the_name_that_it_was_given_to(disk, kit) -> None:
    disk("one").numbers.heard(Numbering(42))
    renamed = ReceiptNumbers(Values(kit.store), Counters(kit.store), "k-0008")
    renamed.heard(Numbering(8))
    assert not ReceiptNumbers(Values(kit.store), Counters(kit.store), "k-0009").are_known


async def test_two_machines_whose_names_end_alike_have_two_numbers(real_hub: RunningHub, disk) -> None:
    one, two = disk("one", "K-10001"), disk("two", "A-0001")
    for each in (one, two):
        await each.enrol(real_hub)
    assert one.number()[0] == "0001"
    assert two.number()[0] != "0001"
    assert (await one.enrol(real_hub)).numbering == Numbering(1), "given once and for ever"


async def test_a_replaced_disk_asks_the_hub_for_the_last_number(real_hub: RunningHub, disk) -> None:
    former = real_hub.machine("k-0077")
    filed = receipt_number("990101", "0077", DAY, 45)
    former.file_case("zhao", "E13", filed)
    await trio.to_thread.run_sync(former.wait_for, filed, "delivered")
    replaced = disk("second", "k-0077")
    await replaced.enrol(real_hub)
    assert replaced.number() == ("0077", 45 + NEW_STORE + SKIPPED + 1)


async def test_a_code_is_for_one_machine_for_a_day_and_good_once(real_hub: RunningHub, disk) -> None:
    code = real_hub.demo("POST", "codes")["code"]
    real_hub.sql("update enrolment_code set bound_to = 'k-0501' where used_at is null returning 1")
    with pytest.raises(EnrolmentFailed, match="for another machine"):
        await disk("thief", "k-0502").enrol(real_hub, code)
    right = disk("right", "k-0501")
    told = await right.enrol(real_hub, code)
    assert await right.enrol(real_hub, code) == told, "an answer that was lost on the way can be asked for again"
    with pytest.raises(EnrolmentFailed, match="was used"):
        await disk("again", "k-0501").enrol(real_hub, code)
    late = real_hub.demo("POST", "codes")["code"]
    real_hub.sql(
        "update enrolment_code set made_at = made_at - %s where used_at is null returning 1", CODE_LIVES * 1.01
    )
    with pytest.raises(EnrolmentFailed, match="older than 24 hours"):
        await disk("late", "k-0503").enrol(real_hub, late)


async def test_a_damaged_answer_to_an_enrolment_is_none(hub, disk, kit) -> None:
    hub.damage = lambda content: content.replace(b'"hall-', b'"hell-')
    identity = Identity.load(Values(kit.store), "hall-0001")
    with pytest.raises(EnrolmentFailed, match="damaged on the way"):
        await enrol(hub.url, "GOOD", identity, kit.clock)
    hub.damage = lambda content: content
    with trio.fail_after(60):
        assert (await enrol(hub.url, "GOOD", identity, kit.clock)).kiosk_id == "hall-0001"
