from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.id_card_reader.card import UnknownKind, added_addresses, nation_name, parse_card
from devices.id_card_reader.sim.emulator import build_card

PEOPLE = tomllib.loads(Path(__file__).with_name("people.toml").read_text(encoding="utf-8"))
CARDS: dict[str, dict[str, Any]] = {person["id"]: person["card"] for person in PEOPLE["person"]}


def block(places: dict[int, str], fill: str = " ") -> bytes:
    """A text block by hand: byte offset to text."""
    raw = bytearray((fill * 128).encode("utf-16-le"))
    for at, text in places.items():
        piece = text.encode("utf-16-le")
        raw[at : at + len(piece)] = piece
    return bytes(raw)


LI = {
    0: "李秀兰",
    30: "2",
    32: "11",
    36: "19910822",
    52: "通办省远山县清溪镇新桥村8组",
    122: "990201199108220249",
    158: "远山县公安局",
    188: "20190603",
    204: "20390603",
}


@pytest.mark.parametrize("fill", [" ", "\0"])
def test_resident_card_by_the_offsets_of_the_page(fill: str) -> None:
    card = parse_card(block(LI, fill), b"photo")
    assert (card.kind, card.name, card.sex, card.nation) == ("resident", "李秀兰", "2", "满")
    assert (card.birth, card.number) == (date(1991, 8, 22), "990201199108220249")
    assert (card.address, card.authority) == ("通办省远山县清溪镇新桥村8组", "远山县公安局")
    assert (card.valid_from, card.valid_to) == (date(2019, 6, 3), date(2039, 6, 3))
    assert (card.photo, card.doubts) == (b"photo", ())


def test_hk_macao_taiwan_card_by_the_offsets_of_the_page() -> None:
    places = {at: text for at, text in LI.items() if at != 32} | {220: "H99000223", 238: "02", 248: "J"}
    card = parse_card(block(places))
    assert (card.kind, card.pass_number, card.times_issued) == ("hk_macao_taiwan", "H99000223", "02")
    assert (card.name, card.nation, card.nation_code, card.doubts) == ("李秀兰", "", "", ())


def test_foreigner_2017_card_by_the_offsets_of_the_page() -> None:
    places = {0: "SMITH, JOHN", 120: "1", 122: "GBR990180051702", 152: "GBR", 158: "史密斯", 188: "20190108"}
    card = parse_card(block(places | {204: "20290107", 220: "19800517", 236: "01", 240: "9900", 248: "I"}))
    assert (card.kind, card.english_name, card.name) == ("foreigner_2017", "SMITH, JOHN", "史密斯")
    assert (card.number, card.nationality, card.birth) == ("GBR990180051702", "GBR", date(1980, 5, 17))
    assert (card.version, card.authority, card.doubts) == ("01", "9900", ())


def test_foreigner_2023_card_by_the_offsets_of_the_page() -> None:
    name = "GARCIA LOPEZ DE LA FUENTE, MARIA TEST"
    places = {0: "加西亚", 30: "2", 32: "01", 36: "19850723", 52: name[:35], 122: "99072419850723002X"}
    card = parse_card(
        block(places | {188: "20240320", 204: "20340319", 220: name[35:], 242: "ESP", 248: "Y", 250: "001"})
    )
    assert (card.kind, card.name, card.english_name) == ("foreigner_2023", "加西亚", name)
    assert (card.times_issued, card.nationality, card.old_number_link) == ("01", "ESP", "001")
    assert card.doubts == ()


@pytest.mark.parametrize(
    ("first", "rest", "name"),
    [
        ("SANTOS DELACRUZ RODRIGUEZ DE MARIE ", "CHRISTINA", "SANTOS DELACRUZ RODRIGUEZ DE MARIE CHRISTINA"),
        ("SANTOS DELACRUZ RODRIGUEZ DELAMARIE", " CHRISTINA", "SANTOS DELACRUZ RODRIGUEZ DELAMARIE CHRISTINA"),
        ("SANTOS DELACRUZ RODRIGUEZ DELA MARI", "ECHRISTIN", "SANTOS DELACRUZ RODRIGUEZ DELA MARIECHRISTIN"),
        ("SANTOS DELACRUZ MARIE\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "CHRISTINA", "SANTOS DELACRUZ MARIE CHRISTINA"),
        ("SANTOS DELACRUZ MARIE              ", "           ", "SANTOS DELACRUZ MARIE"),
        ("GARCIA\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "\0" * 11, "GARCIA"),
    ],
)
def test_parts_of_a_name_are_joined_before_they_are_trimmed(first: str, rest: str, name: str) -> None:
    places = {0: "加西亚", 30: "2", 32: "01", 36: "19850723", 52: first, 122: "99072419850723002X", 188: "20240320"}
    card = parse_card(block(places | {204: "20340319", 220: rest, 242: "ESP", 248: "Y"}))
    assert (len(first), card.english_name, card.doubts) == (35, name, ())


def test_private_use_characters_stand_at_their_published_places_and_the_raw_name_beside() -> None:
    card = parse_card(block(LI | {0: "王\ue863\ue000", 52: "\ue81e村8组"}))
    assert (card.name, card.raw_name, card.address) == ("王䶮\ue000", "王\ue863\ue000", "\u9fb4村8组")
    assert parse_card(block(LI)).raw_name == ""


@pytest.mark.parametrize("padding", ["space", "nul"])
@pytest.mark.parametrize("person", ["li", "wang", "ho", "smith", "garcia"])
def test_the_sims_cards_come_back_as_written(person: str, padding: str) -> None:
    written = CARDS[person]
    card = parse_card(build_card(written, padding))
    assert card.doubts == ()
    for key in ("kind", "name", "sex", "number", "english_name", "pass_number"):
        assert getattr(card, key) == written.get(key, "")
    assert f"{card.birth:%Y%m%d}" == written["birth"]


def test_rare_characters_and_long_term() -> None:
    card = parse_card(build_card(CARDS["wang"]))
    assert (card.name, card.address) == ("王𠮷䶮㛃", "通办省石㟰县大𡎚乡3号")
    assert (card.valid_to, card.doubts) == (None, ())


def test_unknown_nation_is_shown_with_its_code() -> None:
    assert parse_card(block(LI | {32: "59"})).nation == "其他(59)"
    assert [nation_name(code) for code in ("01", "97", "98", "")] == ["汉", "其他", "外国血统中国籍人士", ""]


def test_pair_cut_in_two_by_the_end_of_the_field_is_no_doubt() -> None:
    card = parse_card(
        block(LI | {0: "买买提阿卜杜拉热合曼买买提伊"})[:28] + "𠮷".encode("utf-16-le")[:2] + block(LI)[30:]
    )
    assert card.name == "买买提阿卜杜拉热合曼买买提伊"
    assert card.doubts == ()


@pytest.mark.parametrize(
    ("at", "text", "doubt"),
    [
        (30, "7", "sex: unknown code"),
        (36, "19910823", "number: another birth date"),
        (36, "19911322", "birth: not a date"),
        (122, "990201199108220240", "number: check digit"),
        (122, "99020119910822024A", "number: form"),
        (204, "20190603", "validity: ends before it begins"),
        (204, "长久    ", "valid_to: not a date"),
        (188, "19800101", "validity: begins before birth"),
        (0, "\ud842秀兰", "name: not text"),
        (52, "\x03", "address: not text"),
        (0, "   ", "name: empty"),
    ],
)
def test_what_cannot_be_true_is_doubted(at: int, text: str, doubt: str) -> None:
    raw = bytearray(block(LI))
    piece = text.encode("utf-16-le", "surrogatepass")
    raw[at : at + len(piece)] = piece
    assert doubt in parse_card(bytes(raw)).doubts


def test_a_new_type_letter_is_an_unknown_kind() -> None:
    with pytest.raises(UnknownKind):
        parse_card(block(LI | {248: "Q"}))


def test_added_addresses_are_cut_every_70_bytes() -> None:
    first, second = ("演示路12号".ljust(35), "示范街6号".ljust(35, "\0"))
    assert added_addresses((first + second).encode("utf-16-le")) == ("演示路12号", "示范街6号")
    assert added_addresses("演示路\ue863号".ljust(35).encode("utf-16-le")) == ("演示路䶮号",)


@pytest.mark.parametrize("damaged", ["演示路\x0112号", "演示路\0旧址", "\uffff" * 35, "演\udc00示路"])
def test_an_added_address_that_is_no_text_is_unread_and_none_with_question_marks(damaged: str) -> None:
    raw = ("示范街6号".ljust(35) + damaged.ljust(35, "\0")).encode("utf-16-le", "surrogatepass")
    assert added_addresses(raw) is None


@pytest.mark.parametrize("blank", [" ", "\0", "\u3000"])
def test_an_added_address_of_blanks_is_none(blank: str) -> None:
    assert added_addresses((blank * 35 + "示范街6号".ljust(35, blank)).encode("utf-16-le")) == ("示范街6号",)


@pytest.mark.parametrize(
    ("letter", "places", "number"),
    [
        ("", LI | {36: "19930101", 122: "99020119930101018x"}, "99020119930101018X"),
        (
            "I",
            {0: "DOE, JANE", 120: "2", 122: "usa990000000001", 188: "20200101", 204: "20300101", 220: "19900101"},
            "USA990000000001",
        ),
    ],
)
def test_a_number_in_small_letters_is_the_one_on_the_card(letter: str, places: dict[int, str], number: str) -> None:
    card = parse_card(block(places | ({248: letter} if letter else {})))
    assert (card.number, card.doubts) == (number, ())


def test_a_card_does_not_show_itself() -> None:
    assert "李" not in repr(parse_card(block(LI)))


@given(st.binary(min_size=256, max_size=256), st.sampled_from([" ", "J", "I", "Y"]))
def test_no_content_makes_the_parser_fail(raw: bytes, letter: str) -> None:
    card = parse_card(raw[:248] + letter.encode("utf-16-le") + raw[250:])
    card.name.encode("utf-8")
    assert isinstance(card.doubts, tuple)


def test_full_width_blanks_fill_a_field_up_as_others_do() -> None:
    card = parse_card(block(LI | {0: "李四\u3000\u3000", 52: "\u3000通办市\u3000大街\u3000"}))
    assert (card.name, card.address) == ("李四", "通办市\u3000大街")
