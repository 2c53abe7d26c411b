"""One contract for all carriers, against the real hub on PostgreSQL: whatever happens on the way, each case is there
once, with one receipt, and in order.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio

from kiosk.messages.batch import Member, read_batch, write_batch
from kiosk.messages.envelope import new_key
from tests.hub.fixtures import RunningHub, cluster, database
from tests.hub.fixtures import hub as real_hub
from tests.kiosk.hub_link.side import Side
from tests.waiting import eventually

__all__ = ["cluster", "database", "real_hub"]


@pytest.fixture(params=["https", "file", "both"])
def carrier(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def side(real_hub: RunningHub, tmp_path: Path, carrier: str) -> AsyncIterator[Side]:
    made = Side(real_hub, tmp_path, carrier)
    await made.enrol()
    yield made
    await made.close()


by_file = pytest.mark.parametrize("carrier", ["file"], indirect=True)


# -- what holds for every carrier ---------------------------------------------------------------------------------


async def test_cases_with_parcels_arrive_once_and_are_receipted(side: Side) -> None:
    keys = [side.file(photo=os.urandom(300_000)) for _ in range(3)]
    await side.deliver()
    assert side.once_each(keys)
    assert set(side.states()) == {"delivered"}
    assert (
        side.hub.sql("select receipt from envelope where key = %s", keys[0])[0][0] == side.outbox.proof(keys[0]).receipt
    )
    assert side.events("chain_broken") == 0


async def test_the_envelopes_of_one_case_arrive_in_order(side: Side) -> None:
    first = side.file()
    keys = [first, side.file(case=first), side.file(case=first)]
    await side.deliver()
    assert side.at_hub() == keys


async def test_a_receipt_that_was_lost_comes_again_byte_for_byte(side: Side) -> None:
    key = side.file()
    await side.deliver()
    receipt = side.outbox.proof(key).receipt
    await side.close()
    forget_receipt(side, key)
    side.open()
    assert side.state(key) == "stored"
    await side.deliver()
    assert side.outbox.proof(key).receipt == receipt
    assert side.once_each([key])


def forget_receipt(side: Side, key: str) -> None:
    """As if the power had gone before the receipt was kept: the row and its parcels as they were put."""
    shutil.copy(side.folder / "before.db", side.folder / "store.db")


@pytest.fixture(autouse=True)
def keep_store_before_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    deliver = Side.deliver

    async def after_copy(side: Side) -> None:
        side.store.tidy()
        shutil.copy(side.folder / "store.db", side.folder / "before.db")
        await deliver(side)

    monkeypatch.setattr(Side, "deliver", after_copy)


async def test_another_envelope_under_the_same_key_is_held_with_its_reason(side: Side) -> None:
    key = side.file()
    side.hub.sql("update envelope set sha256 = 'x' where key = %s returning 1", key)  # nothing there yet
    await side.deliver()
    other = new_key()
    side.filing.file_now("case", other, other, None, {"form": b"x"})
    # The hub holds another digest under this key, as after a restored backup.
    side.hub.sql("insert into envelope select %s, nextval('hub_seq'), kiosk_id, 999, kind, case_id, header, signature, "
                 "repeat('0', 64), prev_sha256, received_at, receipt from envelope where key = %s returning 1",
                 other, key)  # fmt: skip
    await side.run_until(lambda: side.state(other) == "held")
    assert side.outbox.row(2).error.startswith("409")
    assert ("held", side.outbox.row(2).error) in side.alarms


async def test_a_machine_that_stops_in_the_middle_goes_on(side: Side) -> None:
    keys = [side.file() for _ in range(5)]
    with trio.move_on_after(0.1):
        await side.forwarder.run()
    await side.close()
    side.open()
    await side.deliver()
    assert side.once_each(keys)


# -- by file ------------------------------------------------------------------------------------------------------


@by_file
async def test_what_went_by_file_is_sending_until_its_receipt_comes_however_late(side: Side) -> None:
    key = side.file()
    [batch] = await side.export()
    assert batch.name == f"{side.kiosk_id}-1-1.tbz"
    assert side.state(key) == "sending"
    code, [said] = side.hub_files_process()
    assert (code, said["accepted"], said["rejected"]) == (0, 1, [])
    assert side.batches() == []
    assert side.state(key) == "sending"
    answers = side.exchange / "in"
    await side.run_until(lambda: side.state(key) == "delivered" and not list(answers.iterdir()))


@by_file
async def test_the_same_batch_twice_gives_the_same_receipts_and_one_case(side: Side) -> None:
    key = side.file()
    [batch] = await side.export()
    copy = side.folder / "copy.tbz"
    shutil.copy(batch, copy)
    side.hub_files()
    [answer] = (side.exchange / "in").iterdir()
    first = list(read_batch(answer, str))
    answer.unlink()
    shutil.copy(copy, side.exchange / "out" / "renamed by somebody.tbz")
    code, [said] = side.hub_files()
    assert (code, said["accepted"], said["known"]) == (0, 0, 1)
    assert list(read_batch(answer, str)) == first
    assert side.once_each([key])


@by_file
async def test_batches_in_the_wrong_order_are_no_gap_and_no_break(side: Side) -> None:
    keys = []
    for number in range(3):
        keys.append(side.file())
        await side.export()
        for path in side.batches():
            path.rename(side.folder / f"{number}.tbz")
    for number in (2, 0, 1):
        shutil.copy(side.folder / f"{number}.tbz", side.exchange / "out")
        side.hub_files()
    assert side.at_hub() == [keys[2], keys[0], keys[1]]
    assert side.events("chain_broken") == 0
    await side.run_until(lambda: set(side.states()) == {"delivered"})


@by_file
async def test_a_damaged_parcel_costs_its_own_case_a_second_trip_only(side: Side) -> None:
    keys = [side.file(photo=os.urandom(100_000)) for _ in range(3)]
    side.files._linger_s = 1.0
    [batch] = await side.export()
    damage(batch, 150_000)
    code, [said] = side.hub_files()
    assert (code, said["accepted"], len(said["rejected"])) == (3, 2, 1)
    assert said["trouble"]
    hit = said["rejected"][0]["key"]  # cases stand in the batch in the order in which they came to be written
    kept = side.exchange / "aside" / batch.name
    assert kept.exists()
    assert hit in (kept.parent / f"{kept.name}.txt").read_text()
    assert side.hub.sql(
        "select count(*) from event where kind = 'file_trouble' and data->>'file' = %s", batch.name
    ) == [(1,)]
    # The city asks again, signed; the machine writes that one anew, and only that one.
    await side.run_until(lambda: side.states().count("delivered") == 2, hub_files=False)
    await side.run_until(lambda: bool(side.batches()), hub_files=False)
    seq = keys.index(hit) + 1
    assert [path.name for path in side.batches()] == [f"{side.kiosk_id}-{seq}-{seq}.tbz"]
    await side.run_until(lambda: set(side.states()) == {"delivered"})
    assert side.once_each(keys)


@by_file
async def test_a_missing_parcel_is_asked_for_again(side: Side) -> None:
    key = side.file()
    [batch] = await side.export()
    members = [member for member in read_batch(batch, str) if member.kind == "envelopes"]
    batch.unlink()
    write_batch(batch, members)
    code, [said] = side.hub_files()
    assert (code, said["rejected"][0]["reason"]) == (1, "2 parcels are missing")
    await side.run_until(lambda: side.state(key) == "delivered")
    assert side.once_each([key])


@by_file
@pytest.mark.parametrize("content", [b"", b"no batch at all", b"BZh91AY&SY" + bytes(50)])
async def test_a_file_that_is_no_batch_is_put_aside_with_its_reason(side: Side, content: bytes) -> None:
    (side.exchange / "out").mkdir(parents=True)
    for place in ("out", "in"):
        (side.exchange / place).mkdir(exist_ok=True)
        (side.exchange / place / f"{side.kiosk_id}-1-1.tbz").write_bytes(content)
    code, [said] = side.hub_files()
    assert code == 1
    assert said["trouble"]
    assert side.batches() == []
    await side.run_until(lambda: bool(side.alarms), hub_files=False)
    assert side.alarms[0][0] == "file"
    assert list((side.exchange / "in").iterdir()) == []
    assert len(list((side.exchange / "aside").iterdir())) == 2


@by_file
async def test_half_written_files_are_left_alone(side: Side) -> None:
    (side.exchange / "out").mkdir(parents=True)
    half = side.exchange / "out" / f"{side.kiosk_id}-1-1.tbz.tmp"
    half.write_bytes(b"half")
    assert side.hub_files() == (0, [])
    assert half.exists()


@by_file
async def test_a_forged_receipt_and_one_of_another_machine_change_nothing(side: Side) -> None:
    key = side.file()
    await side.export()
    side.hub_files()
    [answer] = (side.exchange / "in").iterdir()
    [true] = list(read_batch(answer, str))
    told = msgspec.json.decode(true.content)
    forged = msgspec.json.encode({**told, "hub_seq": told["hub_seq"] + 1})
    foreign = msgspec.json.encode({**told, "key": new_key()})
    answer.unlink()
    write_batch(answer, [Member("receipts", "a.json", forged), Member("receipts", "b.json", foreign)])
    other = answer.with_name("k-9999-1-1.tbz")
    write_batch(other, [true])
    await side.run_until(lambda: bool(side.alarms), hub_files=False)
    assert side.state(key) == "sending"
    assert other.exists()
    reasons = (side.exchange / "aside" / f"{answer.name}.txt").read_text().splitlines()
    assert len(reasons) == 2
    write_batch(answer, [true])
    await side.run_until(lambda: side.state(key) == "delivered", hub_files=False)


@by_file
async def test_an_envelope_of_a_machine_that_nobody_enrolled_is_rejected_and_kept(side: Side, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = Side(side.hub, tmp_path / "stranger", "file")
    stranger.file()
    [batch] = await stranger.export()
    code, [said] = stranger.hub_files()
    assert (code, said["rejected"][0]["reason"]) == (1, "not signed by a machine that is enrolled")
    assert (stranger.exchange / "aside" / batch.name).exists()
    assert stranger.at_hub() == []
    await stranger.close()


@by_file
async def test_a_folder_that_is_away_is_tried_until_it_is_back(side: Side) -> None:
    side.exchange.write_bytes(b"")  # the mount point of a stick that is not there
    key = side.file()
    await side.run_until(lambda: "folder" in (side.outbox.row(1).error or ""), hub_files=False)
    side.exchange.unlink()
    await side.deliver()
    assert side.once_each([key])


@by_file
async def test_what_has_no_receipt_after_a_long_time_is_written_again(side: Side) -> None:
    key = side.file()
    side.files.again_after_s = 0.3
    [batch] = await side.export()
    batch.rename(side.folder / "lost on the way")
    await side.run_until(lambda: side.state(key) == "delivered")
    assert side.outbox.row(1).attempts > 1
    assert side.once_each([key])


@by_file
async def test_a_batch_that_was_only_copied_is_taken_away_with_its_last_receipt(side: Side) -> None:
    side.file()
    [batch] = await side.export()
    kept = side.folder / "kept.tbz"
    shutil.copy(batch, kept)
    side.hub_files()
    shutil.copy(kept, batch)  # a one-way gateway copies and leaves its source
    await side.run_until(lambda: set(side.states()) == {"delivered"} and not side.batches(), hub_files=False)
    assert side.batches() == []


# -- both ways at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carrier", ["both"], indirect=True)
async def test_with_the_network_away_cases_go_by_file_and_are_there_once_when_it_is_back(side: Side) -> None:
    keys = [side.file() for _ in range(3)]
    side.hub.demo("POST", "network", up=False)
    try:
        batches = await side.export()
        assert batches
        for path in batches:
            shutil.copy(path, side.folder / path.name)
    finally:
        side.hub.demo("DELETE", "faults")
    side.forwarder.network_up()
    await side.run_until(lambda: set(side.states()) == {"delivered"}, hub_files=False)
    # The stick arrives a day later.
    for path in side.folder.glob("*.tbz"):
        shutil.copy(path, side.exchange / "out")
    code, said = side.hub_files()
    assert code == 0
    assert sum(each["known"] for each in said) == 3
    assert side.once_each(keys)
    await side.run_until(lambda: not list((side.exchange / "in").iterdir()), hub_files=False)
    assert side.alarms == [] or {what for what, _ in side.alarms} <= {"no_answer"}


def damage(path: Path, position: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[position : position + 20] = bytes(20)
    path.write_bytes(raw)


# -- the gm suite of equal rank -----------------------------------------------------------------------------------


@pytest.mark.parametrize("carrier", ["https", "file"], indirect=True)
async def test_a_gm_machine_delivers_and_its_case_is_accepted(
    real_hub: RunningHub, tmp_path: Path, carrier: str
) -> None:
    side = Side(real_hub, tmp_path, carrier, "gm")
    await side.enrol()
    key = side.file()
    await side.deliver()
    assert side.once_each([key])
    await trio.to_thread.run_sync(lambda: accepted(side, key))
    await side.close()


def accepted(side: Side, key: str) -> None:
    states = "select state from case_file where key = %s"
    eventually(lambda: side.hub.sql(states, key)[0][0] in ("accepted", "not_accepted"), "the department's word")


@pytest.mark.parametrize("carrier", ["https"], indirect=True)
async def test_an_envelope_above_the_hubs_limit_is_alarmed_after_three_tries_while_others_pass(side: Side) -> None:
    """The server itself answers 413 before it reads anything: nobody can sign that."""
    large = side.file(case="x" * 2_000_000)
    for tries in range(1, 4):
        await side.run_until(lambda tries=tries: side.row(large).attempts >= tries)
        side.file()
        await side.run_until(lambda: side.states().count("delivered") == tries)  # noqa: B023 - awaited at once
    await side.run_until(lambda: side.alarms != [])
    assert side.alarms == [("no_answer", f"number 1: {side.row(large).error}")]
    assert side.row(large).error == "413: larger than the hub, or a gateway before it, lets through"
    assert side.state(large) in ("stored", "sending"), "kept, and tried on"
