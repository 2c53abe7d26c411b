"""Slips: golden texts, what must never stand on one, and codes that a phone can read."""

from __future__ import annotations

import inspect
import io
from datetime import UTC, date, datetime

import msgspec
import pytest
import zxingcpp
from PIL import Image

from devices.receipt_printer.codec import Paper
from devices.receipt_printer.job import PrintJob
from devices.receipt_printer.sim.interpreter import Interpreter
from devices.receipt_printer.sim.paper import PaperRoll
from kiosk.cases import CaseState
from kiosk.catalogue.model import Limit
from kiosk.hub_link.filing import Filed
from kiosk.hub_link.identity import Identity
from kiosk.journey.promise import promise_words
from kiosk.messages.content import decode_content
from kiosk.messages.envelope import new_key
from kiosk.messages.masking import mask_name
from kiosk.messages.paper import CODE_CHARACTERS, PREFIX, join_codes, read_code, read_paper
from kiosk.messages.seal import new_seal_key, new_sign_key
from kiosk.slips import (
    Letterhead,
    Row,
    Section,
    SlipModel,
    layout,
    printer_test_job,
    sheet_job,
    slip_job,
)
from kiosk.slips.model import SecondCopy
from kiosk.slips.second_copy import second_copy
from kiosk.text import Text, same
from tests.hub.fixtures import case_form

PRINTED_AT = datetime(2027, 1, 12, 2, 31, tzinfo=UTC)

HEAD = Letterhead(
    title=Text("自助服务回执", "Service slip"),
    about=Text("驾驶证有效期满换证", "Renew an expiring driving licence"),
    line=Text("交通管理", "Traffic"),
    person=mask_name("王小明"),
    hall=same("临江区公安政务服务大厅"),
    machine="kiosk-0001",
    printed_at=PRINTED_AT,
    help_phone="110 / 12367",
    complaint_phone="12389",
    catalogue_version="2027.01.1",
)
ACCEPTED = SlipModel(
    head=HEAD,
    receipt_number="990100000120270112000019",
    state="accepted",
    rows=(Row(Text("费用", "Fee"), Text("10 元", "10 yuan")),),
    accepted_at=PRINTED_AT,
    promise=promise_words(date(2027, 2, 18), date(2027, 1, 12), Limit(n=20, unit="wd")),
    what_next=(Text("等待短信通知，办结后到本大厅领取。", "Wait for the message, then collect it here."),),
    progress_qr="990100000120270112000019",
)
STORED = msgspec.structs.replace(ACCEPTED, state="stored")

GOLDEN_ACCEPTED = """\
             临江区公安政务服务大厅

            自助服务回执
------------------------------------------------
办理事项    驾驶证有效期满换证
业务类别    交通管理
申请人      王*明
打印时间    2027-01-12 10:31
自助机      kiosk-0001
咨询电话    110 / 12367
费用        10 元
------------------------------------------------

                  已受理

受理时间    2027-01-12 10:31
承诺办结    最迟 2027-02-18（星期四）
            受理后 20 个工作日
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
                请妥善保管本回执
"""

GOLDEN_STORED = """\
             临江区公安政务服务大厅

            自助服务回执
------------------------------------------------
办理事项    驾驶证有效期满换证
业务类别    交通管理
申请人      王*明
打印时间    2027-01-12 10:31
自助机      kiosk-0001
咨询电话    110 / 12367
费用        10 元
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


def headed(title):
    return msgspec.structs.replace(HEAD, title=same(title), about=same("签注余次/证件信息查询"))


def of_person(masked):
    return msgspec.structs.replace(ACCEPTED, head=msgspec.structs.replace(HEAD, person=masked))


def on_paper(job, **paper):
    """The job through encoder, bytes and printer, as text and picture."""
    slips = []
    page = PaperRoll(dots=576, columns=48, on_slip=lambda picture, words: slips.append((words, picture)))
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
    assert "Done by         2027-02-18 (Thu) at the latest" in words


@pytest.mark.parametrize("name", ["王小𠮷", "李䶮", "赵㛃㛃"])
def test_rare_name_is_a_picture_on_its_line_only(name):
    model = of_person(mask_name("张" + name))
    plain, rare = Paper().compose(slip_job(ACCEPTED)), Paper().compose(slip_job(model))
    assert rare.count(b"\x1dv0") == plain.count(b"\x1dv0") + 1
    words, _ = on_paper(slip_job(model))
    assert "申请人" not in words
    for text in ("驾驶证有效期满换证", "已受理", "交通管理", "承诺办结"):
        assert text in words


def test_rare_name_stays_text_where_the_font_has_it():
    model = of_person(mask_name("李小䶮"))
    words, _ = on_paper(slip_job(model), font_set="gb18030_2byte")
    assert "申请人      李*䶮" in words


@pytest.mark.parametrize("number", [1, 2])
def test_every_reprint_says_that_it_is_a_copy(number):
    words, _ = on_paper(slip_job(msgspec.structs.replace(ACCEPTED, copy_number=number)))
    assert f"副本 · 补打第 {number} 次" in words


def test_the_first_slip_of_a_training_machine_says_that_it_means_nothing():
    model = msgspec.structs.replace(ACCEPTED, training=Text("培训演示，无效", "TRAINING, NOT VALID"))
    words, _ = on_paper(slip_job(model))
    assert "【培训演示，无效】" in words
    assert "副本" not in words


def test_copy_and_training_are_marked():
    model = msgspec.structs.replace(ACCEPTED, copy_number=2, training=Text("培训演示，无效", "TRAINING, NOT VALID"))
    words, _ = on_paper(slip_job(model))
    assert "副本 · 补打第 2 次" in words
    assert "【培训演示，无效】" in words
    assert "副本" not in on_paper(slip_job(ACCEPTED))[0]


def test_the_code_that_opens_the_case_stands_beside_its_number():
    words, _ = on_paper(slip_job(msgspec.structs.replace(ACCEPTED, slip_code="20270112")))
    lines = [line.strip() for line in words.splitlines()]
    assert lines.index("2027 0112") > lines.index("9901 0000 0120 2701 1200 0019")


def test_notice_tells_everything_at_once():
    missing = Section(sentences=(same("驾驶证还有 2 条违法未处理。"), same("体检证明已过期。")))
    words, _ = on_paper(sheet_job(headed("一次性告知单"), [missing]))
    lines = [line for line in words.splitlines() if line]
    first = lines.index("1. 驾驶证还有 2 条违法未处理。")
    assert lines[first + 1] == "2. 体检证明已过期。"
    assert lines[1] == "            一次性告知单"


def test_a_query_sheet_names_the_document():
    rows = (Row(same("证件号码"), same("C9****21")), Row(same("香港 · 个人旅游签注"), same("剩余 1 次")))
    words, _ = on_paper(sheet_job(headed("查询结果单"), [Section(title=same("往来港澳通行证"), rows=rows)]))
    assert "往来港澳通行证\n证件号码    C9****21\n" in words
    assert "香港 · 个人旅游签注\n            剩余 1 次\n" in words


PAPERS = {
    "slip": lambda language: slip_job(ACCEPTED, language),
    "offline slip": lambda language: slip_job(STORED, language),
    "copy": lambda language: slip_job(msgspec.structs.replace(ACCEPTED, copy_number=1), language),
    "notice": lambda language: sheet_job(HEAD, [Section(sentences=(same("missing"),))], language),
    "query": lambda language: sheet_job(HEAD, [Section(title=same("x"), rows=(Row(same("a"), same("b")),))], language),
    "printer test": lambda language: printer_test_job(HEAD, language),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", PAPERS)
def test_every_paper_says_where_when_for_whom_about_what_and_whom_to_ask(name, language):
    words, _ = on_paper(PAPERS[name](language))
    about = HEAD.about.in_language(language)[:24]
    for wanted in (HEAD.hall.zh, "kiosk-0001", "2027-01-12 10:31", "王*明", "110 / 12367", "12389", about):
        assert wanted in words, (name, wanted)


def test_there_is_no_paper_beside_these():
    """A paper is made by ``_paper``, so that none can be without its head."""
    assert layout.PrintJob is PrintJob
    assert inspect.getsource(layout).count("PrintJob(") == 1


def test_technicians_test_print_has_everything():
    words, picture = on_paper(printer_test_job(HEAD))
    assert "正常字：自助服务 0123456789" in words
    assert len(zxingcpp.read_barcodes(picture.convert("RGB"))) == 2


@pytest.mark.parametrize("columns", [48, 32])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_receipt_number_is_never_broken_over_lines(columns, language):
    pages = []
    page = PaperRoll(dots=columns * 12, columns=columns, on_slip=lambda _, words: pages.append(words))
    interpreter = Interpreter(page, Still(), lambda _: None)
    for byte in Paper(columns=columns, dots=columns * 12).compose(slip_job(ACCEPTED, language)):
        interpreter.feed(byte)
    assert "9901 0000 0120 2701 1200 0019" in [line.strip() for line in pages[0].splitlines()]


def test_a_state_that_only_a_newer_hub_knows_is_printed_as_it_came_and_promises_nothing():
    words, _ = on_paper(slip_job(msgspec.structs.replace(ACCEPTED, state="hand\nover\x1b@")))
    assert "当前状态：hand over @" in words
    assert "2027-02-18" not in words


def test_a_refused_case_has_all_its_reasons_on_paper():
    reasons = (same("有未处理完毕的违法。"), same("记满 12 分。"))
    words, _ = on_paper(slip_job(msgspec.structs.replace(ACCEPTED, state="not_accepted", reasons=reasons)))
    assert "1. 有未处理完毕的违法。\n2. 记满 12 分。" in words


@pytest.mark.parametrize(
    ("promised_on", "limit", "zh", "en"),
    [
        (date(2027, 1, 12), Limit(n=0, unit="wd"), "2027-01-12（当场办结）", "2027-01-12 (done at once)"),
        (date(2027, 1, 12), None, "2027-01-12（当场办结）", "2027-01-12 (done at once)"),
        (date(2027, 1, 13), Limit(n=0, unit="wd"), "最迟 2027-01-13（星期三）", "2027-01-13 (Wed) at the latest"),
        (
            date(2027, 1, 19),
            Limit(n=5, unit="wd"),
            "最迟 2027-01-19（星期二）\n受理后 5 个工作日",
            "2027-01-19 (Tue) at the latest\nwithin 5 working days",
        ),
        (
            date(2027, 3, 13),
            Limit(n=60, unit="d"),
            "最迟 2027-03-13（星期六）\n受理后 60 天（含休息日）",
            "2027-03-13 (Sat) at the latest\nwithin 60 days, weekends counted",
        ),
    ],
)
def test_a_promise_says_the_last_day_and_how_it_was_counted(promised_on, limit, zh, en):
    """Accepted on 2027-01-12: what is done at once is not promised "before" that day."""
    assert promise_words(promised_on, date(2027, 1, 12), limit) == Text(zh, en)


def test_beside_a_promise_stands_what_the_law_allows_and_that_no_holiday_is_known_yet():
    seven, law = Limit(n=7, unit="wd"), Limit(n=15, unit="d")
    said = promise_words(date(2027, 1, 21), date(2027, 1, 12), seven, law=law, by="weekends")
    assert said.zh.splitlines() == [
        "最迟 2027-01-21（星期四）",
        "受理后 7 个工作日",
        "（法定期限 15 天（含休息日））",
        "（该年节假日安排尚未公布，只按双休日推算）",
    ]
    assert said.en.splitlines()[2:] == [
        "(the law allows 15 days, weekends counted)",
        "(holidays of that year are not published yet; only weekends are left out)",
    ]
    assert promise_words(date(2027, 1, 21), date(2027, 1, 12), seven, law=seven, by="of_tomorrow").zh.count("\n") == 1


def test_what_a_holiday_would_put_off_too_far_is_promised_within_the_limit_of_the_law():
    """Accepted on 2026-02-12: ten working days would end on 4 March, after the fifteen days that the law allows."""
    ten, law = Limit(n=10, unit="wd"), Limit(n=15, unit="d")
    said = promise_words(date(2026, 2, 27), date(2026, 2, 12), ten, law=law, by="law")
    assert said.zh.splitlines() == ["最迟 2026-02-27（星期五）", "受理后 15 天（含休息日）"]
    assert promise_words(date(2026, 2, 27), date(2026, 2, 12), None, by="law").zh == "最迟 2026-02-27（星期五）"


def test_slip_fits_a_narrow_printer():
    assert Paper(columns=32, dots=384).compose(slip_job(ACCEPTED))


COPY = second_copy(
    decode_content("case", case_form("zhao", "T01", STORED.receipt_number)),
    Filed(17, "ab" * 32),
    case_id=(KEY := new_key()),
    key=KEY,
    identity=Identity("kiosk-0001", (SIGN := new_sign_key()).private, SIGN.public),
    seal_key=new_seal_key().public,
)


def test_the_second_copy_says_of_its_case_what_the_envelope_says():
    codes = [read_code(code) for code in COPY.codes]
    facts = read_paper(join_codes({code.number: code.piece for code in codes})).facts
    told = (facts.kiosk_id, facts.seq, facts.sha256, facts.key, facts.case_id, facts.receipt_number)
    assert told == ("kiosk-0001", 17, "ab" * 32, KEY, KEY, STORED.receipt_number)


def codes_on(picture):
    return {code.text for code in zxingcpp.read_barcodes(picture.convert("RGB")) if code.text.startswith(PREFIX)}


def test_offline_slip_carries_the_second_copy_below_its_foot():
    words, picture = on_paper(slip_job(msgspec.structs.replace(STORED, second_copy=COPY)))
    assert words.startswith(GOLDEN_STORED)
    assert words.index("请妥善保管本回执") < words.index("城市恢复用") < words.index(f"恢复码 {COPY.mark}（1/1）")
    assert codes_on(picture) == set(COPY.codes)


@pytest.mark.parametrize("state", [s.value for s in CaseState if s is not CaseState.STORED])
def test_a_case_that_the_city_has_needs_no_second_copy(state):
    words, picture = on_paper(slip_job(msgspec.structs.replace(STORED, state=state, second_copy=COPY)))
    assert "恢复" not in words
    assert codes_on(picture) == set()


def test_second_copy_is_legible_on_narrow_paper_too():
    copy = SecondCopy("0000-0000", ("TB1:" + "A" * (CODE_CHARACTERS - 4),))
    page_pictures = []
    page = PaperRoll(dots=384, columns=32, on_slip=lambda picture, _: page_pictures.append(picture))
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
