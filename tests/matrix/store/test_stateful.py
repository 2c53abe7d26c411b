"""The store against a model of it: any order of filing, sending, failing, power cuts, clock jumps and full disks."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from offline_cache.errors import KeyTaken, StoreFull
from offline_cache.outbox import Claimed, Outbox
from offline_cache.sealed import parcel_id
from tests.matrix.store.disk import Disk
from tests.matrix.store.power_cut import opened, stamp

CAP_S = 300.0
KINDS = {"case": 0, "rating": 2}


class Known:
    """What the model knows of one envelope."""

    def __init__(self, seq: int, key: str, case_id: str, kind: str, sealed: bytes) -> None:
        self.seq, self.key, self.case_id, self.kind, self.sealed = seq, key, case_id, kind, sealed
        self.state, self.due, self.damaged = "stored", None, False
        self.sha256 = ""


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.known: list[Known] = []
        self.quarantined: set[int] = set()
        self.now = 1000.0
        self.disk = Disk()
        self.start()

    def start(self) -> None:
        self.store = opened(self.folder, self.disk, {})
        self.outbox = Outbox(self.store, priorities=KINDS, cap_s=CAP_S)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)
        structlog.reset_defaults()

    def may_fill(self, work: Any) -> bool:
        """Whether it was done: with a full disk nothing of it may have been kept."""
        try:
            work()
            return True
        except StoreFull:
            assert self.disk.full
            return False

    # -- what happens to a machine

    @rule(cases=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(sorted(KINDS))), min_size=1, max_size=4),
          size=st.sampled_from([10, 9_000, 60_000]))  # fmt: skip
    def file(self, cases: list[tuple[int, str]], size: int) -> None:
        for number, kind in cases:
            new = Known(len(self.known) + 1, f"k{len(self.known)}", f"c{number}", kind, bytes([number]) * size)
            if self.may_fill(lambda new=new: self.put(new)):
                self.known.append(new)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def file_again(self, data: st.DataObject) -> None:
        """A second tap, or a retry after an unknown outcome."""
        known = data.draw(st.sampled_from(self.known))
        if not known.damaged:
            self.put(known)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def another_content_under_the_same_key(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(self.known))
        with pytest.raises(KeyTaken) as taken:
            self.outbox.put(
                kind="case", key=known.key, case_id="x", receipt_number=None, parts=[("form", b"!")], stamp=stamp
            )
        assert taken.value.known.seq == known.seq

    def put(self, known: Known) -> None:
        kept = self.outbox.put(
            kind=known.kind,
            key=known.key,
            case_id=known.case_id,
            receipt_number=None,
            parts=[("form", known.sealed)],
            stamp=stamp,
        )
        assert kept.seq == known.seq
        known.sha256 = kept.sha256

    @rule(times=st.integers(1, 5), avoid_first=st.booleans())
    def claim(self, times: int, avoid_first: bool) -> None:
        for _ in range(times):
            self.claim_one([1] if avoid_first else [])

    def claim_one(self, avoid: list[int]) -> None:
        got: list[Claimed | None] = []
        if not self.may_fill(lambda: got.append(self.outbox.claim(self.now, avoid=avoid))):
            return
        for found in self.outbox.quarantined():
            self.set_aside(found.seq)
        wanted = self.next(avoid)
        claimed = got[0]
        assert (claimed and claimed.seq) == (wanted and wanted.seq)
        for each in self.known:
            if each.state == "stored" and each.due is not None and not self.now < each.due <= self.now + CAP_S:
                each.due = None
        if wanted:
            assert claimed
            wanted.state, wanted.due = "sending", None
            assert claimed.sha256 == wanted.sha256
            assert self.outbox.parcel(claimed, "form") == wanted.sealed

    def next(self, avoid: list[int]) -> Known | None:
        ready = [
            each
            for each in self.known
            if each.state == "stored"
            and each.seq not in avoid
            and (each.due is None or not self.now < each.due <= self.now + CAP_S)
            and all(e.state == "delivered" for e in self.known if e.case_id == each.case_id and e.seq < each.seq)
        ]
        return min(ready, key=lambda each: (KINDS[each.kind], each.seq), default=None)

    def sending(self) -> list[Known]:
        return [each for each in self.known if each.state == "sending"]

    @precondition(lambda self: self.sending())
    @rule(data=st.data(), how=st.sampled_from(["ack", "fail", "hold"]), wait_s=st.floats(0, 2 * CAP_S))
    def settle(self, data: st.DataObject, how: str, wait_s: float) -> None:
        known = data.draw(st.sampled_from(self.sending()))
        if how == "ack":
            if self.may_fill(lambda: self.outbox.delivered(known.seq, b"receipt")):
                known.state = "delivered"
        elif how == "fail":
            if self.may_fill(lambda: self.outbox.failed(known.seq, "timeout", wait_s, self.now)):
                known.state, known.due = "stored", self.now + min(wait_s, CAP_S)
        elif self.may_fill(lambda: self.outbox.hold(known.seq, "409")):
            known.state = "held"

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from(self.known))
        freed: list[bool] = []
        if self.may_fill(lambda: freed.append(self.outbox.release(known.seq))):
            assert freed == [known.state == "held" and not known.damaged]
            if freed[0]:
                known.state, known.due = "stored", None

    @rule()
    def network_up(self) -> None:
        if self.may_fill(self.outbox.wake):
            for each in self.known:
                each.due = None

    @rule(by_s=st.floats(-1e6, 1e6))
    def clock_jump(self, by_s: float) -> None:
        self.now += by_s

    @rule(seed=st.integers(0, 2**16))
    def power_cut(self, seed: int) -> None:
        self.disk.off = True
        self.store.close()
        self.disk = Disk(self.disk.after_cut(seed))
        self.restarted()

    @rule()
    def restart(self) -> None:
        self.disk.full = False
        self.store.close()
        self.restarted()

    def restarted(self) -> None:
        self.start()
        for each in self.sending():
            each.state = "stored"

    @rule(full=st.booleans())
    def disk_full(self, full: bool) -> None:
        self.disk.full = full

    @precondition(lambda self: not self.disk.full)
    @rule()
    def quiet_moment(self) -> None:
        self.store.tidy()

    @precondition(lambda self: not self.disk.full and any(each.state == "stored" for each in self.known))
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.state == "stored"]))
        place = parcel_id(known.seq, 0)
        self.store.write(lambda: self.store.db.execute("UPDATE parcel SET sealed = x'00' WHERE id = ?", (place,)))
        known.damaged = True
        assert self.outbox._quarantine._damage(known.seq) == "part form is not what was signed"
        self.outbox._quarantine._cursor = 0
        assert self.outbox.scrub(len(self.known)).came_round
        for found in self.outbox.quarantined():
            self.set_aside(found.seq)

    def set_aside(self, seq: int) -> None:
        known = self.known[seq - 1]
        assert known.damaged, "what is whole is never set aside"
        known.state, known.due = "held", None

    # -- what is always true

    @invariant()
    def nothing_is_lost_or_out_of_order(self) -> None:
        rows = self.outbox.rows()
        assert [(row.seq, row.key, row.state) for row in rows] == [
            (each.seq, each.key, each.state) for each in self.known
        ]
        assert self.outbox.verify_chain() is None
        assert self.outbox.last_seq() == len(self.known)

    @invariant()
    def numbers_agree(self) -> None:
        states = [each.state for each in self.known]
        assert self.outbox.depth() == states.count("stored") + states.count("sending")
        assert self.outbox.held() == states.count("held")
        assert {row.seq for row in self.outbox.quarantined()} == {each.seq for each in self.known if each.damaged}
        assert (self.outbox.oldest_age_s is None) == all(state == "delivered" for state in states)

    @invariant()
    def delivered_is_erased_and_the_rest_is_there(self) -> None:
        there = {row["seq"] for row in self.store.query("SELECT id / 256 AS seq FROM parcel")}
        assert there == {each.seq for each in self.known if each.state != "delivered"}

    @invariant()
    def within_a_case_only_the_first_is_under_way(self) -> None:
        for each in self.sending():
            before = [e for e in self.known if e.case_id == each.case_id and e.seq < each.seq]
            assert all(e.state == "delivered" for e in before)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=int(os.environ.get("STORE_EXAMPLES", "25")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
