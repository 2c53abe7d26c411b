"""The driver against the sim: separate process, real pty, the pace of the line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from devices.contract import Deadline, TryAgain
from devices.id_card_reader import codec
from devices.id_card_reader.card import IdCard
from devices.transport import SerialTransport
from devices.vocabulary import Completion, DeviceState, MediaState

Start = Callable[..., Any]


def read(reader: Any, timeout_s: float = 8.0) -> IdCard:
    done = reader.read_card(Deadline(timeout_s))
    assert done.code is Completion.SUCCESS, done
    return done.value


def test_card_is_read_with_photo_and_then_its_added_addresses(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader()
    card = read(reader)
    assert "3003" not in sim.do("state")["answered"]
    assert (card.name, card.birth, card.number) == ("李秀兰", date(1991, 8, 22), "990201199108220249")
    done = reader.read_added_addresses(Deadline(8.0))
    assert done.value == ("通办市试点区演示路12号", "通办市试点区示范街6号")
    assert (card.portrait.width_px, card.portrait.height_px) == (102, 126)
    assert (len(card.photo), card.photo[:4]) == (1024, b"RIFF")


def test_chip_is_told_with_the_card_where_the_module_knows_it(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader()
    chip = read(reader).chip
    assert len(chip) == 64
    sim.do("lift")
    sim.do("place", card="ho")
    assert read(reader).chip not in ("", chip)


def test_chip_whose_number_came_damaged_is_asked_again(reader_sim: Start, make_reader: Start) -> None:
    """A guide's card whose chip is not told is no guide's card."""
    sim = reader_sim("--place", "li")
    reader = make_reader()
    chip = read(reader).chip
    sim.do("lift")
    sim.do("garble", count=1, command="3005")
    sim.do("place", card="li")
    assert read(reader).chip == chip


def test_module_that_says_nothing_about_chips_is_not_asked_for_ever(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    sim.do("mute", command="3005")
    reader = make_reader()
    for person in ("li", "ho", "li"):
        sim.do("lift")
        sim.do("place", card=person)
        assert read(reader).chip == ""
    assert codec.READ_CHIP_NUMBER in reader._unsupported


def test_module_that_tells_no_chips_leaves_it_empty(reader_sim: Start, make_reader: Start) -> None:
    reader_sim("--place", "li", "--plain")
    assert read(make_reader()).chip == ""


@pytest.mark.parametrize(
    ("person", "kind", "name"),
    [
        ("wang", "resident", "王𠮷䶮㛃"),
        ("ho", "hk_macao_taiwan", "何嘉敏"),
        ("smith", "foreigner_2017", "史密斯"),
        ("garcia", "foreigner_2023", "加西亚"),
    ],
)
def test_all_kinds_over_the_wire(reader_sim: Start, make_reader: Start, person: str, kind: str, name: str) -> None:
    reader_sim("--place", person, "--padding", "nul", "--photo", "wlt")
    card = read(make_reader())
    assert (card.kind, card.name, card.portrait, card.photo[:2]) == (kind, name, None, b"WL")


@pytest.mark.parametrize("finger_bytes", ["1024", "512", "0"])
def test_fingerprint_as_long_as_the_card_has_it(reader_sim: Start, make_reader: Start, finger_bytes: str) -> None:
    reader_sim("--place", "li", "--finger", finger_bytes)
    card = read(make_reader(read_fingerprint=True))
    assert (card.name, len(card.fingerprint)) == ("李秀兰", int(finger_bytes))


def test_module_without_fingerprints_is_asked_once_and_the_cards_are_read_all_the_same(
    reader_sim: Start, make_reader: Start
) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader(read_fingerprint=True)
    sim.do("error", sw3="21", count=1000, command="3010")
    first = read(reader)
    assert (first.name, first.fingerprint) == ("李秀兰", b"")
    sim.do("lift")
    sim.do("place", card="ho")
    assert read(reader).name == "何嘉敏"
    assert sim.do("state")["answered"]["3010"] == 1


def test_searches_are_more_than_300_ms_apart(
    reader_sim: Start, make_reader: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At this end of the line: a busy computer runs the simulated module later than a real one hears."""
    search = codec.encode(codec.FIND_CARD.cmd, codec.FIND_CARD.para)
    written, own_write = list[tuple[float, float]](), SerialTransport.write

    def write(transport: SerialTransport, data: bytes) -> None:
        began = time.monotonic()
        own_write(transport, data)
        if data == search:
            written.append((began, time.monotonic()))

    reader_sim()
    reader = make_reader()
    monkeypatch.setattr(SerialTransport, "write", write)
    while len(written) < 6:
        done = reader.read_card(Deadline(1.4))
        assert (done.code, done.error) == (Completion.TIME_OUT, "no_card")
    assert all(later - earlier > 0.3 for (_, earlier), (later, _) in pairwise(written))


@pytest.mark.parametrize("find_after_read", ["80", "9F"])
def test_removal_is_noticed_whatever_a_search_says_after_a_read(
    reader_sim: Start, make_reader: Start, find_after_read: str
) -> None:
    sim = reader_sim("--place", "li", "--find-after-read", find_after_read)
    reader = make_reader()
    read(reader)
    assert reader.wait_removed(Deadline(0.5)).code is Completion.TIME_OUT
    assert reader.card_present(Deadline(2)).value is True
    sim.do("lift")
    assert reader.wait_removed(Deadline(5)).ok
    assert reader.card_present(Deadline(2)).value is False
    assert reader.said[-1].media is MediaState.NOT_PRESENT
    sim.do("place", card="wang")
    assert reader.card_present(Deadline(2)).value is True
    assert read(reader).name == "王𠮷䶮㛃"


def test_one_look_that_is_disturbed_lifts_no_card(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li", "--find-after-read", "9F")
    reader = make_reader()
    read(reader)
    assert reader.wait_removed(Deadline(0.5)).code is Completion.TIME_OUT
    sim.do("error", sw3="80", count=1, command="2001")
    assert reader.wait_removed(Deadline(1.5)).code is Completion.TIME_OUT
    sim.do("lift")
    assert reader.wait_removed(Deadline(5)).ok


@pytest.mark.parametrize(
    ("find_after_read", "code", "error"),
    [("9F", Completion.SUCCESS, ""), ("80", Completion.UNSUPPORTED, "removal_unknown")],
)
def test_removal_on_a_reader_that_cannot_ask_the_chip(
    reader_sim: Start, make_reader: Start, find_after_read: str, code: Completion, error: str
) -> None:
    sim = reader_sim("--place", "li", "--find-after-read", find_after_read)
    reader = make_reader()
    read(reader)
    sim.do("error", sw3="21", count=1000, command="300")
    if find_after_read == "9F":
        assert reader.wait_removed(Deadline(0.5)).code is Completion.TIME_OUT
        sim.do("lift")
    done = reader.wait_removed(Deadline(4))
    assert (done.code, done.error) == (code, error)


def test_card_swapped_between_two_looks_counts_as_removed(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader()
    read(reader)
    assert reader.wait_removed(Deadline(0.5)).code is Completion.TIME_OUT
    sim.do("lift")
    sim.do("place", card="ho")
    assert reader.wait_removed(Deadline(5)).ok
    assert read(reader).name == "何嘉敏"


def test_idle_notices_the_removal_nobody_waits_for(reader_sim: Start, supervised: Start, wait_for: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = supervised()
    wait_for(lambda: reader.status.device is DeviceState.ONLINE)
    assert reader.submit("read_card", 5).future.result(8).ok
    sim.do("lift")
    wait_for(lambda: reader.status.media is MediaState.NOT_PRESENT)


@pytest.mark.parametrize(
    "fault", [{"verb": "garble"}, {"verb": "truncate"}, {"verb": "odd_timeout"}, {"verb": "noise"}]
)
def test_damaged_answers_are_read_again_without_lifting(
    reader_sim: Start, make_reader: Start, fault: dict[str, str]
) -> None:
    sim = reader_sim("--read-ms", "150")
    reader = make_reader(read_added_address=False)
    sim.do("place", card="li")
    threading.Timer(0.05, sim.do, (fault["verb"],), {"count": 2}).start()
    assert read(reader).name == "李秀兰"


def test_damaged_beyond_patience_asks_to_lift_and_then_reads(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--find-after-read", "9F")
    reader = make_reader()
    sim.do("place", card="forged")
    done = reader.read_card(Deadline(8))
    assert (done.code, done.error, done.value) == (Completion.USER_ERROR, "lift_card", None)
    assert sim.do("state")["answered"]["3001"] == 3
    assert reader.read_card(Deadline(0.8)).code is Completion.TIME_OUT, "it must be lifted first"
    sim.do("lift")
    threading.Timer(0.7, sim.do, ("place",), {"card": "li"}).start()
    assert read(reader).name == "李秀兰"


def test_failed_read_needs_lifting_where_the_reader_says_so(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader()
    sim.do("misread", count=1)
    done = reader.read_card(Deadline(8))
    assert (done.code, done.error) == (Completion.USER_ERROR, "lift_card")
    sim.do("lift")
    sim.do("place", card="li")
    assert read(reader).name == "李秀兰"


def test_failed_read_is_tried_again_where_the_reader_allows_it(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li", "--find-after-read", "9F")
    sim.do("misread", count=2)
    assert read(make_reader()).name == "李秀兰"


def test_card_lifted_in_the_middle_of_the_read(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li", "--read-ms", "300")
    reader = make_reader()
    threading.Timer(0.15, sim.do, ("lift",)).start()
    done = reader.read_card(Deadline(8))
    assert (done.code, done.error, done.value) == (Completion.USER_ERROR, "lift_card", None)


@pytest.mark.parametrize(
    ("command", "sw3", "code", "error"),
    [
        ("2002", 0x40, Completion.USER_ERROR, "unknown_card"),
        ("3001", 0x40, Completion.USER_ERROR, "unknown_card"),
        ("2001", 0x66, Completion.HARDWARE_ERROR, "not_authorised"),
        ("3001", 0x60, Completion.HARDWARE_ERROR, "self_test_failed"),
    ],
)
def test_refusals_have_stable_codes(
    reader_sim: Start, make_reader: Start, command: str, sw3: int, code: Completion, error: str
) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader()
    sim.do("error", sw3=sw3, count=1, command=command)
    done = reader.read_card(Deadline(5))
    assert (done.code, done.error) == (code, error)


def test_module_that_fails_its_self_test_is_a_hardware_error_until_it_recovers(
    reader_sim: Start, make_reader: Start
) -> None:
    sim = reader_sim()
    sim.do("error", sw3="60", count=3)
    reader = make_reader()
    assert (reader.said[-1].device, reader.said[-1].error) == (DeviceState.HARDWARE_ERROR, "self_test_failed")
    assert reader.read_card(Deadline(1)).code is Completion.HARDWARE_ERROR
    assert reader.self_test(Deadline(2)).ok
    assert reader.said[-1].device is DeviceState.ONLINE


def test_self_test_names_the_sam(reader_sim: Start, make_reader: Start) -> None:
    reader_sim()
    assert make_reader().self_test(Deadline(2)).value["sam_id"] == "05.01-20100720-0001036050-0288634305"


def test_wrong_speed_is_found_by_probing(reader_sim: Start, make_reader: Start) -> None:
    reader_sim("--baud", "38400", "--place", "li")
    reader = make_reader()
    assert reader.self_test(Deadline(2)).value["baudrate"] == 38400
    assert read(reader).name == "李秀兰"


def test_silent_reader_is_reported_and_back_when_it_speaks(
    reader_sim: Start, supervised: Start, wait_for: Start
) -> None:
    sim = reader_sim("--place", "li")
    reader = supervised()
    wait_for(lambda: reader.status.device is DeviceState.ONLINE)
    sim.do("silent", on=True)
    done = reader.submit("read_card", 8).future.result(10)
    assert (done.code, done.error) == (Completion.DEVICE_NOT_READY, "silent")
    wait_for(lambda: (reader.status.device, reader.status.error) == (DeviceState.OFFLINE, "silent"))
    sim.do("silent", on=False)
    wait_for(lambda: reader.status.device is DeviceState.ONLINE)
    assert reader.submit("read_card", 5).future.result(8).value.name == "李秀兰"


def test_reader_unplugged_while_reading_and_back_under_a_new_pty(
    reader_sim: Start, supervised: Start, wait_for: Start
) -> None:
    sim = reader_sim("--place", "li", "--read-ms", "400")
    reader = supervised()
    wait_for(lambda: reader.status.device is DeviceState.ONLINE)
    ticket = reader.submit("read_card", 8)
    wait_for(lambda: sim.do("state")["answered"].get("2002"))
    sim.do("unplug")
    done = ticket.future.result(3)
    assert (done.code, done.error) == (Completion.DEVICE_NOT_READY, "unplugged")
    wait_for(lambda: reader.status.device is DeviceState.NO_DEVICE)
    assert reader.submit("read_card", 5).future.result(0.5).code is Completion.DEVICE_NOT_READY
    sim.do("replug")
    wait_for(lambda: reader.status.device is DeviceState.ONLINE)
    assert reader.submit("read_card", 8).future.result(10).value.name == "李秀兰"
    states = [status.device for status in reader.said]
    assert states.count(DeviceState.NO_DEVICE) == 1, "one absence, said once"


def test_idle_reader_notices_the_cable(reader_sim: Start, supervised: Start, wait_for: Start) -> None:
    sim = reader_sim()
    reader = supervised()
    wait_for(lambda: reader.status.device is DeviceState.ONLINE)
    sim.do("unplug")
    wait_for(lambda: reader.status.device is DeviceState.NO_DEVICE, timeout_s=3)


def test_port_taken_by_another_program_is_busy(reader_sim: Start, make_reader: Start, tmp_path: Any) -> None:
    reader_sim()
    other = SerialTransport(str(tmp_path / "reader"))
    other.open()
    with pytest.raises(TryAgain) as refused:
        make_reader()
    assert refused.value.error == "port_busy"
    other.close()


def test_cancellation_ends_the_wait_for_a_card(reader_sim: Start, supervised: Start, wait_for: Start) -> None:
    reader_sim()
    reader = supervised()
    wait_for(lambda: reader.status.device is DeviceState.ONLINE)
    ticket = reader.submit("read_card", 60)
    wait_for(lambda: reader._current is ticket)
    ticket.cancel()
    assert ticket.future.result(2).code is Completion.CANCELED


def test_abandoned_read_does_not_answer_the_next_question(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li", "--read-ms", "300")
    reader = make_reader()
    assert reader.read_card(Deadline(0.2)).code is Completion.TIME_OUT
    sim.do("lift")  # so the abandoned read will be answered with a failure, which any question could have
    assert reader._module.ask(codec.SAM_STATUS, Deadline(2)).sw3 == codec.OK


def test_card_without_appended_addresses(reader_sim: Start, make_reader: Start) -> None:
    reader_sim("--place", "wang")
    reader = make_reader()
    read(reader)
    assert reader.read_added_addresses(Deadline(8.0)).value == ()


def test_card_lifted_before_its_added_addresses_were_read(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader()
    read(reader)
    sim.do("lift")
    done = reader.read_added_addresses(Deadline(8.0))
    assert (done.code, done.error, done.value) == (Completion.USER_ERROR, "card_lifted", None)


def test_nobody_gets_the_added_addresses_of_the_card_before(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader()
    read(reader)
    sim.do("lift")
    assert reader.wait_removed(Deadline(8.0)).ok
    sim.do("place", card="wang")
    assert reader.read_added_addresses(Deadline(8.0)).error == "card_lifted"


def test_damaged_answer_about_added_addresses_is_asked_for_again(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader()
    read(reader)
    sim.do("garble", count=1)
    assert reader.read_added_addresses(Deadline(20.0)).value[-1] == "通办市试点区示范街6号"


def test_reader_told_not_to_read_them_is_not_asked(reader_sim: Start, make_reader: Start) -> None:
    sim = reader_sim("--place", "li")
    reader = make_reader(read_added_address=False)
    read(reader)
    assert reader.read_added_addresses(Deadline(8.0)).value == ()
    assert "3003" not in sim.do("state")["answered"]
