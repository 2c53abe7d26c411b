"""A child process: shows pages that carry planted values, lets them be typed and tapped, forgets, and waits.

It prints one JSON line per state, and goes on when it is sent a line. The parent reads its memory from outside, so
what the parent looks for must not come over the command line: the child makes the values itself.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["SDL_VIDEODRIVER"] = "offscreen"

import trio

from kiosk.pages import Action, DueItem, DueList, Fact, Facts, Field, Hero, Page, Receipt, Settings, SignaturePad
from kiosk.text import same
from screens.presenter import KivyPresenter
from tests.screens.harness import Showing, frames, middle, running

PLANTED = (
    "欧阳翠玲柏舟",
    "990101",
    "幸福路二十七号",
    "王𠮷䶮㛃",
)  # parts; joined below so that no constant equals a value


def planted() -> dict[str, str]:
    return {
        "name": "".join(chr(ord(c) + 1) for c in PLANTED[0]),
        "number": PLANTED[1] + str(195800000000 + 7_654_321 * len(PLANTED)),
        "address": PLANTED[2] + str(98_761 + len(PLANTED)),
        "rare": PLANTED[3] + chr(0x6000 + len(PLANTED)),
    }


def pages(values: dict[str, str]) -> list[Page]:
    done = Action(id="next", label=same("下一步"), style="primary")
    item = DueItem(
        action=Action(id="due", label=same(values["name"] + "换证")), urgency="soon",
        reason=same(values["address"]), urgency_label=same("3 天"),
    )  # fmt: skip
    rows = tuple(Fact(label=same(name), value=same(value)) for name, value in values.items())
    typed = Field(name="number", label=same("号码"), keys="id_number", value=values["number"][:-6], max_length=18)
    receipt = Receipt(label=same("编号"), number=values["number"], qr=values["number"])
    contents = {
        "menu": (DueList(title=same("待办"), items=(item,)),),
        "review": (Facts(rows=rows),),
        "form": (typed,),
        "sign": (SignaturePad(name="ink", label=same(values["name"])),),
        "result": (Hero(icon="check-circle", level="ok", title=same(values["rare"])), receipt),
    }
    title = same("您好，" + values["name"])
    return [Page(kind=kind, title=title, blocks=blocks, actions=(done,)) for kind, blocks in contents.items()]


async def visit(presenter: KivyPresenter, nursery: trio.Nursery) -> None:
    values = planted()
    for page in pages(values):
        for settings in (Settings(), Settings(elder=True, language="en")):
            shown = Showing(presenter)
            scope = trio.CancelScope()
            nursery.start_soon(_until_canceled, shown, page, settings, scope)
            await frames(2)
            if page.kind == "form":
                for key in values["number"][-6:]:
                    await shown.tap(key)
                assert presenter.values()["number"]
            if page.kind == "sign":
                x, y = middle(next(t for t in presenter._surface.targets if t.drags))
                shown.hand.down(x, y)
                await frames(2)
                shown.hand.up(x, y)
                await frames(2)
            presenter.update(page)
            await frames(1)
            scope.cancel()
            await frames(1)


async def _until_canceled(shown: Showing, page: Page, settings: Settings, scope: trio.CancelScope) -> None:
    with scope:
        await shown.show(page, settings)


async def main() -> None:
    presenter = KivyPresenter()
    async with running(presenter) as nursery:
        await visit(presenter, nursery)
        say("shown")
        presenter.forget()
        await frames(2)
        say("forgotten")


def say(state: str) -> None:
    sys.stdout.write(json.dumps({"state": state}) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    trio.run(main)
