"""Questions to the store do not wait for a commit that is under way."""

from __future__ import annotations

import threading

from offline_cache.outbox import Outbox
from offline_cache.store import Store
from tests.waiting import HANG_S


def test_a_page_reads_while_a_commit_is_under_way(store: Store, outbox: Outbox, put) -> None:
    put("a")
    inside, done = threading.Event(), threading.Event()

    def action() -> None:
        store.db.execute("UPDATE outbox SET state = 'held'")
        assert outbox.held() == 1, "inside its own transaction it sees what it did"
        inside.set()
        assert done.wait(HANG_S)

    writer = threading.Thread(target=store.write, args=(action,))
    writer.start()
    try:
        assert inside.wait(HANG_S)
        assert (outbox.depth(), outbox.held()) == (1, 0)
        assert outbox.rows()[0].state == "stored"
    finally:
        done.set()
        writer.join()
    assert (outbox.depth(), outbox.held()) == (0, 1)


def test_reading_goes_on_through_tidying_reopening_and_closing(store: Store, outbox: Outbox, put) -> None:
    put("a")
    stop, seen = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen.append(len(outbox.rows()))

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(30):
            put(str(number))
            (store.tidy if number % 2 else store.reopen)()
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert len(outbox.rows()) == 31
    assert seen
    assert set(seen) <= set(range(1, 32))


def test_an_envelope_on_its_way_from_state_to_state_is_counted_at_every_moment(outbox: Outbox, put) -> None:
    """A machine that says "nothing waits" while something does would prove to the hub that it is lost."""
    put("a")
    ended = threading.Event()

    def send_in_vain() -> None:
        for _ in range(300):
            outbox.failed(outbox.claim(0.0).seq, "no answer", 0.0, 0.0)
        ended.set()

    sender = threading.Thread(target=send_in_vain)
    sender.start()
    seen = set()
    while not ended.is_set():
        seen.add(outbox.counts())
    sender.join()
    assert seen == {(1, 0, 1)}
