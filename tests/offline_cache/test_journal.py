from __future__ import annotations

from offline_cache.journal import Journal
from offline_cache.store import Store


def test_what_was_begun_and_not_resolved_is_found_after_a_restart(open_store, store: Store) -> None:
    journal = Journal(store)
    slip = journal.begin("print", "case-1", {"job": 7})
    card = journal.begin("eject", "case-2")
    journal.resolve(card, "done")
    store.close()
    journal = Journal(open_store())
    (intent,) = journal.open_intents()
    assert (intent.id, intent.kind, intent.ref, intent.detail) == (slip, "print", "case-1", {"job": 7})
    assert journal.open_intents("eject") == []
    journal.resolve(slip, "ask a person")
    assert journal.open_intents() == []


def test_only_the_last_effect_says_whether_the_device_can_be_believed(store: Store) -> None:
    journal, besides = Journal(store), ("not_printed", "handed_over")
    assert journal.last_outcome("print", besides=besides) == ""
    for outcome in ("printed", "not_printed", "unclear", "handed_over"):
        journal.resolve(journal.begin("print", "x"), outcome)
    journal.resolve(journal.begin("eject", "x"), "done")
    assert journal.last_outcome("print", besides=besides) == "unclear"
    journal.begin("print", "y")
    assert journal.last_outcome("print", besides=besides) is None


def test_the_first_outcome_stays(store: Store) -> None:
    journal = Journal(store)
    intent = journal.begin("print", "x")
    assert journal.outcome(intent) is None
    journal.resolve(intent, "done")
    journal.resolve(intent, "not done")
    assert journal.outcome(intent) == "done"


def test_a_begin_that_ran_twice_after_a_disk_error_is_one_intent(store: Store) -> None:
    original, runs = store._commit, []

    def twice(action):
        runs.append(1)
        original(action)
        return original(action)

    store._commit = twice
    Journal(store).begin("print", "x")
    assert runs
    assert len(Journal(store).open_intents()) == 1
