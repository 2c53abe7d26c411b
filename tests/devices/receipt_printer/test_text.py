"""Which characters are text, which are pictures; widths; line breaks; nothing that commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.receipt_printer.glyphs import has_glyph, line_image
from devices.receipt_printer.text import columns_of, encode, in_font, printable, wrap


@pytest.mark.parametrize(
    ("character", "gb2312", "gbk", "two_byte"),
    [
        ("中", True, True, True),
        ("A", True, True, True),
        ("，", True, True, True),
        ("·", True, True, True),  # A1A4, though Python's gb2312 knows it under another name
        ("—", True, True, True),
        ("￥", True, True, True),
        ("①", True, True, True),
        ("〇", False, True, True),
        ("镕", False, True, True),
        ("䶮", False, False, True),  # FE9F since GB 18030-2005
        ("㛃", False, False, False),  # four bytes
        ("𠮷", False, False, False),
        ("¥", False, False, False),
        ("\ue5e5", False, False, False),  # private use: a code, no picture
        ("\x1b", False, False, False),
    ],
)
def test_font_sets(character, gb2312, gbk, two_byte):
    assert [in_font(character, font_set) for font_set in ("gb2312", "gbk", "gb18030_2byte")] == [gb2312, gbk, two_byte]


def test_text_is_encoded_as_the_printer_wants_it():
    assert encode("张·三，A", "gb18030", "gb2312") == b"\xd5\xc5\xa1\xa4\xc8\xfd\xa3\xacA"
    assert encode("张", "utf8", "gbk") == "张".encode()
    assert encode("王䶮", "gb18030", "gb18030_2byte") == b"\xcd\xf5\xfe\x9f"
    assert encode("王䶮", "gbk", "gb18030_2byte") is None  # the font has it, the encoding cannot say it
    assert encode("王𠮷", "gb18030", "gb18030_2byte") is None


def test_no_command_hides_in_a_text():
    assert printable("a\x1bp\x00\x10\x04b\nc", "gbk", has_glyph) == "a p   b\nc"


def test_character_that_no_font_has_is_named_never_a_question_mark():
    assert printable("王\U0002ebf0", "gbk", lambda _: False) == "王[〓U+2EBF0]"
    assert printable("\ud800", "gbk", has_glyph) == "[〓U+D800]"


def test_private_use_characters_are_printed_as_what_they_stand_for():
    assert printable("王\ue863\ue81e", "gbk", has_glyph) == "王䶮\u9fb4"
    assert encode(printable("王\ue863", "gb18030_2byte", has_glyph), "gb18030", "gb18030_2byte") == b"\xcd\xf5\xfe\x9f"
    assert printable("\ue000", "gbk", lambda _: True) == "[〓U+E000]", "a font's own sign is not the name's"


def test_rare_characters_are_drawn_by_the_simplified_chinese_face():
    for character in "𠮷䶮㛃":
        assert has_glyph(character)
        assert line_image(character, cell=12).getbbox() is not None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("机动车驾驶证", ["机动车驾驶证"]),
        ("机动车驾驶证，请带原证。", ["机动车驾驶", "证，请带原", "证。"]),
        ("word by word", ["word by word"]),
        ("a longer word", ["a longer", "word"]),
        ("x\ny", ["x", "y"]),
        ("", [""]),
        ("请带 ID card 原件", ["请带 ID card", "原件"]),
    ],
)
def test_wrap(text, lines):
    assert wrap(text, 12) == lines


@given(st.text(max_size=60), st.sampled_from((12, 24, 48)), st.sampled_from((0, 3)))
def test_every_line_fits_and_every_character_stays(text, columns, indent):
    text = printable(text, "gbk", lambda _: True)
    lines = wrap(text, columns, indent)
    assert all(columns_of(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
