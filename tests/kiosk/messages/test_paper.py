"""A case on paper: what goes in comes out, whatever order the codes are read in, and nothing else does."""

from __future__ import annotations

import random
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources

import pytest
from base45 import b45encode

from kiosk.messages import seal
from kiosk.messages.encoding import BadSignature, InvalidMessage
from kiosk.messages.envelope import new_key
from kiosk.messages.paper import (
    CODE_CHARACTERS,
    MAX_CODES,
    PREFIX,
    PaperFacts,
    PaperTooLong,
    join_codes,
    make_paper,
    mark_of,
    missing_codes,
    read_code,
    read_paper,
    to_codes,
    whole_copies,
)
from kiosk.messages.seal import SealBroken
from kiosk.messages.suites import SUITES
from tests.hub.fixtures import case_form

NUMBER = "990100000120270112000019"
FORM = case_form("zhao", "T01", NUMBER)
HUB = {suite: seal.new_seal_key(suite) for suite in SUITES}
MACHINE = {suite: seal.new_sign_key(suite) for suite in SUITES}


def facts(suite: str = "std") -> PaperFacts:
    key = new_key()
    at = datetime(2027, 1, 12, 2, 31, 5, 123000, tzinfo=UTC)
    return PaperFacts("kiosk-0001", 17, "ab" * 32, key, key, NUMBER, at, suite)


def paper(form: bytes = FORM, suite: str = "std", said: PaperFacts | None = None) -> bytes:
    keys = {"seal_key": HUB[suite].public, "private_key": MACHINE[suite].private}
    return make_paper(form, said or facts(suite), **keys)


def long_form(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("suite", SUITES)
def test_facts_and_form_come_back_byte_for_byte(suite: str) -> None:
    said = facts(suite)
    payload = paper(suite=suite, said=said)
    codes = [read_code(text) for text in to_codes(payload)]
    copy = read_paper(join_codes({code.number: code.piece for code in codes}))
    copy.check(MACHINE[suite].public)
    assert copy.facts == said
    assert copy.form(HUB[suite].private) == FORM


def test_a_case_fits_one_code_and_tells_nothing_of_the_person() -> None:
    (text,) = to_codes(paper())
    assert len(text) <= CODE_CHARACTERS
    plain = paper()
    for word in ("赵德福", "990101195803170155", "13800000000", "E13"):
        assert word.encode() not in plain


@pytest.mark.parametrize("size", [300, 700, 1100])
def test_many_codes_in_any_order_and_repeated(size: int) -> None:
    form = long_form(size)
    codes = [read_code(text) for text in to_codes(paper(form))]
    assert 1 < len(codes) <= MAX_CODES
    random.Random(1).shuffle(codes)
    pieces = {code.number: code.piece for code in [*codes, codes[0]]}
    assert read_paper(join_codes(pieces)).form(HUB["std"].private) == form


def test_a_missing_code_is_named() -> None:
    codes = [read_code(text) for text in to_codes(paper(long_form(1000)))]
    assert len(codes) == 4
    assert missing_codes([codes[0], codes[2]]) == [2, 4]
    assert missing_codes(codes) == []


def forged(mark: str, number: int, total: int, piece: bytes = b"not of it") -> str:
    """A code that somebody has made with the mark of another's copy (docs/second-copy.md)."""
    head = bytes.fromhex(mark.replace("-", "")) + bytes((number, total))
    return PREFIX + b45encode(head + zlib.crc32(head + piece).to_bytes(4, "big") + piece).decode()


def test_codes_that_do_not_belong_keep_no_copy_from_being_whole() -> None:
    codes = [read_code(text) for text in to_codes(paper(long_form(1000)))]
    mark = codes[0].mark
    others = [read_code(forged(mark, number, total)) for number, total in ((2, 4), (1, 1), (2, 2), (255, 255))]
    mixed = [*codes, *others, *codes]
    for seed in range(5):
        random.Random(seed).shuffle(mixed)
        assert whole_copies(mixed) == [tuple(codes)]
    assert whole_copies([*codes[1:], *others]) == []


def test_a_flood_of_codes_under_one_mark_is_not_tried_for_hours() -> None:
    codes = [read_code(text) for text in to_codes(paper(long_form(1000)))]
    flood = [read_code(forged(codes[0].mark, 1 + n % 4, 4, bytes((n,)))) for n in range(200)]
    assert whole_copies([*codes, *flood]) == []
    assert whole_copies([*codes, *flood[:20]]) == [tuple(codes)]


def test_a_case_that_is_too_long_is_said_to_be() -> None:
    with pytest.raises(PaperTooLong):
        to_codes(paper(long_form(2000)))


def test_another_machines_signature_and_another_hubs_key_do_not_open_it() -> None:
    copy = read_paper(paper())
    with pytest.raises(BadSignature):
        copy.check(seal.new_sign_key().public)
    with pytest.raises(SealBroken):
        copy.form(seal.new_seal_key().private)


def test_every_altered_byte_is_refused() -> None:
    payload = paper()
    for at in range(len(payload)):
        altered = bytearray(payload)
        altered[at] ^= 0x01
        with pytest.raises((InvalidMessage, BadSignature)):
            read_paper(bytes(altered)).check(MACHINE["std"].public)


def test_every_altered_character_of_a_code_is_refused() -> None:
    (text,) = to_codes(paper())
    for at in range(4, len(text)):
        altered = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(InvalidMessage):
            read_code(altered)


@pytest.mark.parametrize("text", ["", NUMBER, "https://example.org/", "HC1:6BFOXN", "tb1:ABC"])
def test_codes_of_others_are_not_ours(text: str) -> None:
    assert read_code(text) is None


@pytest.mark.parametrize("text", ["TB1:", "TB1:A", "TB1:AB", "TB1:ab", "TB1:" + ":" * 60, "TB1:你好吗"])
def test_damaged_codes_are_refused(text: str) -> None:
    with pytest.raises(InvalidMessage):
        read_code(text)


def test_a_form_that_unpacks_to_far_too_much_is_refused() -> None:
    with pytest.raises(InvalidMessage):
        read_paper(paper(b"0" * 100_000)).form(HUB["std"].private)


def test_a_receipt_number_on_paper_has_no_more_digits_than_a_slip_has() -> None:
    """Its ten bytes would hold one more."""
    payload = paper(said=facts()._replace(receipt_number="1" * 25))
    with pytest.raises(InvalidMessage, match="receipt_number"):
        read_paper(payload)


def test_the_mark_is_the_same_for_the_same_bytes_only() -> None:
    one, other = paper(), paper()
    assert mark_of(one) == mark_of(bytes(one)) == read_code(to_codes(one)[0]).mark
    assert mark_of(one) != mark_of(other)


def test_the_dictionary_of_printed_slips_never_changes() -> None:
    first = (resources.files("kiosk.messages") / "paper_dictionary_1.txt").read_bytes()
    assert sha256(first).hexdigest() == "60fa8abc144b64c14747f51c4cd731ed572eac14deae5057eb0b1defbbe7b413"
