"""Sample pages of the step kinds that any service may use, in the machine's own words and with made-up people."""

from __future__ import annotations

from kiosk.pages import Action, Choice, Choices, Hero, Notice, Page, Paragraph
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
                )
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


def step_pages() -> dict[str, Page]:
    """All of them by name."""
    return {**notices()}
