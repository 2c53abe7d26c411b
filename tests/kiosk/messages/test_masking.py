"""One mask for a person, at the machine, on paper and at the hub: whatever signs the register joins names with."""

from __future__ import annotations

import msgspec
import pytest

from kiosk.messages.content import Applicant
from kiosk.messages.masking import mask_address, mask_document_number, mask_name, mask_number, mask_phone


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("李明", "李*"),
        ("张小三", "张*三"),
        ("欧阳修", "欧阳*"),
        ("欧阳", "欧*"),
        ("欧阳小华", "欧阳*华"),
        ("王𠮷䶮", "王*䶮"),
        ("𠮷小明", "𠮷*明"),
        ("爱新觉罗启功", "爱****功"),
        ("李", "*"),
        ("", ""),
        ("张 三", "张*"),
        ("张　三", "张*"),
        ("王Peter", "王*****"),
        ("李（小明）", "李****"),
        ("王\ue000明", "王*明"),
        ("李\U0002ebf0", "李*"),
        ("邉\U000e0100子", "邉\U000e0100*"),
        ("李\u2f29龙", "李*龙"),  # a Kangxi radical, as copied from a PDF
        ("张\u2e81三", "张*三"),
        ("王\u2ff0金石", "王*"),  # one character, described
    ],
)
def test_chinese_names(name: str, masked: str) -> None:
    assert mask_name(name) == masked


UNSEEN = (
    "\u200f\u200e\u202e\u2066\u2069\u061c\u200b\u200d\ufeff\u00ad\0\u115f\u2800\u3164\uffa0\ufe0f\u0301\U000e0100\ud800"
)


@pytest.mark.parametrize("sign", UNSEEN, ids=lambda sign: f"U+{ord(sign):04X}")
@pytest.mark.parametrize("name", ["李明", "张小三", "欧阳小华", "阿依古丽·买买提", "SMITH JOHN", "김철수", "李"])
def test_what_nobody_sees_before_a_name_or_a_word_of_it_shows_no_character_more(name: str, sign: str) -> None:
    assert mask_name(sign + name) == mask_name(name)
    assert mask_name(name.replace(" ", f" {sign}").replace("·", f"·{sign}")) == mask_name(name)
    assert mask_address(f"{sign}通办市试点区一号") == "通办市试点区***"


@pytest.mark.parametrize("dot", "·•‧∙⋅・･．.﹒●∘˙‐-｜")
def test_every_dot_of_a_name_is_the_same_dot(dot: str) -> None:
    assert mask_name(f"买买提{dot}吐尔逊") == "买买提·吐*"
    assert mask_name(f"阿依古丽{dot}买买提{dot}吐尔逊{dot}") == "阿依古丽·买*"


@pytest.mark.parametrize("sign", "'’‘ʼ`´′-‐‑–−")
def test_no_letter_but_the_first_is_shown_whatever_joins_the_parts(sign: str) -> None:
    assert mask_name(f"O{sign}BRIEN SEAN") == "O*** S***"


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("SMITH JOHN", "S*** J***"),
        ("SMITH, JOHN", "S*** J***"),
        ("  DE  LA CRUZ ", "D*** L*** C***"),
        ("É́mile Zoë", "É́*** Z***"),
        ("ＳＭＩＴＨ ＪＯＨＮ", "Ｓ*** Ｊ***"),
        ("MARIA·JOSE", "M***"),
        ("'T HOOFT", "T*** H***"),
        ("ʻAKAU KEOLA", "A*** K***"),
        ("Иванов Пётр", "И*** П***"),
        ("김철수", "김***"),
        ("--", "*"),
    ],
)
def test_names_in_an_alphabet(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_a_foreigner_without_a_chinese_name_is_masked_at_the_hub_as_on_the_slip() -> None:
    applicant = Applicant("foreigner_2023", "", "1", "19800517", "990724198005170020", english_name="SMITH JOHN")
    assert mask_name(applicant.shown_name) == "S*** J***"


def test_numbers() -> None:
    assert mask_number("99010519491231002X") == "9901…002X"
    assert mask_number("12345") == "*****"
    assert mask_document_number("C99010158") == "C9****158"
    assert mask_document_number("12345") == "*****"


@pytest.mark.parametrize("number", ["E12345678", "9912345678"])
def test_a_number_of_which_eight_signs_would_be_nearly_all_is_hidden_wholly(number: str) -> None:
    assert mask_number(number) == "*" * len(number)


def test_a_telephone_number_that_its_two_ends_would_tell_is_hidden_wholly() -> None:
    assert mask_phone("13900000001") == "139****0001"
    assert mask_phone("83001234") == "830****1234"
    assert mask_phone("8300123") == "*******"


def test_what_a_later_machine_tells_of_a_card_does_not_stop_its_case() -> None:
    plain = {"kind": "resident", "name": "李秀兰", "sex": "2", "birth": "19910822", "number": "1", "new_field": "x"}
    assert msgspec.convert(plain, Applicant).name == "李秀兰"
