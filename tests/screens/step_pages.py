"""Sample pages of the step kinds that any service may use, in the machine's own words and with made-up people."""

from __future__ import annotations

import msgspec

from kiosk.journey.fields.vehicles import plates
from kiosk.pages import Action, CardPrompt, Choice, Choices, Field, Hero, Notice, Page, Paragraph, Preview, Tile, Tiles
from kiosk.text import NOTHING, text
from kiosk.text import Text as T  # noqa: N817 - as in the gallery
from tests.screens.gallery import BACK, EXIT, step


def forward(zh: str, en: str) -> Action:
    return Action(id="next", label=T(zh, en), style="primary")


def notices() -> dict[str, Page]:
    """A pledge that may be declined, and the last question before what cannot be undone."""
    refuse = Action(id="refuse", label=text("notice.refuse"), style="secondary")
    mark = Choice(id="yes", label=text("confirm.mark"), detail=text("confirm.mark_detail"))
    return {
        "notice": step(
            "notice",
            T("遗失声明", "Statement of loss"),
            2,
            Paragraph(
                text=T(
                    "我声明驾驶证确已遗失，没有被扣押、扣留或暂扣。",
                    "I state that my licence is lost and was not taken by the police.",
                ),
                size="large",
            ),
            Paragraph(
                text=T("以后找到的，我会把旧证交回。", "If I find it later, I will hand in the old one."), size="large"
            ),
            Notice(
                level="info",
                icon="info",
                text=text("notice.free"),
                detail=T("不承诺的，请到窗口提交书面声明。", "Otherwise hand in a written statement at the counter."),
            ),
            actions=(EXIT, BACK, refuse, forward("我承诺", "I pledge")),
        ),
        "confirm": step(
            "confirm",
            T("原身份证作废", "Your old card becomes void"),
            3,
            Hero(icon="warning-octagon", level="error", title=text("confirm.last"), lead=text("confirm.lead")),
            Notice(
                level="warn",
                icon="warning",
                text=T(
                    "提交后，旧身份证马上失效，找到了也不能再用。", "The old card is void at once, even if you find it."
                ),
            ),
            Choices(name="sure", label=NOTHING, options=(mark,), error=text("confirm.not_marked")),
            actions=(EXIT, BACK, forward("确认作废", "Make it void")),
        ),
    }


def fields() -> dict[str, Page]:
    """A date that does not exist, a plate before and while it is typed, the divisions."""
    plate = Field(
        name="plate",
        label=T("车牌号码", "Number plate"),
        keys="plate",
        hint=text("field.plate_hint"),
        max_length=8,
        heads=plates().provinces + plates().heads,
        tails=plates().tails,
    )
    born = Field(
        name="born",
        label=T("孩子的出生日期", "The child's birthday"),
        keys="date",
        value="20230229",
        error=text("field.date_day", year="2023", month=2, days=28),
        max_length=8,
    )
    towns = (("清溪镇", "Clearbrook"), ("石桥镇", "Stonebridge"), ("大𡎚乡", "Dalang"), ("新桥村", "Newbridge"))
    tiles = tuple(Tile(action=Action(id=f"region:{en}", label=T(zh, en), icon="map-pin")) for zh, en in towns)
    chosen = text("region.chosen", what=T("通办省远山县", "Farhill County, Tongban Province"))
    return {
        "form_date": step("form", T("孩子的情况", "About the child"), 2, born),
        "form_plate": step("form", T("您的车辆", "Your car"), 2, plate),
        "form_plate_rest": step("form", T("您的车辆", "Your car"), 2, msgspec.structs.replace(plate, value="京A1")),
        "region": step(
            "region",
            T("您住在哪里？", "Where do you live?"),
            2,
            Tiles(title=T("居住地址", "Address"), tiles=tiles, columns=2),
            lead=chosen,
            actions=(EXIT, BACK),
        ),
    }


def persons() -> dict[str, Page]:
    """A second card, a finger, a photograph that is being taken, a result that is late."""
    none = Action(id="guide", label=text("fingerprint.none"), style="secondary", icon="headset")
    later = Action(id="later", label=text("wait.later"), style="primary", icon="identification-card")
    same_card = Notice(level="warn", icon="warning", text=text("second.same"))
    prompt = CardPrompt(title=text("second.title_guardian"), lead=text("second.lead"))
    finger = Hero(
        icon="fingerprint", level="warn", title=text("finger.right_thumb"), lead=text("fingerprint.poor_quality")
    )
    preview = Preview(frames="", instruction=text("photo.glare"), progress=0.4)
    late = T("等待体检结果，一般 40 分钟左右", "Waiting for the medical result, about 40 minutes")
    return {
        "second_card": step("second_card", text("second.title_guardian"), 0, same_card, prompt, actions=(EXIT, BACK)),
        "fingerprint": step("fingerprint", text("fingerprint.title"), 1, finger, actions=(EXIT, BACK, none)),
        "photo": step("photo", text("photo.title"), 1, preview, lead=text("photo.lead"), actions=(EXIT, BACK)),
        "wait": step(
            "wait",
            T("体检结果", "Medical result"),
            2,
            Hero(icon="hourglass-medium", level="info", title=late, lead=text("wait.lead"), busy=True),
            actions=(EXIT, BACK, later),
        ),
    }


def step_pages() -> dict[str, Page]:
    """All of them by name."""
    return {**notices(), **fields(), **persons()}
