"""A card that somebody left on the reader is never read again; the next one that is put down is, however soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from devices.contract import Deadline
from devices.id_card_reader.placement import Placement
from devices.vocabulary import Completion, DeviceState, MediaState

Start = Callable[..., Any]
READERS = ("80", "9F", "80 without chip number")


def start(reader_sim: Start, find_after_read: str, *arguments: str) -> Any:
    plain = ["--plain"] if "without" in find_after_read else []
    return reader_sim("--find-after-read", find_after_read[:2], *plain, *arguments)


def read_new(reader: Any, since_s: float, timeout_s: float = 20.0) -> Any:
    return reader.read_card(Deadline(timeout_s), put_down_after=since_s)


def first_visit(sim: Any, reader: Any) -> float:
    """One card is read; the moment after which the next one counts."""
    assert read_new(reader, 0.0, 0.8).code is Completion.TIME_OUT
    sim.do("place", card="li")
    assert read_new(reader, 0.0).value.name == "李秀兰"
    return time.monotonic()


@pytest.mark.parametrize("find_after_read", READERS)
def test_card_that_was_read_stays_unread_until_it_is_lifted(
    reader_sim: Start, make_reader: Start, find_after_read: str
) -> None:
    sim = start(reader_sim, find_after_read)
    reader = make_reader()
    since_s = first_visit(sim, reader)
    assert read_new(reader, since_s, 2.5).code is Completion.TIME_OUT
    sim.do("lift")
    assert read_new(reader, since_s, 1.5).code is Completion.TIME_OUT
    assert reader.said[-1].media is MediaState.NOT_PRESENT
    sim.do("place", card="li")
    assert read_new(reader, since_s).value.name == "李秀兰"


@pytest.mark.parametrize("find_after_read", ["80", "9F"])
def test_card_that_lies_there_is_named_in_the_status(
    reader_sim: Start, make_reader: Start, find_after_read: str
) -> None:
    sim = start(reader_sim, find_after_read)
    reader = make_reader()
    read_new(reader, first_visit(sim, reader), 2.0)
    assert (reader.said[-1].media, reader.said[-1].error) == (MediaState.PRESENT, "card_left")


@pytest.mark.parametrize("find_after_read", READERS)
def test_card_that_lies_there_when_the_machine_starts_is_not_read(
    reader_sim: Start, make_reader: Start, find_after_read: str
) -> None:
    sim = start(reader_sim, find_after_read, "--place", "li")
    reader = make_reader()
    assert read_new(reader, 0.0, 2.5).code is Completion.TIME_OUT
    assert (reader.said[-1].media, reader.said[-1].error) == (MediaState.PRESENT, "card_left")
    sim.do("lift")
    assert read_new(reader, 0.0, 1.5).code is Completion.TIME_OUT
    sim.do("place", card="li")
    assert read_new(reader, 0.0).ok


@pytest.mark.parametrize("find_after_read", ["80", "9F"])
def test_reader_that_loses_its_power_for_a_moment_proves_nothing(
    reader_sim: Start, make_reader: Start, find_after_read: str
) -> None:
    sim = start(reader_sim, find_after_read)
    reader = make_reader()
    since_s = first_visit(sim, reader)
    assert read_new(reader, since_s, 1.2).code is Completion.TIME_OUT
    sim.do("restart")
    assert read_new(reader, since_s, 2.5).code is Completion.TIME_OUT


@pytest.mark.parametrize("find_after_read", READERS)
def test_reader_that_falls_silent_proves_nothing(reader_sim: Start, make_reader: Start, find_after_read: str) -> None:
    sim = start(reader_sim, find_after_read)
    reader = make_reader()
    since_s = first_visit(sim, reader)
    assert read_new(reader, since_s, 1.0).code is Completion.TIME_OUT
    sim.do("silent")
    assert read_new(reader, since_s, 0.5).code is Completion.TIME_OUT
    sim.do("restart")
    sim.do("silent", on=False)
    assert read_new(reader, since_s, 2.5).code is Completion.TIME_OUT
    sim.do("lift")
    assert read_new(reader, since_s, 1.5).code is Completion.TIME_OUT
    sim.do("place", card="wang")
    assert read_new(reader, since_s).ok


def test_card_on_a_reader_that_is_plugged_in_again_is_not_read(
    reader_sim: Start, supervised: Start, wait_for: Start
) -> None:
    sim = reader_sim()
    reader = supervised()
    wait_for(lambda: reader.status.media is MediaState.NOT_PRESENT)
    sim.do("place", card="li")
    assert reader.submit("read_card", 20, put_down_after=0.0).future.result(30).ok
    since_s = time.monotonic()
    sim.do("unplug")
    wait_for(lambda: reader.status.device is DeviceState.NO_DEVICE)
    sim.do("replug")
    wait_for(lambda: reader.status.device is DeviceState.ONLINE)
    assert reader.submit("read_card", 2.5, put_down_after=since_s).future.result(30).code is Completion.TIME_OUT
    assert reader.status.error == "card_left"


@pytest.mark.parametrize(
    ("find_after_read", "away_s"), [("80", 0.0), ("80", 0.8), ("9F", 0.0), ("9F", 0.8), (READERS[2], 0.8)]
)
def test_next_card_is_read_however_soon_it_comes(
    reader_sim: Start, make_reader: Start, find_after_read: str, away_s: float
) -> None:
    sim = start(reader_sim, find_after_read)
    reader = make_reader()
    since_s = first_visit(sim, reader)
    assert read_new(reader, since_s, 1.5).code is Completion.TIME_OUT

    def exchange() -> None:
        sim.do("lift")
        threading.Event().wait(away_s)
        sim.do("place", card="ho")

    hand = threading.Timer(0.3, exchange)
    hand.start()
    assert read_new(reader, since_s).value.name == "何嘉敏"
    hand.join()


def test_quick_exchange_that_the_reader_cannot_tell_is_asked_to_be_made_slower(
    reader_sim: Start, make_reader: Start
) -> None:
    sim = reader_sim("--find-after-read", "9F", "--plain")
    reader = make_reader()
    since_s = first_visit(sim, reader)
    assert read_new(reader, since_s, 1.5).code is Completion.TIME_OUT
    sim.do("lift")
    sim.do("place", card="ho")
    assert read_new(reader, since_s, 1.5).code is Completion.TIME_OUT
    assert reader.said[-1].error == "card_left"
    sim.do("lift")
    assert read_new(reader, since_s, 1.5).code is Completion.TIME_OUT
    assert reader.said[-1].error == ""
    sim.do("place", card="ho")
    assert read_new(reader, since_s).value.name == "何嘉敏"


def test_card_put_down_in_a_visit_that_did_not_ask_for_it_is_not_for_the_next(
    reader_sim: Start, supervised: Start, wait_for: Start
) -> None:
    sim = reader_sim()
    reader = supervised()
    wait_for(lambda: reader.status.media is MediaState.NOT_PRESENT)
    sim.do("place", card="li")
    wait_for(lambda: reader.status.media is MediaState.PRESENT)
    since_s = time.monotonic()
    assert reader.submit("read_card", 2.5, put_down_after=since_s).future.result(30).code is Completion.TIME_OUT


def test_one_empty_look_may_be_a_disturbance() -> None:
    placement = Placement()
    placement.found()
    placement.empty()
    placement.found()
    assert not placement.is_new(0.0)
    placement.empty()
    placement.empty()
    placement.found()
    assert placement.is_new(0.0)
