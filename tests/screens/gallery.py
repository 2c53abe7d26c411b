"""One sample page of every kind, with made-up people. ``python -m tests.screens.gallery OUT`` writes them as PNG."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
import trio
from PIL import Image, ImageDraw

from kiosk.catalogue.loader import load
from kiosk.catalogue.model import NO_LINE, Line
from kiosk.pages import (
    Action,
    Board,
    BoardRow,
    CardPrompt,
    Chip,
    Choice,
    Choices,
    DueItem,
    DueList,
    Fact,
    Facts,
    Field,
    Grades,
    Hero,
    LineCard,
    LineCards,
    Notice,
    Page,
    Paragraph,
    Picture,
    Preview,
    Receipt,
    Settings,
    SignaturePad,
    Stage,
    Stages,
    StepMark,
    Tile,
    Tiles,
)  # fmt: skip
from kiosk.text import NOTHING, same, text
from kiosk.text import Text as T  # noqa: N817 - the word stands two hundred times on these pages

EXIT = Action(id="exit", label=T("退出", "Exit"), style="exit")
BACK = Action(id="back", label=T("上一步", "Back"), style="secondary")
NEXT = Action(id="next", label=T("下一步", "Continue"), style="primary")
SETTINGS = (
    Action(id="elder", label=T("关怀模式", "Large type"), icon="text-aa"),
    Action(id="low_reach", label=T("低位操作", "Low reach"), icon="wheelchair"),
    Action(id="speech", label=T("语音播报", "Read aloud"), icon="speaker-high"),
    Action(id="language", label=T("English", "中文"), icon="translate"),
    Action(id="guide", label=T("呼叫引导员", "Call a guide"), icon="headset"),
)
CHIPS = (
    Chip(icon="wifi-high", text=T("网络正常", "Online"), level="ok"),
    Chip(icon="users-three", text=T("前方等候 3 人", "3 people waiting")),
    Chip(icon="phone", text=T("求助 110 / 咨询 12367", "Help 110 / Advice 12367")),
)
STEP_NAMES = (
    T("读取身份", "Identity"), T("人脸核验", "Face"), T("填写信息", "Details"), T("核对签名", "Sign"), T("领取回执", "Slip"),
)  # fmt: skip


def steps(now: int, count: int = 5) -> tuple[StepMark, ...]:
    names = (STEP_NAMES * 2)[:count]
    return tuple(
        StepMark(label=name, state="done" if i < now else "now" if i == now else "waiting")
        for i, name in enumerate(names)
    )


def action(name: str, zh: str, en: str, **more: object) -> Action:
    return Action(id=name, label=T(zh, en), **more)


def line_card(line: str, zh: str, en: str, icon: str, items: list[tuple[str, str]], count: int) -> LineCard:
    return LineCard(
        action=action(line, zh, en, icon=icon), line=LINE[line], items=tuple(T(*item) for item in items),
        count=T(f"共 {count} 项服务", f"{count} services"),
    )  # fmt: skip


LINE = load().lines
LINES = LineCards(
    cards=(
        line_card("traffic", "交通管理", "Traffic", "car", [("违法查询与缴款", "Violations"), ("驾驶证补换", "Licence renewal"), ("临时号牌", "Temporary plates"), ("六年免检申领", "Inspection sticker")], 18),
        line_card("household", "户籍治安", "Household", "house", [("身份证补换领", "ID card"), ("户籍证明打印", "Household papers"), ("居住证签注", "Residence permit"), ("无犯罪记录证明", "No-crime record")], 21),
        line_card("exit_entry", "出入境", "Exit-entry", "airplane-tilt", [("港澳台再次签注", "HK-Macao visits"), ("证件换发补发", "Renew documents"), ("出入境记录", "Travel records"), ("进度与领取", "Progress, pick-up")], 12),
    )
)  # fmt: skip

SAFETY = Line(name=T("治安管理", "Public safety"), icon="shield-check", colour="#7A1F3D", key="safety")
MORE_LINES = LineCards(cards=(*LINES.cards, msgspec.structs.replace(LINES.cards[0], line=SAFETY, action=action("safety", "治安管理", "Public safety", icon="shield-check"))))  # fmt: skip


def tile(name: str, zh: str, en: str, icon: str, line: str, **more: object) -> Tile:
    keys = {k: more.pop(k) for k in ("enabled", "reason") if k in more}
    return Tile(action=action(name, zh, en, icon=icon, **keys), line=LINE[line], **more)


COMMON = Tiles(
    title=T("常用服务", "Often used"),
    tiles=(
        tile("fine", "罚款缴纳", "Pay a fine", "receipt", "traffic"),
        tile("id", "身份证补领", "Replace ID card", "identification-card", "household"),
        tile("hk", "港澳签注", "HK-Macao visit", "airplane-takeoff", "exit_entry"),
        tile("photo", "证件照拍摄", "Certificate photo", "camera", "common"),
        tile("proof", "户籍证明", "Household paper", "file-text", "household"),
        tile("licence", "驾驶证换证", "Renew licence", "steering", "traffic", badge=T("待办", "Due")),
        tile(
            "baby",
            "新生儿“一件事”",
            "Newborn bundle",
            "baby",
            "household",
            enabled=False,
            reason=T("网络恢复后可办", "When back online"),
        ),
        tile("form", "表单打印", "Print a form", "printer", "common"),
    ),
)
FUNCTIONS = Tiles(
    wide=True, columns=3,
    tiles=(
        tile("progress", "进度查询", "Progress", "magnifying-glass", "common", lead=T("凭证件或编号", "By card or number")),
        tile("rate", "好差评", "Rate us", "star", "traffic", lead=T("评价本次服务", "How was it?")),
        tile("complaint", "投诉建议", "Complaint", "chat-circle-dots", "exit_entry", lead=T("直达督察部门", "To the inspectors")),
    ),
)  # fmt: skip


def home(*notices: Notice) -> Page:
    return Page(
        kind="home", layout="home", title=T("公安综合自助服务", "Police self-service"), icon="shield-check",
        lead=T("中关村派出所 · 24 小时自助服务区", "Zhongguancun station · open 24 hours"), chips=CHIPS, timeout_s=0,
        blocks=(
            *notices,
            CardPrompt(
                title=T("请将身份证放在读卡区", "Place your ID card on the reader"),
                lead=T("自动识别身份，只显示您可以办理的业务", "We show only what you can do here"),
                actions=(action("code", "电子证照扫码", "Scan a code", icon="qr-code"), action("nocard", "未带身份证", "No card with me", icon="user-focus")),
            ),
            LINES, COMMON, FUNCTIONS,
        ),
        actions=SETTINGS,
    )  # fmt: skip


def step(
    kind: str,
    title: T,
    now: int,
    *blocks: object,
    lead: T = NOTHING,
    actions: tuple = (EXIT, BACK, NEXT),
    **more: object,
) -> Page:
    facts = {"line": LINE["traffic"], "icon": "identification-card", "steps": steps(now), **more}
    return Page(kind=kind, title=title, lead=lead, blocks=blocks, actions=actions, **facts)


DUE = (
    DueItem(action=action("t01", "驾驶证有效期满换证", "Renew driving licence", icon="steering"), line=LINE["traffic"], urgency="overdue",
            reason=T("驾驶证 2027-01-12 到期，可换证", "Licence expires on 2027-01-12"), urgency_label=T("今天到期", "Ends today")),
    DueItem(action=action("h13", "居住证签注", "Residence permit endorsement", icon="house-line"), line=LINE["household"], urgency="soon",
            reason=T("居住证将于 2027-02-03 满一年，请在期满前签注", "Your permit is one year old on 2027-02-03"), urgency_label=T("22 天内", "22 days left")),
    DueItem(action=action("e13", "港澳签注余次查询", "HK-Macao visits left", icon="passport"), line=LINE["exit_entry"], urgency="info",
            reason=T("往来港澳通行证还有 1 次签注", "One visit left on your permit"), urgency_label=T("可查询", "To look at")),
)  # fmt: skip


def picture() -> bytes:
    image = Image.new("RGB", (640, 420), "#DDE6F5")
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((60, 60, 580, 360), 24, fill="#FFFFFF", outline="#1447B8", width=6)
    draw.ellipse((90, 110, 230, 250), fill="#1447B8")
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def refused(reason: T) -> Tiles:
    """A line's services when none of them can be started, each with the same reason."""
    names = (("T01", "驾驶证有效期满换证", "Renew driving licence"), ("T02", "罚款缴纳", "Pay a fine"))
    tiles = tuple(tile(key, zh, en, "car", "traffic", enabled=False, reason=reason) for key, zh, en in names)
    return Tiles(tiles=tiles, columns=1, wide=True)


def case(number: str, *states: str) -> Stages:
    """A case that has come as far as the last state."""
    line = [Stage(label=text(f"state.{s}"), detail=T("2027-01-12 10:05", "12 Jan 10:05"), state="done") for s in states]
    line[-1] = msgspec.structs.replace(line[-1], state="now")
    coming = Stage(label=text("state.decided"), detail=NOTHING, state="waiting")
    return Stages(title=T("居住证签注 · 王*明", "Residence permit, Wang *ming"), number=number, stages=(*line, coming))


def trouble_pages(traffic: T) -> dict[str, Page]:
    """What is shown when something is not as usual, in the machine's own words."""
    number = "990101000120270112000017"
    turning = T(
        f"{text('face.turn_left').zh}\n{text('face.seconds_left', seconds=12).zh}",
        f"{text('face.turn_left').en}\n{text('face.seconds_left', seconds=12).en}",
    )
    under_way = Facts(
        rows=(
            Fact(
                label=text("under_way.number"),
                value=same("9901 0100 0120 2701 1200 0017".replace(" ", "\N{NO-BREAK SPACE}")),
            ),
            Fact(label=text("under_way.state"), value=text("state.accepted")),
        )
    )
    slip = Receipt(label=text("result.number"), number=number, qr=number, note=text("print.photo"))
    came = (
        action("came", "已经拿到了", "I have it", style="secondary", icon="check-circle"),
        action("again", "没有，打印副本", "No: print a copy", style="primary", icon="printer"),
    )
    return {
        **money_pages(),
        "home_card_left": home(Notice(level="warn", icon="identification-card", text=text("home.take_card"), detail=text("home.take_card_lead"))),
        "never_accepted": step("line", T("交通管理", "Traffic"), 0, refused(text("health.not_filed_enrol")), steps=(), actions=(EXIT, BACK)),
        "no_date": step("line", T("交通管理", "Traffic"), 0, refused(text("health.no_date")), steps=(), actions=(EXIT, BACK)),
        "date_refused": Page(kind="no_date", layout="full", title=text("date.title"), blocks=(Hero(icon="clock", level="warn", title=text("date.title"), lead=text("date.lead")),), actions=(NEXT,)),
        "under_way": step("under_way", text("under_way.title"), 2, under_way, lead=text("under_way.lead"), actions=(EXIT, BACK, action("next", "仍要再申请一次", "File again all the same", style="primary"))),
        "face_turning": step("face", T("人脸核验", "Face check"), 1, Preview(frames="", instruction=turning, progress=0.4, arrow="left"), lead=text("face.lead"), actions=(EXIT, BACK, action("guide", "请引导员核对", "Ask a guide", style="secondary", icon="headset"))),
        "face_late": step("face_again", text("face.late_title"), 1, Hero(icon="user-focus", level="warn", title=text("face.late_title"), lead=text("face.why_too_slow")), actions=(EXIT, action("guide", "请引导员核对", "Ask a guide", style="secondary", icon="headset"), NEXT)),
        "complaint_done": Page(kind="complaint_done", layout="full", title=text("complaint.thanks"), blocks=(Hero(icon="check-circle", level="ok", title=text("complaint.thanks"), lead=text("complaint.thanks_lead_offline")), Receipt(label=text("complaint.number"), number=number, qr=number, note=text("complaint.keep")), Notice(level="info", icon="info", text=text("complaint.answered_nobody"))), actions=(action("continue", "不需要回执", "No slip", style="secondary"), action("print", "打印回执", "Print a slip", style="primary", icon="printer"))),
        "many_cases": step("progress", T("办理进度", "Progress"), 0, *(case(f"99010100012027011200{n:04d}", *("stored", "delivered", "accepted")[: n % 3 + 1]) for n in range(7)), steps=(), actions=(EXIT, BACK)),
        "print_unknown": step("slip_trouble", text("mark.slip"), 4, Hero(icon="printer", level="warn", title=text("print.unknown_title"), lead=text("print.unknown_lead")), slip, actions=came),
        "slip_code": step("slip_code", text("slip_code.title"), 0, Field(name="slip_code", label=text("slip_code.label"), keys="digits", value="1234", hint=text("slip_code.hint"), error=text("slip_code.length", n=4), max_length=8), lead=text("slip_code.lead"), steps=(), actions=(EXIT, BACK, Action(id="no_code", label=text("slip_code.none"), style="secondary"), NEXT)),
        "slip_known": step("known", text("slip_code.title"), 0, Hero(icon="lock-key", level="info", title=text("slip_code.known"), lead=text("slip_code.known_lead")), steps=(), actions=(EXIT, BACK, Action(id="card", label=text("progress.by_card"), style="primary", icon="identification-card"))),
        "slip_wait": step("slip_wait", text("slip_code.title"), 0, Hero(icon="hourglass-medium", level="info", title=text("slip_code.wait"), lead=text("slip_code.wait_lead", minutes=3)), steps=(), actions=(EXIT, BACK, Action(id="card", label=text("progress.by_card"), style="primary", icon="identification-card"))),
        "guide_pin": step("guide_pin", text("guide.pin_title"), 1, Field(name="guide_pin", label=text("maintenance.pin_label"), keys="pin", error=text("maintenance.pin_missing"), max_length=12), lead=text("maintenance.pin_lead")),
        "print_waits": Page(kind="printing", layout="full", title=text("print.printing"), blocks=(Hero(icon="printer", level="warn", busy=True, title=text("print.printing"), lead=text("print.waits_safe", lead=text("print.waits_stalled"))),)),
    }  # fmt: skip


def money_pages() -> dict[str, Page]:
    """The payment code of three services at once, and what is said when nobody knows whether it was paid."""
    code = Receipt(
        label=text("pay.sum"),
        number="¥ 180.00",
        qr="https://pay.example/c/7Hq2bX91kTz0",
        note=text("pay.how"),
        to_scan=True,
    )
    fees = (
        ("补领居民身份证", "Replace ID card", 4000),
        ("补领驾驶证", "Replace driving licence", 2000),
        ("补发普通护照", "Replace passport", 12000),
    )
    rows = tuple(Fact(label=T(zh, en), value=same(f"¥ {fen / 100:.2f}")) for zh, en, fen in fees)
    scan = Notice(level="info", icon="device-mobile", text=text("pay.scan"), detail=text("pay.scan_lead"))
    not_now = Action(id="back", label=text("pay.not_now"), style="secondary", icon="caret-left")
    unknown = Hero(icon="clock", level="warn", title=text("pay.unknown"), lead=text("pay.unknown_lead"))
    return {
        "pay": step("pay", text("pay.title"), 3, scan, code, Facts(title=text("pay.for"), rows=rows), lead=text("pay.lead"), actions=(EXIT, not_now)),
        "pay_unknown": Page(kind="pay_unknown", layout="full", title=text("pay.unknown"), blocks=(unknown,), actions=(NEXT,)),
    }  # fmt: skip


def pages() -> dict[str, Page]:
    """Every sample page by name."""
    from tests.screens.step_pages import step_pages

    return {**first_pages(), **step_pages()}


def shipped_pages() -> dict[str, Page]:
    """Pages that the machine itself makes of the shipped catalogue, by name."""
    from tests.screens.hall_pages import hall_pages
    from tests.screens.lobby_pages import lobby_pages
    from tests.screens.real_steps import real_steps

    return {**lobby_pages(), **real_steps(), **hall_pages()}


def first_pages() -> dict[str, Page]:
    """Those of the machine itself and of the steps that every case has."""
    traffic = T("驾驶证有效期满换证", "Renew driving licence")
    return {
        "home": home(),
        "home_more_lines": msgspec.structs.replace(home(), blocks=(*home().blocks[:1], MORE_LINES, *home().blocks[2:])),
        "home_offline": home(Notice(level="warn", icon="wifi-slash", text=T("网络中断，可先受理，恢复后自动上报", "No network: you can still file, we send it later"))),
        "home_closed": msgspec.structs.replace(home(), blocks=(
            Hero(icon="wrench", level="warn", title=T("本机暂停服务：等待加纸", "Out of service: waiting for paper"), lead=T("给您添麻烦了，恢复后这里会自动开放。", "We are sorry. It opens again by itself as soon as it can.")),
            Facts(rows=(
                Fact(label=T("暂停时间", "Closed since"), value=same("2027-01-12 09:40")),
                Fact(label=T("去哪里办", "Where to go"), value=T("请使用旁边的自助机，或到窗口办理。", "Please use the next machine or the counter.")),
                Fact(label=T("咨询电话", "Advice"), value=same("12345")),
                Fact(label=T("已提交的业务", "Already filed"), value=T("不受影响，会照常办理，结果凭回执编号可查。", "It is safe and goes on as usual; your slip's number shows how far it is.")))))),
        "due": step("menu", T("您好，王*明", "Hello, Wang *ming"), 0, DueList(title=T("我的待办", "Due for you"), items=DUE, room=2), COMMON, line=NO_LINE, icon="user", steps=(), actions=(EXIT,)),
        "due_empty": step("menu", T("您好，王*明", "Hello, Wang *ming"), 0, DueList(title=T("我的待办", "Due for you"), items=(), empty=T("目前没有需要您办理的事项", "Nothing is due at present"), room=2), COMMON, line=NO_LINE, icon="user", steps=(), actions=(EXIT,)),
        "due_asking": step("menu", T("您好，王*明", "Hello, Wang *ming"), 0, Notice(level="info", icon="hourglass-medium", text=text("todo.asking"), room=2), COMMON, line=NO_LINE, icon="user", steps=(), actions=(EXIT,)),
        "due_one": step("menu", T("您好，王*明", "Hello, Wang *ming"), 0, DueList(title=T("我的待办", "Due for you"), items=DUE[1:2], room=2), COMMON, line=NO_LINE, icon="user", steps=(), actions=(EXIT,)),
        "card": step("card", T("读取身份证", "Reading your card"), 0, Hero(icon="identification-card", level="info", busy=True, title=T("请将身份证平放在读卡区", "Lay your ID card flat on the reader"), lead=T("读完之前请不要拿开", "Please leave it there until it has been read")), actions=(EXIT,)),
        "face": step("face", T("人脸核验", "Face check"), 1, Preview(frames="", instruction=T("请缓慢向左转头", "Slowly turn your head to the left"), progress=0.4, arrow="left"), actions=(EXIT, action("other", "换一种方式", "Another way", style="secondary"))),
        "eligibility": step("eligibility", traffic, 2, Notice(level="warn", text=T("还缺 3 项，今天不能办理", "Three things are missing today"), detail=T("一次为您列全，备齐后再来即可", "This is the whole list; come back with all of it")),
            Facts(rows=(
                Fact(label=T("体检证明", "Medical report"), value=T("没有查到 6 个月内的体检结果，请到县级以上医院体检", "No result from the last six months: please visit a county hospital")),
                Fact(label=T("交通违法", "Violations"), value=T("有 2 条违法未处理，可在本机处理", "Two open violations: they can be settled here")),
                Fact(label=T("证件照片", "Photo"), value=T("没有符合要求的照片，可在本机拍摄", "No fitting photo: it can be taken here")),
            )), actions=(EXIT, action("print", "打印清单", "Print the list", style="primary", icon="printer"))),
        "choice": step("choice", traffic, 2, Choices(name="how", label=T("新证怎么领取？", "How do you want to get it?"), selected="post", options=(
            Choice(id="post", label=T("邮寄到家", "By post"), detail=T("约 7 个工作日，邮费到付", "About seven working days, postage on delivery")),
            Choice(id="hall", label=T("到窗口领取", "At the counter"), detail=T("制好后短信通知", "We send a message when it is ready")),
            Choice(id="now", label=T("本机制证", "From this machine"), enabled=False, reason=T("本机没有制证设备", "This machine cannot print licences"))))),
        "form": step("form", T("您的联系方式", "How to reach you"), 2, Field(name="phone", label=T("手机号码", "Mobile number"), keys="phone", value="138001", max_length=11, hint=T("用于通知办理结果", "To tell you the result")), lead=T("请填写常用手机号。", "Please type the number that you use.")),
        "form_two": step("form", T("查询进度", "Look up progress"), 2, Field(name="receipt", label=T("回执编号", "Receipt number"), keys="receipt", value="11010820270112", hint=T("在回执单上方", "At the top of your slip")), Field(name="number", label=T("证件号码", "ID number"), keys="id_number", error=T("号码不完整，还差 4 位", "Four digits are missing"))),
        "form_id": step("form", T("证件号码", "ID number"), 2, Field(name="number", label=T("公民身份号码", "Citizen ID number"), keys="id_number", value="99010119910", max_length=18)),
        "review": step("review", T("请核对信息", "Please check"), 3, Facts(rows=(
            Fact(label=T("姓名", "Name"), value=same("王𠮷䶮")), Fact(label=T("证件号码", "ID number"), value=same("990101********1234")),
            Fact(label=T("业务", "Service"), value=traffic), Fact(label=T("准驾车型", "Class"), value=same("C1")),
            Fact(label=T("手机号码", "Mobile"), value=same("138 0013 8000"), action=action("edit.phone", "修改", "Change")),
            Fact(label=T("领取方式", "Delivery"), value=T("邮寄到家：幸福市和平区团结路 18 号院 3 号楼 2 单元 501", "By post: 3-2-501, 18 Tuanjie Road, Heping"), action=action("edit.how", "修改", "Change")),
            Fact(label=T("费用", "Fee"), value=T("工本费 10 元", "10 yuan")))), lead=T("有误请点“修改”，无误请点“下一步”。", "Tap Change where something is wrong.")),
        "sign": step("sign", T("请签名", "Please sign"), 3, Paragraph(text=T("本人已核对以上信息，承诺内容真实。", "I have checked the above and declare that it is true.")), SignaturePad(name="signature", label=T("申请人签名", "Your signature"))),
        "result": step("result", T("办理结果", "Result"), 4, Hero(icon="check-circle", level="ok", title=T("已登记，待网络恢复后受理", "Filed; it is accepted once the network is back"), lead=T("请取走回执", "Please take your slip")), Receipt(label=T("回执编号", "Receipt number"), number="990101000120270112000017", qr="990101000120270112000017", note=T("可凭编号查询进度", "You can follow your case with it")), actions=(action("done", "完成", "Done", style="primary"),)),
        "still_there": Page(kind="still_there", layout="full", title=T("还在吗？", "Are you still there?"), blocks=(Hero(icon="hourglass-medium", level="warn", title=T("还在吗？", "Are you still there?"), lead=T("再过一会儿将自动退出，并清除您的信息", "We will soon leave and erase your data")),), actions=(action("stay", "继续办理", "I am still here", style="primary"),), timeout_s=20),
        "rating": step("rating", T("请评价本次服务", "How was it?"), 4, Grades(label=T("您对本次服务满意吗？", "Were you satisfied?"), actions=(action("5", "非常满意", "Very satisfied"), action("4", "满意", "Satisfied"), action("3", "基本满意", "Fairly satisfied"), action("2", "不满意", "Dissatisfied"), action("1", "非常不满意", "Very dissatisfied"))), actions=(action("skip", "跳过", "Skip"),)),
        "progress": step("progress", T("办理进度", "Progress"), 0, Stages(title=traffic, number="990101000120270112000017", stages=(
            Stage(label=T("已暂存", "Stored"), detail=T("01-12 10:02 本机已保存", "12 Jan 10:02, kept on this machine"), state="done"), Stage(label=T("已送达", "Delivered"), detail=T("01-12 10:03 市局中心已签收", "12 Jan 10:03, signed for by the city hub"), state="done"),
            Stage(label=T("已受理", "Accepted"), detail=T("01-12 10:05 车辆管理所，承诺 01-19 前办结", "12 Jan 10:05, vehicle office, by 19 Jan"), state="now"), Stage(label=T("办结", "Decided"), detail=T("", ""), state="waiting"))), steps=(), actions=(EXIT, BACK)),
        "documents": step("documents", T("出入境证件", "Travel documents"), 2, Facts(title=T("往来港澳通行证", "HK-Macao permit"), rows=(Fact(label=T("证件号码", "Number"), value=same("C9******21")), Fact(label=T("有效期至", "Valid until"), value=same("2031-05-20")), Fact(label=T("香港签注", "Hong Kong"), value=T("个人旅游，剩余 1 次，2027-03-01 前有效", "Tourism, one visit left, until 2027-03-01")), Fact(label=T("澳门签注", "Macao"), value=T("无有效签注", "None")))), Facts(title=T("普通护照", "Passport"), rows=(Fact(label=T("证件号码", "Number"), value=same("E9******05")), Fact(label=T("有效期至", "Valid until"), value=same("2029-08-11")))), line=LINE["exit_entry"], icon="passport", actions=(EXIT, BACK, action("print", "打印", "Print", style="primary", icon="printer"))),
        "complaint": step("complaint", T("投诉建议", "Complaint"), 0, Choices(name="about", label=T("您想反映什么？", "What is it about?"), options=tuple(Choice(id=str(i), label=T(zh, en)) for i, (zh, en) in enumerate((("服务态度", "How I was treated"), ("等候时间太长", "Waiting too long"), ("材料要求不清楚", "Unclear requirements"), ("设备故障", "The machine failed"), ("其他", "Something else"))))), line=LINE["common"], icon="chat-circle-dots", steps=()),
        "complaint_text": step("complaint", T("投诉建议", "Complaint"), 0, Field(name="words", label=T("补充说明（可不填）", "In your words (optional)"), keys="text", value="printer 3"), line=LINE["common"], icon="chat-circle-dots", steps=()),
        "error": step("error", T("打印机缺纸", "Out of paper"), 4, Hero(icon="printer", level="warn", title=T("打印机缺纸", "The printer is out of paper"), lead=T("您的申请已保存，编号 9901 0827 0112 0042", "Your application is safe: 9901 0827 0112 0042")), Notice(level="info", text=T("已通知引导员添纸，添好后会自动打印", "A guide has been called; it prints by itself afterwards")), Paragraph(text=same("P-203"), size="caption"), actions=(EXIT, action("guide", "呼叫引导员", "Call a guide", icon="headset"), action("retry", "再试一次", "Try again", style="primary"))),
        "login": Page(kind="maintenance_login", title=T("维护登录", "Maintenance"), icon="wrench", lead=T("请输入 6 位口令", "Please type your PIN"), blocks=(Field(name="pin", label=T("口令", "PIN"), keys="pin", value="1234", max_length=6),), actions=(EXIT, action("login", "登录", "Log in", style="primary"))),
        "board": Page(kind="maintenance", title=T("设备状态", "Devices"), icon="wrench", blocks=(Board(rows=(
            BoardRow(icon="identification-card", name=T("身份证阅读器", "Card reader"), state=T("正常", "Online"), level="ok", detail=T("读卡 128 次，上次 10:02", "128 reads, last at 10:02"), actions=(action("test_read", "试读", "Test read"),)),
            BoardRow(icon="printer", name=T("回执打印机", "Slip printer"), state=T("纸将尽", "Paper low"), level="warn", detail=T("约剩 15 米", "About 15 m left"), actions=(action("test_print", "试打", "Test print"),)),
            BoardRow(icon="camera", name=T("摄像头", "Camera"), state=T("未连接", "Offline"), level="error", detail=T("10:31 起没有图像，已重试 14 次", "No picture since 10:31, tried 14 times"), actions=(action("picture", "看图像", "Picture"),)),
            BoardRow(icon="stack", name=T("待发队列", "Queue"), state=T("3 件", "3 waiting"), level="info", detail=T("最早 10:12，无滞留", "Oldest 10:12, none held")))),), actions=(EXIT, action("out", "暂停服务", "Out of service", style="secondary"))),
        **trouble_pages(traffic),
        "picture": Page(kind="maintenance_camera", title=T("摄像头", "Camera"), icon="camera", blocks=(Picture(data=picture(), label=T("样张", "Sample")),), actions=(BACK,)),
        "many_steps": step("form", traffic, 4, Paragraph(text=T("请稍候。", "One moment.")), steps=steps(4, 9), chips=(Chip(icon="wifi-slash", text=T("离线受理", "Filing offline"), level="warn"),)),
    }  # fmt: skip


class Portrait:
    """A moving test picture in place of a camera."""

    def __init__(self) -> None:
        self._seq = 0

    def latest(self) -> tuple[int, np.ndarray]:
        self._seq += 1
        frame = np.full((480, 640, 3), (170, 160, 150), np.uint8)
        frame[90:400, 230:410] = (150, 180, 225)
        frame[:, self._seq * 4 % 640] = 255
        return self._seq, frame


LOOKS = {
    "zh": Settings(),
    "elder": Settings(elder=True),
    "en": Settings(language="en"),
    "low": Settings(low_reach=True),
}


async def write(folder: Path, only: list[str]) -> None:
    """Write every page in every look to ``folder``."""
    from screens.presenter import KivyPresenter
    from tests.screens.harness import frames, showing

    presenter = KivyPresenter(open_frames=lambda _name: Portrait())
    folder.mkdir(parents=True, exist_ok=True)
    for look, settings in LOOKS.items():
        for name, page in (pages() | shipped_pages()).items():
            if only and name not in only and look not in only:
                continue
            async with showing(presenter, page, settings):
                count = presenter._drawn.count
                for index in range(count):
                    if index:
                        presenter._turn(index)
                    presenter.tick(14 if name == "still_there" else 87, 120)
                    await frames(4)
                    presenter.screenshot(folder / f"{look}-{name}{f'-{index + 1}' if count > 1 else ''}.png")


if __name__ == "__main__":
    import os

    os.environ.setdefault("SDL_VIDEODRIVER", "offscreen")
    trio.run(write, Path(sys.argv[1]), sys.argv[2:])
