"""Slips: golden texts, what must never stand on one, and codes that a phone can read."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import msgspec
import pytest
import zxingcpp
from PIL import Image

from devices.receipt_printer.codec import Paper
from devices.receipt_printer.interpreter import Interpreter
from devices.receipt_printer.page import Page
from kiosk.cases import CaseState
from kiosk.hub_link.filing import Filed
from kiosk.hub_link.identity import Identity
from kiosk.messages.content import decode_content
from kiosk.messages.envelope import new_key
from kiosk.messages.masking import mask_name
from kiosk.messages.paper import CODE_CHARACTERS, PREFIX
from kiosk.messages.seal import new_seal_key, new_sign_key
from kiosk.slips import SlipModel, notice_job, printer_test_job, slip_job
from kiosk.slips.second_copy import SecondCopy, second_copy
from kiosk.text import Text, same
from tests.hub.fixtures import case_form

PRINTED_AT = datetime(2027, 1, 12, 2, 31, tzinfo=UTC)

ACCEPTED = SlipModel(
    service_name=Text("驾驶证有效期满换证", "Renew an expiring driving licence"),
    line="traffic",
    person=mask_name("王小明"),
    receipt_number="990100000120270112000019",
    state="accepted",
    accepted_at=PRINTED_AT,
    promised_date=date(2027, 2, 18),
    hall=same("临江区公安政务服务大厅"),
    printed_at=PRINTED_AT,
    fee=Text("10 元", "10 yuan"),
    what_next=(Text("等待短信通知，办结后到本大厅领取。", "Wait for the message, then collect it here."),),
    complaint_phone="12389",
    catalogue_version="2027.01.1",
    progress_qr="990100000120270112000019",
)
STORED = msgspec.structs.replace(ACCEPTED, state="stored")

GOLDEN_ACCEPTED = """\
             临江区公安政务服务大厅

            自助服务凭条
------------------------------------------------
办理事项    驾驶证有效期满换证
业务类别    交通管理
申请人      王*明
费用        10 元
打印时间    2027-01-12 10:31
------------------------------------------------

                  已受理

受理时间    2027-01-12 10:31
承诺办结    2027-02-18（星期四）前
------------------------------------------------
            回执编号（查询时请出示）
         9901 0000 0120 2701 1200 0019

[CODE128 990100000120270112000019]

------------------------------------------------
接下来
等待短信通知，办结后到本大厅领取。

[raster 357x64]
[raster 357x62]

      扫码即得编号，在任一台自助机可查进度
------------------------------------------------
监督投诉电话                               12389
事项目录版本                           2027.01.1
                请妥善保管本凭条
"""

GOLDEN_STORED = """\
             临江区公安政务服务大厅

            自助服务凭条
------------------------------------------------
办理事项    驾驶证有效期满换证
业务类别    交通管理
申请人      王*明
费用        10 元
打印时间    2027-01-12 10:31
------------------------------------------------

 已登记,待网络恢复后受理

      材料已安全保存，网络恢复后自动送出。
------------------------------------------------
"""


class Still:
    def advance(self, dots): ...

    def cut(self): ...

    def paper_status(self):
        return 0

    def auto_status(self, mask): ...


def on_paper(job, **paper):
    """The job through encoder, bytes and printer, as text and picture."""
    slips = []
    page = Page(dots=576, columns=48, on_slip=lambda picture, words: slips.append((words, picture)))
    interpreter = Interpreter(page, Still(), lambda _: None)
    for byte in Paper(**paper).compose(job):
        interpreter.feed(byte)
    assert interpreter.unknown == {}
    assert page.garbled == 0
    assert len(slips) == 1
    return slips[0]


def test_accepted_slip_with_a_date_after_spring_festival():
    words, picture = on_paper(slip_job(ACCEPTED))
    assert _rasters_out(words) == _rasters_out(GOLDEN_ACCEPTED)
    codes = {(c.format.name, c.text) for c in zxingcpp.read_barcodes(picture.convert("RGB"))}
    assert codes == {("Code128", ACCEPTED.receipt_number), ("QRCode", ACCEPTED.progress_qr)}


def test_offline_slip_says_registered_and_promises_nothing():
    words, _ = on_paper(slip_job(STORED))
    assert words.startswith(GOLDEN_STORED)
    assert "2027-02-18" not in words
    assert words.replace("已登记,待网络恢复后受理", "").count("受理") == 0


@pytest.mark.parametrize("state", [s.value for s in CaseState])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_only_an_accepted_case_has_a_promised_date(state, language):
    words, _ = on_paper(slip_job(msgspec.structs.replace(ACCEPTED, state=state), language))
    assert ("2027-02-18" in words) is (state in ("accepted", "in_review"))
    assert "9901 0000 0120 2701 1200 0019" in words


def test_english_slip():
    words, _ = on_paper(slip_job(ACCEPTED, "en"))
    assert "Renew an expiring driving" in words
    assert "Done by         2027-02-18 (Thu)" in words


@pytest.mark.parametrize("name", ["王小𠮷", "李䶮", "赵㛃㛃"])
def test_rare_name_is_a_picture_on_its_line_only(name):
    model = msgspec.structs.replace(ACCEPTED, person=mask_name("张" + name))
    plain, rare = Paper().compose(slip_job(ACCEPTED)), Paper().compose(slip_job(model))
    assert rare.count(b"\x1dv0") == plain.count(b"\x1dv0") + 1
    words, _ = on_paper(slip_job(model))
    assert "申请人" not in words
    for text in ("驾驶证有效期满换证", "已受理", "交通管理", "承诺办结"):
        assert text in words


def test_rare_name_stays_text_where_the_font_has_it():
    model = msgspec.structs.replace(ACCEPTED, person=mask_name("李小䶮"))
    words, _ = on_paper(slip_job(model), font_set="gb18030_2byte")
    assert "申请人      李*䶮" in words


def test_copy_and_training_are_marked():
    model = msgspec.structs.replace(ACCEPTED, copy_number=2, training=Text("培训演示，无效", "TRAINING, NOT VALID"))
    words, _ = on_paper(slip_job(model))
    assert "副本 · 补打第 2 次" in words
    assert "【培训演示，无效】" in words
    assert "副本" not in on_paper(slip_job(ACCEPTED))[0]


def test_notice_tells_everything_at_once():
    words, _ = on_paper(notice_job("一次性告知单", ["驾驶证还有 2 条违法未处理。", "体检证明已过期。"], "12389"))
    assert [line for line in words.splitlines() if line] == [
        "            一次性告知单",
        "-" * 48,
        "1. 驾驶证还有 2 条违法未处理。",
        "2. 体检证明已过期。",
        "-" * 48,
        " " * 21 + "12389",
    ]


def test_technicians_test_print_has_everything():
    words, picture = on_paper(printer_test_job("kiosk-0001", PRINTED_AT))
    assert "kiosk-0001" in words
    assert len(zxingcpp.read_barcodes(picture.convert("RGB"))) == 2


def test_slip_fits_a_narrow_printer():
    job = slip_job(msgspec.structs.replace(ACCEPTED, person="王*明"))
    assert Paper(columns=32, dots=384).compose(job)


COPY = second_copy(
    decode_content("case", case_form("zhao", "T01", STORED.receipt_number)),
    Filed(17, "ab" * 32),
    case_id=(KEY := new_key()),
    key=KEY,
    identity=Identity("kiosk-0001", (SIGN := new_sign_key()).private, SIGN.public),
    seal_key=new_seal_key().public,
)


def codes_on(picture):
    return {code.text for code in zxingcpp.read_barcodes(picture.convert("RGB")) if code.text.startswith(PREFIX)}


def test_offline_slip_carries_the_second_copy_below_its_foot():
    words, picture = on_paper(slip_job(msgspec.structs.replace(STORED, second_copy=COPY)))
    assert words.startswith(GOLDEN_STORED)
    assert words.index("请妥善保管本凭条") < words.index("城市恢复用") < words.index(f"恢复码 {COPY.mark}（1/1）")
    assert codes_on(picture) == set(COPY.codes)


@pytest.mark.parametrize("state", [s.value for s in CaseState if s is not CaseState.STORED])
def test_a_case_that_the_city_has_needs_no_second_copy(state):
    words, picture = on_paper(slip_job(msgspec.structs.replace(STORED, state=state, second_copy=COPY)))
    assert "恢复" not in words
    assert codes_on(picture) == set()


def test_second_copy_is_legible_on_narrow_paper_too():
    copy = SecondCopy("0000-0000", ("TB1:" + "A" * (CODE_CHARACTERS - 4),))
    page_pictures = []
    page = Page(dots=384, columns=32, on_slip=lambda picture, _: page_pictures.append(picture))
    interpreter = Interpreter(page, Still(), lambda _: None)
    for byte in Paper(columns=32, dots=384).compose(slip_job(msgspec.structs.replace(STORED, second_copy=copy))):
        interpreter.feed(byte)
    assert codes_on(page_pictures[0]) == set(copy.codes)


def _rasters_out(words):
    return [line for line in words.splitlines() if not line.startswith("[raster")]


def test_picture_is_a_whole_slip():
    _, picture = on_paper(slip_job(ACCEPTED))
    out = io.BytesIO()
    picture.save(out, "PNG")
    assert Image.open(io.BytesIO(out.getvalue())).width == 576 + 64
