"""Bytes of a job: text as text, rare names as pictures exactly where needed, no real-time command anywhere."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pictures
from PIL import ImageOps

from devices.receipt_printer.codec import Paper, code128_data, without_real_time
from devices.receipt_printer.job import Code128, Columns, Cut, Feed, Image, Line, PrintJob, Qr, Rule
from devices.receipt_printer.sim.paper import code128_bars

START = b"\x1b@\x1c&"
REAL_TIME = re.compile(rb"\x10[\x04\x05\x14]")


def composed(*elements, **paper):
    return Paper(**paper).compose(PrintJob(elements))


def test_plain_text_is_text():
    assert composed(Line("受理，10 元")) == START + b"\xca\xdc\xc0\xed\xa3\xac10 \xd4\xaa\n"


def test_modes_are_sent_once_and_taken_back():
    out = composed(Line("回执", "double", bold=True, align="center"), Line("续"))
    expected = b"\x1ba\x01\x1bE\x01\x1d!\x11" + "回执".encode("gbk") + b"\n\x1ba\x00\x1bE\x00\x1d!\x00"
    assert out == START + expected + "续".encode("gbk") + b"\n"


def test_only_the_line_with_the_rare_name_is_a_picture():
    out = composed(Columns("申请人", "王𠮷", at=12), Line("张三"))
    head, rest = out[: len(START)], out[len(START) :]
    assert head == START
    assert rest.startswith(b"\x1dv0\x00\x18\x00\x1e\x00")  # 12 + 4 columns of 12 dots: 24 bytes; 30 rows
    width, height = rest[4], rest[6]
    assert rest[8 + width * height :] == "张三".encode("gbk") + b"\n"
    assert "申请人".encode("gb18030") not in out


@pytest.mark.parametrize(("font_set", "text"), [("gbk", False), ("gb18030_2byte", True)])
def test_configured_font_set_decides(font_set, text):
    out = composed(Line("王䶮"), font_set=font_set)
    assert (out == START + b"\xcd\xf5\xfe\x9f\n") is text
    assert (b"\x1dv0" in out) is not text


def test_utf8_printer_gets_utf8_and_no_chinese_mode():
    assert composed(Line("受理"), encoding="utf8") == b"\x1b@" + "受理".encode() + b"\n"


def test_columns_flush_right_and_at_a_column():
    out = composed(Columns("电话", "12389"), Columns("费用", "10 元", at=12))
    assert out == START + "电话".encode("gbk") + b" " * 39 + b"12389\n" + "费用".encode(
        "gbk"
    ) + b" " * 8 + "10 元\n".encode("gbk")


def test_long_value_hangs_under_its_column():
    out = composed(Columns("事项", "一二三四五六七八九十", at=8), columns=20)
    assert out[len(START) :].decode("gbk") == "事项    一二三四五六\n        七八九十\n"


def test_rule_feed_and_cut():
    assert composed(Rule(), Feed(2), Cut()) == START + b"-" * 48 + b"\n\x1bd\x02\x1bd\x06\x1dV\x00"
    assert composed(Cut(), cut="partial").endswith(b"\x1dV\x01")
    assert composed(Cut(), cut="none") == START + b"\x1bd\x06"


def test_wide_picture_is_scaled_to_the_paper():
    png = io.BytesIO()
    Pictures.new("L", (1152, 20), 0).save(png, "PNG")
    assert composed(Image(png.getvalue()))[len(START) :].startswith(b"\x1dv0\x00\x48\x00\x0a\x00\xff")


def test_receipt_number_fits_as_code128_of_three_dots():
    out = composed(Code128("990100000120270112000019"))
    assert b"\x1dw\x03" in out
    assert b"\x1dkI\x0e{C" + bytes((99, 1, 0, 0, 1, 20, 27, 1, 12, 0, 0, 19)) in out


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
def test_code128_reads_back_and_never_asks_for_status(data):
    encoded = code128_data(data)
    assert code128_bars(encoded)[1] == data
    assert not REAL_TIME.search(encoded)


@settings(deadline=None)
@given(st.text("01245", min_size=1, max_size=40).map(lambda s: "16" + s + "1604" + s + "161620"))
def test_code128_of_risky_digits(digits):
    encoded = code128_data(digits)
    assert code128_bars(encoded)[1] == digits
    assert not REAL_TIME.search(encoded)


@settings(deadline=None)
@given(st.lists(st.sampled_from((0x10, 0x04, 0x05, 0x14, 0x00, 0xFF)), max_size=60).map(bytes))
def test_picture_bytes_differ_by_single_dots_only(data):
    safe = without_real_time(data)
    assert not REAL_TIME.search(safe)
    assert all(a == b or (a, b) == (0x10, 0x18) for a, b in zip(data, safe, strict=True))


@settings(deadline=None)
@given(st.binary(min_size=72, max_size=72), st.text("王𠮷䶮㛃1604", min_size=1, max_size=30))
def test_no_job_holds_a_real_time_command(row, words):
    png = io.BytesIO()
    ImageOps.invert(Pictures.frombytes("1", (576, 70), row * 70).convert("L")).save(png, "PNG")
    job = (Line(words), Line(words, "double"), Image(png.getvalue()), Qr(words), Cut())
    assert not REAL_TIME.search(composed(*job))
