"""``kiosk walk``: a scripted citizen at the real machine; what tests, benchmarks and monitors run."""

from __future__ import annotations

from pathlib import Path

import click

from kiosk import logs
from kiosk.citizen import Citizen, Script, read_script
from kiosk.clock import Clock
from kiosk.commands.common import failed, loaded, print_table
from kiosk.commands.run import presenter, serve
from kiosk.pages import Page
from kiosk.walk import ScriptedPresenter


@click.command()
@click.argument("script", type=click.Path(path_type=Path))
@click.option("--count", default=1, show_default=True, help="How many visits.")
@click.option("--screen", is_flag=True, help="Draw the pages on the real screen as well.")
@click.option("--shots", type=click.Path(path_type=Path), help="With --screen: a PNG of every page into this folder.")
@click.option("--times", is_flag=True, help="Print how long each page was up.")
@click.pass_obj
def walk(config_path: str | None, script: Path, count: int, screen: bool, shots: Path | None, times: bool) -> None:
    """Walk COUNT visits by SCRIPT (docs/walking.md): real devices, store and hub link; no window unless --screen."""
    try:
        read = read_script(script)
    except ValueError as error:
        failed(str(error))
    config = loaded(config_path)
    logs.to_folder(config.machine.log_folder)
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    clock = Clock(config.demo.today)
    inner = presenter("kivy", config, clock) if screen else None
    shown_by = Walking(read, inner, shots)
    if (machine := serve(config, shown_by, clock=clock, visits=count)).failure:
        failed(machine.failure)
    if times:
        rows = [[t.service, t.kind, f"{t.seconds * 1000:.0f}"] for t in shown_by.times]
        print_table("pages", ["service", "page", "ms"], rows)
    if shown_by.unfinished:
        failed(f"{shown_by.unfinished} of {count} visits ended before every service was begun; see --times")


class Walking(ScriptedPresenter):
    """A new citizen with the same script for every visit."""

    def __init__(self, script: Script, inner: object, shots: Path | None) -> None:
        super().__init__(Citizen(script), inner, shots)  # type: ignore[arg-type]
        self.unfinished = 0

    def forget(self, then: Page | None = None) -> None:
        """The visit is over: was everything begun? Then the next citizen."""
        super().forget(then)
        self.unfinished += not self.citizen.finished
        self.citizen = Citizen(self.citizen.script)
