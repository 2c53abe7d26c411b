"""The queue: numbers without gaps, the chain, order per case, and what survives a kill."""

from __future__ import annotations

import os
import re
import shutil
import signal
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from offline_cache.errors import KeyTaken, ParcelDamaged
from offline_cache.outbox import FIRST_PREV, Outbox
from offline_cache.store import Store
from tests.waiting import HANG_S


def test_numbers_have_no_gaps_and_each_header_names_the_one_before(store: Store, outbox: Outbox, put) -> None:
    kept = [put(str(number)) for number in range(5)]
    with pytest.raises(ZeroDivisionError):
        outbox.put(kind="case", key="x", case_id="x", receipt_number=None, parts=[], stamp=lambda *_: 1 / 0)
    kept.append(put("after the failed one"))
    assert [each.seq for each in kept] == [1, 2, 3, 4, 5, 6]
    rows = store.query("SELECT header, signature, prev_sha256, sha256 FROM outbox ORDER BY seq")
    assert rows[0]["prev_sha256"] == FIRST_PREV == "0" * 64
    for former, row in pairwise(rows):
        assert row["prev_sha256"] == sha256(former["header"] + former["signature"].encode()).hexdigest()
    assert outbox.verify_chain() is None
    store.write(lambda: store.db.execute("UPDATE outbox SET header = x'00' WHERE seq = 4"))
    assert outbox.verify_chain() == 4


def test_the_chain_goes_on_after_delivery_and_restart(open_store, put, outbox: Outbox, store: Store) -> None:
    last = put("a")
    outbox.claim(0.0)
    outbox.delivered(1, b"receipt")
    store.close()
    again = Outbox(open_store())
    put("b", into=again)
    assert again.last_seq() == 2
    assert again._store.query("SELECT prev_sha256 FROM outbox WHERE seq = 2")[0]["prev_sha256"] == last.sha256
    assert again.verify_chain() is None


def test_the_same_key_is_one_row_and_other_parts_are_an_error(outbox: Outbox, put) -> None:
    assert put("a", sealed=b"one") == put("a", sealed=b"one")
    with pytest.raises(KeyTaken, match="other parts"):
        put("a", sealed=b"two")
    assert len(outbox.rows()) == 1
    outbox.claim(0.0)
    outbox.delivered(1, b"receipt")
    assert put("a", sealed=b"one").state == "delivered"


def test_queue_lines_have_exactly_the_contract_fields(outbox: Outbox, put) -> None:
    put("a", sealed=b"12345")
    outbox.claim(100.0)
    outbox.failed(1, "no_connection", 7.0, 100.0)
    line = msgspec.to_builtins(outbox.rows(102.0)[0])
    fields = "seq key kind case_id receipt_number state attempts next_try_in_s error created_at bytes"
    assert list(line) == fields.split()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("created_at"))
    assert list(line.values()) == [1, "a", "case", "a", "Ra", "stored", 1, 5.0, "no_connection", 5]


def test_order_is_strict_within_a_case_and_free_between_cases(outbox: Outbox, put) -> None:
    for key, case in (("a1", "A"), ("a2", "A"), ("b1", "B")):
        put(key, case)
    first, second = outbox.claim(0.0), outbox.claim(0.0)
    assert (first.key, second.key) == ("a1", "b1")
    assert outbox.claim(0.0) is None
    outbox.failed(first.seq, "timeout", 50.0, 0.0)
    assert outbox.claim(1.0) is None, "a2 must not overtake a1 that waits"
    assert outbox.claim(51.0).key == "a1"
    outbox.delivered(first.seq, b"receipt")
    assert outbox.claim(51.0).key == "a2"


def test_a_held_case_waits_for_a_person_and_blocks_nobody_else(outbox: Outbox, put) -> None:
    for key, case in (("a1", "A"), ("a2", "A"), ("b1", "B")):
        put(key, case)
    outbox.hold(outbox.claim(0.0).seq, "409 digest differs")
    assert outbox.claim(0.0).key == "b1"
    assert outbox.claim(0.0) is None
    assert (outbox.depth(), outbox.held()) == (2, 1)
    assert outbox.rows()[0].error == "409 digest differs"
    assert outbox.release(1)
    assert not outbox.release(1)
    assert outbox.claim(0.0).key == "a1"


def test_cases_go_before_ratings(outbox: Outbox, put) -> None:
    put("r", kind="rating")
    put("unknown", kind="other")
    put("c", kind="case")
    assert [outbox.claim(0.0).key for _ in range(3)] == ["c", "r", "unknown"]


def stamp(seq, prev, digests):
    return f"{seq} {prev}".encode(), "s"


def test_what_has_no_case_waits_for_nobody(outbox: Outbox) -> None:
    for key in ("e1", "e2"):
        outbox.put(kind="device_event", key=key, case_id=None, receipt_number=None, parts=[], stamp=stamp)
    assert [outbox.claim(0.0).key for _ in range(2)] == ["e1", "e2"]


@pytest.mark.parametrize("now", [5.0, 1e9, -1e9])
def test_a_due_time_beyond_the_cap_means_the_clock_jumped(outbox: Outbox, put, now: float) -> None:
    put("a")
    outbox.claim(1000.0)
    outbox.failed(1, "timeout", 200.0, 1000.0)
    assert outbox.claim(1100.0) is None
    assert outbox.next_due_in_s(1100.0) == pytest.approx(100.0)
    assert outbox.claim(now) is not None


def test_no_wait_is_longer_than_the_cap(outbox: Outbox, put) -> None:
    put("a")
    outbox.claim(0.0)
    outbox.failed(1, "503", 99_999.0, 0.0)
    assert outbox.next_due_in_s(0.0) == 300.0


def test_network_up_makes_everything_due(outbox: Outbox, put) -> None:
    put("a")
    outbox.claim(0.0)
    outbox.failed(1, "no_connection", 200.0, 0.0)
    assert outbox.claim(1.0) is None
    outbox.wake()
    assert outbox.claim(1.0).attempts == 2


def test_sending_is_stored_again_after_a_restart_with_the_same_bytes(
    open_store, store: Store, outbox: Outbox, put
) -> None:
    put("a", sealed=b"the very bytes")
    before = outbox.claim(0.0)
    store.close()
    again = Outbox(open_store())
    after = again.claim(0.0)
    assert (after.header, after.signature, after.sha256) == (before.header, before.signature, before.sha256)
    assert again.parcel(after, "form") == b"the very bytes"
    assert after.attempts == 2


def test_nothing_of_the_parcels_is_left_in_any_file_after_delivery(
    store: Store, outbox: Outbox, put, path: Path
) -> None:
    marks = [os.urandom(24) for _ in range(6)]
    for number, mark in enumerate(marks):
        put(str(number), sealed=mark * (20 + 3000 * number))
    raw = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert all(mark in raw for mark in marks)
    while claimed := outbox.claim(0.0):
        outbox.delivered(claimed.seq, b"receipt")
    store.tidy()
    raw = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert not any(mark in raw for mark in marks)
    assert b"header 1" not in raw
    proof = outbox.proof("1")
    assert (proof.state, proof.receipt, len(proof.sha256)) == ("delivered", b"receipt", 64)


def test_after_delivery_no_part_of_a_case_stays_and_every_part_of_the_next_one_does(
    store: Store, outbox: Outbox
) -> None:
    parts = [(name, name.encode()) for name in ("form", "signature", "face")]
    for key in ("a", "b"):
        outbox.put(kind="case", key=key, case_id=key, receipt_number=None, parts=parts, stamp=stamp)
    claimed = outbox.claim(0.0)
    assert claimed is not None
    outbox.delivered(claimed.seq, b"receipt")
    kept = store.query("SELECT sealed FROM parcel ORDER BY id")
    assert [row["sealed"] for row in kept] == [sealed for _, sealed in parts]
    assert set(outbox.kept(2).parcels.values()) == {sealed for _, sealed in parts}


def test_a_damaged_parcel_is_noticed(store: Store, outbox: Outbox, put) -> None:
    put("a")
    store.write(lambda: store.db.execute("UPDATE parcel SET sealed = x'00'"))
    with pytest.raises(ParcelDamaged, match="form is not what was signed"):
        outbox.parcel(outbox.claim(0.0), "form")


def test_oldest_age_ignores_what_is_delivered_and_a_clock_that_went_back(store: Store, outbox: Outbox, put) -> None:
    assert outbox.oldest_age_s is None
    put("a")
    store.write(lambda: store.db.execute("UPDATE outbox SET created_at = '2020-01-01T00:00:00.000Z'"))
    assert outbox.oldest_age_s > 10**8
    store.write(lambda: store.db.execute("UPDATE outbox SET created_at = '2999-01-01T00:00:00.000Z'"))
    assert outbox.oldest_age_s == 0.0


def test_killed_again_and_again_nothing_kept_is_lost(path: Path, child, open_store) -> None:
    kept, delivered, number = [], [], 1
    for run in range(11):
        process = child(path, number, 1000, run % 2)
        told = []
        for line in process.stdout:
            told.append(line.split())
            if len(told) > 1 + (run * 7) % 11:
                break
        os.kill(process.pid, signal.SIGKILL)
        told += [line.split() for line in process.communicate(timeout=HANG_S)[0].splitlines()]
        kept += [words[1] for words in told if words[0] == "kept" and len(words) == 2]
        delivered += [words[1] for words in told if words[0] == "delivered" and len(words) == 2]
        number += 1000
    outbox = Outbox(open_store())
    rows = outbox.rows()
    assert len(kept) > 20
    assert set(kept) <= {row.key for row in rows}
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert set(delivered) <= {row.key for row in rows if row.state == "delivered"}
    assert outbox.verify_chain() is None
    waiting = {row.key for row in rows if row.state == "stored"}
    while claimed := outbox.claim(0.0):
        assert outbox.parcel(claimed, "form").startswith(claimed.key.encode())
        waiting.discard(claimed.key)
        outbox.delivered(claimed.seq, b"receipt")
    assert not waiting


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_one_sync_per_put_and_two_for_claim_and_delivered(tmp_path: Path, child) -> None:
    syncs = {}
    for count, drain in ((0, 0), (10, 0), (10, 1)):
        (tmp_path / f"{count}{drain}").mkdir()
        before = ("strace", "-f", "-qq", "-e", "trace=fdatasync,fsync")
        told = child(tmp_path / f"{count}{drain}" / "s.db", 1, count, drain, 4000, before=before).communicate(
            timeout=HANG_S
        )[1]
        syncs[count, drain] = len(re.findall(r"\bf(?:data)?sync\(", told))
    assert syncs[10, 0] - syncs[0, 0] == 10
    assert syncs[10, 1] - syncs[10, 0] == 20


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_put_returns_only_after_its_sync(path: Path, child, open_store) -> None:
    """Killed at the n-th sync of its life, when that many had not yet returned: nothing more was said to be kept."""
    open_store().close()
    syncs = ("-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:signal=SIGKILL:when=13")
    told = child(path, 1, 50, 0, before=("strace", "-f", "-qq", "-o", "/dev/null", *syncs)).communicate(timeout=HANG_S)[
        0
    ]
    assert 1 <= told.count("kept") <= 12


def test_what_ran_twice_after_a_disk_error_was_done_once(store: Store, outbox: Outbox, put) -> None:
    original = store._commit
    store._commit = lambda action: (original(action), original(action))[1]
    assert (put("a", "A").seq, put("b", "A").seq) == (1, 2)
    claimed = outbox.claim(0.0)
    assert [row.state for row in outbox.rows()] == ["sending", "stored"]
    outbox.failed(claimed.seq, "timeout", 0.0, 0.0)
    outbox.claim(0.0)
    outbox.delivered(claimed.seq, b"receipt")
    assert outbox.proof("a").receipt == b"receipt"
    assert outbox.verify_chain() is None
