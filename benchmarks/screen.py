"""The screen's figures: start, press to changed pixel, preview, idle, memory. ``python -m benchmarks.screen``."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("SDL_VIDEODRIVER", "offscreen")

import trio

from kiosk.pages import Page, Preview, Settings
from kiosk.text import same
from tests.screens.gallery import Portrait, home, pages
from tests.screens.harness import KivyPresenter, Showing, frames, middle, running, showing

_START = """
import time; t = time.perf_counter()
import os; os.environ.setdefault("SDL_VIDEODRIVER", "offscreen")
import trio
from kiosk.pages import Settings
from screens.presenter import KivyPresenter
from tests.screens.gallery import home
async def main():
    p = KivyPresenter()
    async with trio.open_nursery() as n:
        await n.start(p.run)
        n.start_soon(p.show, home(), Settings())
        flips = []
        p._window.bind(on_flip=lambda *_: flips.append(p._page))
        while not any(flips):
            await trio.sleep(0.002)
        print(time.perf_counter() - t)
        n.cancel_scope.cancel()
trio.run(main)
"""


def main(runs: int = 20) -> None:
    rows = [("process start to first page", "ms", started(5))]
    trio.run(measured, rows, runs)
    facts = [
        {"benchmark": "screen", "case": name, "unit": unit, "min": min(values), "median": statistics.median(values),
         "p95": sorted(values)[min(len(values) - 1, round(len(values) * 0.95))]}
        for name, unit, values in rows
    ]  # fmt: skip
    if "--json" in sys.argv:
        for fact in facts:
            print(json.dumps(fact))
        return
    print(f"{'':34} {'unit':>5} {'min':>8} {'median':>8} {'p95':>8}")
    for fact in facts:
        print("{case:34} {unit:>5} {min:8.1f} {median:8.1f} {p95:8.1f}".format(**fact))


def started(runs: int) -> list[float]:
    times = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True)
        times.append(float(done.stdout.split()[-1]) * 1000)
    return times


async def measured(rows: list[tuple[str, str, list[float]]], runs: int) -> None:
    presenter = KivyPresenter(open_frames=lambda _name: Portrait())
    samples = pages()
    async with showing(presenter, samples["review"]) as shown:
        rows.append(("press to changed pixel", "ms", [await press(shown) for _ in range(runs)]))
        rows.append(("draw a whole frame", "ms", [spent(lambda: whole_frame(presenter)) for _ in range(runs)]))
        rows.append(("build a page", "ms", [spent(presenter._draw) for _ in range(runs)]))
    for name, page in (("show home", home()), ("show a form", samples["form"])):
        rows.append((name + ", to the glass", "ms", [await shown_after(presenter, page) for _ in range(runs)]))
    async with showing(presenter, samples["form"]) as shown:
        rows.append(("key to changed pixel", "ms", [await key(shown) for _ in range(runs)]))
    rows.append(("preview frames", "fps", [await preview(presenter) for _ in range(3)]))
    async with showing(presenter, home()):
        rows.append(("idle on home, one core", "%", [await idle() for _ in range(3)]))
    rows.append(("resident memory", "MB", [resident()]))


def whole_frame(presenter: KivyPresenter) -> None:
    from kivy.graphics.opengl import glFinish

    presenter._window.dispatch("on_draw")
    glFinish()


async def press(shown: Showing) -> float:
    x, y = middle(shown.target("下一步"))
    before = pixel(x, y)
    begun = time.perf_counter()
    shown.hand.down(x, y)
    while pixel(x, y) == before:
        await trio.sleep(0.001)
    spent_s = time.perf_counter() - begun
    shown.hand.move(x, y + 700)
    shown.hand.up(x, y + 700)
    await frames(5)
    return spent_s * 1000


async def key(shown: Showing) -> float:
    flips: list[int] = []
    window = shown.presenter._window
    window.bind(on_flip=lambda *_: flips.append(1))
    begun = time.perf_counter()
    shown.hand.tap(shown.target("删除"))
    while not flips:
        await trio.sleep(0.001)
    spent_s = time.perf_counter() - begun
    await shown.tap("1")
    return spent_s * 1000


async def shown_after(presenter: KivyPresenter, page: Page) -> float:
    async with running(presenter) as nursery:
        flips: list[int] = []
        presenter._window.bind(on_flip=lambda *_: flips.append(1))
        begun = time.perf_counter()
        nursery.start_soon(presenter.show, page, Settings())
        while not flips:
            await trio.sleep(0.001)
        return (time.perf_counter() - begun) * 1000


async def preview(presenter: KivyPresenter) -> float:
    page = Page(kind="face", title=same("人脸核验"), blocks=(Preview(frames="x", instruction=same("看正前方")),))
    async with showing(presenter, page):
        await frames(5)
        live = presenter._surface.lives[-1]
        seen, begun = live._seq, time.perf_counter()
        await trio.sleep(2)
        return (live._seq - seen) / (time.perf_counter() - begun)


async def idle() -> float:
    await trio.sleep(0.5)
    begun, used = time.perf_counter(), time.process_time()
    await trio.sleep(3)
    return (time.process_time() - used) / (time.perf_counter() - begun) * 100


def pixel(x: float, y: float) -> bytes:
    from kivy.graphics.opengl import GL_RGBA, GL_UNSIGNED_BYTE, glReadPixels

    # 40 px beside the middle, where a button has no letters.
    return bytes(glReadPixels(int(x) - 200, int(y), 1, 1, GL_RGBA, GL_UNSIGNED_BYTE))


def spent(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def resident() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
