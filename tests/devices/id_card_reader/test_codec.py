from __future__ import annotations

import ctypes
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.id_card_reader import codec
from devices.id_card_reader.codec import Decoder, Frame, encode, show_sam_id, split_read

GOOD_FIND = bytes.fromhex("AAAAAA96690008 00009F00000000 97".replace(" ", ""))
NO_CARD = bytes.fromhex("AAAAAA9669000400008084")


def answer(sw3: int, data: bytes = b"") -> bytes:
    """An answer built from the page: Len covers SW1-3, data and XOR."""
    body = (4 + len(data)).to_bytes(2, "big") + bytes([0, 0, sw3]) + data
    value = 0
    for byte in body:
        value ^= byte
    return bytes.fromhex("AAAAAA9669") + body + bytes([value])


@pytest.mark.parametrize(
    ("cmd", "para", "data", "frame"),
    [
        (0x10, 0xFF, b"", "AAAAAA9669000310FFEC"),
        (0x11, 0xFF, b"", "AAAAAA9669000311FFED"),
        (0x12, 0xFF, b"", "AAAAAA9669000312FFEE"),
        (0x20, 0x01, b"", "AAAAAA96690003200122"),
        (0x20, 0x02, b"", "AAAAAA96690003200221"),
        (0x30, 0x01, b"", "AAAAAA96690003300132"),
        (0x30, 0x10, b"", "AAAAAA96690003301023"),
        (0x30, 0x03, b"", "AAAAAA96690003300330"),
        (0x30, 0x05, b"", "AAAAAA96690003300536"),
        (0x60, 0x02, b"", "AAAAAA96690003600261"),
        (0x61, 0xFF, b"\x50", "AAAAAA9669000461FF50CA"),
    ],
)
def test_requests_are_the_papers_bytes(cmd: int, para: int, data: bytes, frame: str) -> None:
    assert encode(cmd, para, data).hex().upper() == frame


@pytest.mark.parametrize(("tail", "sw3"), [("8084", 0x80), ("8185", 0x81), ("4145", 0x41), ("6064", 0x60)])
def test_failures_are_the_papers_bytes(tail: str, sw3: int) -> None:
    assert Decoder().feed(bytes.fromhex("AAAAAA966900040000" + tail)) == [Frame(0, 0, sw3)]


def test_what_was_read_is_overwritten_where_it_lay() -> None:
    """``del`` moves the buffer's begin, and what stood before it stays in the process's memory."""
    decoder, person = Decoder(), b"990101195803170155" * 60
    first, second = answer(0x90, person), answer(0x90, b"another card" * 180)
    assert len(decoder.feed(first[:-1])) == 0
    assert decoder.feed(first[-1:] + second[:-1]) == [Frame(0, 0, 0x90, person)]
    place = (ctypes.c_char * 1).from_buffer(decoder._buffer)
    before = ctypes.string_at(ctypes.addressof(place) - len(first), len(first))
    del place
    assert person[:18] not in before
    assert before == bytes(len(first))


def test_sam_id_is_shown_as_the_paper_shows_it() -> None:
    assert show_sam_id(bytes.fromhex("0500010070B6320112CF0F00C1353411")) == "05.01-20100720-0001036050-0288634305"


def test_good_frame_after_noise_that_looks_like_a_start() -> None:
    assert Decoder().feed(b"\xaa\xaa" + GOOD_FIND) == [Frame(0, 0, 0x9F, bytes(4))]
    assert Decoder().feed(bytes.fromhex("AAAAAA9669FFFF00") + GOOD_FIND) == [Frame(0, 0, 0x9F, bytes(4))]
    assert Decoder().feed(bytes.fromhex("AAAAAA96690001") + GOOD_FIND) == [Frame(0, 0, 0x9F, bytes(4))]


def test_wrong_xor_is_no_frame_and_does_not_hide_the_next_one() -> None:
    damaged = NO_CARD[:-1] + b"\x00"
    decoder = Decoder()
    assert decoder.feed(damaged + GOOD_FIND) == [Frame(0, 0, 0x9F, bytes(4))]
    assert decoder.damaged == 1


def test_good_frame_swallowed_by_a_truncated_one_comes_back() -> None:
    decoder = Decoder()
    assert decoder.feed(answer(0x90, bytes(1284))[:600] + GOOD_FIND) == []
    assert decoder.stalled() == [Frame(0, 0, 0x9F, bytes(4))]
    assert decoder.feed(NO_CARD) == [Frame(0, 0, 0x80)]


def test_vendors_odd_frame_is_a_timeout() -> None:
    odd = bytes.fromhex("AAAAAA96690005050505")
    decoder = Decoder()
    assert decoder.feed(odd[:-1]) == []
    frames = decoder.feed(odd[-1:] + NO_CARD)
    assert [frame.timed_out for frame in frames] == [True, False]


def test_every_frame_recovered_with_noise_before_30_percent() -> None:
    chance, decoder, sent, got = random.Random(7), Decoder(), [], []
    for number in range(1000):
        frame = answer(0x90, chance.randbytes(chance.choice((0, 4, 8, 28, 1284))) + number.to_bytes(2, "big"))
        sent.append(frame[10:-1])
        stream = (chance.randbytes(chance.randrange(1, 60)) if chance.random() < 0.3 else b"") + frame
        cut = chance.randrange(len(stream))
        got += [found.data for part in (stream[:cut], stream[cut:]) for found in decoder.feed(part)]
    assert got == sent


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_any_cut_of_the_stream_gives_the_same_frames(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(answer(0x90, payload) for payload in payloads)
    decoder, frames, at, turn = Decoder(), [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        frames += decoder.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert [frame.data for frame in frames] == payloads


@given(st.binary(max_size=3000))
def test_rubbish_never_fails_and_a_frame_after_it_is_found(rubbish: bytes) -> None:
    decoder = Decoder()
    frames = decoder.feed(rubbish + NO_CARD) + decoder.stalled()
    assert frames[-1] == Frame(0, 0, 0x80)


def test_inner_lengths_must_add_up() -> None:
    text, photo, finger = bytes(256), bytes(1024), bytes(1024)
    assert split_read(b"\x01\x00\x04\x00" + text + photo) == (text, photo, b"")
    assert split_read(b"\x01\x00\x04\x00\x04\x00" + text + photo + finger) == (text, photo, finger)
    assert split_read(b"\x01\x00\x04\x00\x02\x00" + text + photo + finger[:512]) == (text, photo, finger[:512])
    assert split_read(b"\x01\x00\x04\x00\x00\x00" + text + photo) == (text, photo, b"")
    assert split_read(b"\x01\x00\x04\x01" + text + photo) is None
    assert split_read(b"\x00\xff\x04\x01" + text + photo) is None
    assert split_read(b"\x01\x00") is None


def test_an_answer_to_another_command_is_not_taken() -> None:
    assert not codec.SELECT_CARD.fits(Frame(0, 0, 0x9F, bytes(4)))
    assert not codec.READ_TEXT_PHOTO.fits(Frame(0, 0, 0x90, bytes(8)))
    assert codec.READ_TEXT_PHOTO_FINGER.fits(Frame(0, 0, 0x90, bytes(0x70A - 4)))
    assert codec.FIND_CARD.fits(Frame(0, 0, 0x80))


def test_buffer_is_erased_and_data_is_not_in_repr() -> None:
    decoder = Decoder()
    decoder.feed(answer(0x90, b"secret")[:-1])
    buffer = decoder._buffer
    decoder.reset()
    assert not buffer
    assert "secret" not in repr(Frame(0, 0, 0x90, b"secret"))
