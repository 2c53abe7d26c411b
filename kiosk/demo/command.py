"""``kiosk demo``: the machine, its city and its emulated hardware on one computer, for visitors and for training."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from kiosk.demo.bench import BenchServer
from kiosk.demo.children import Child, ChildError
from kiosk.demo.scripted import perform
from kiosk.demo.stage import Stage, staged
from kiosk.demo.watch import MachineWatch
from kiosk.text import Text, text

MACHINE_READY_S = 60.0
OUTPUT = Path("demo-output")


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the demo's state here (default: a fresh folder).")
@click.option("--output", type=click.Path(path_type=Path), default=OUTPUT, help="Pictures of a scripted demo.")
@click.option("--scripted", is_flag=True, help="A scripted citizen on a virtual screen, even where there is a screen.")
def demo(folder: Path | None, output: Path, scripted: bool) -> None:
    """Show the machine with emulated hardware; without a screen a scripted citizen walks through it."""
    sys.exit(run_demo(folder, output, scripted=scripted or not _screen_said()))


def run_demo(folder: Path | None, output: Path, *, scripted: bool) -> int:
    """Run the whole demo; returns the exit code. Everything that was started has ended on return."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _runtime_folder(folder) as place:
        try:
            with staged(place, _progress) as stage:
                if not scripted:
                    return _show(stage)
                return perform(stage, output, _progress) and _failed(text("demo.unfinished"), place)
        except ChildError as fault:
            return _failed(str(fault), place)
        except KeyboardInterrupt:
            return 0


def has_screen(display: str) -> bool:
    """Whether an X server answers at ``display`` (``:0``, ``host:10.0``)."""
    host, _, number = display.partition(":")
    screen = number.partition(".")[0]
    if not screen.isdigit():
        return False
    try:
        if host in ("", "unix"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"/tmp/.X11-unix/X{screen}")  # noqa: S108 - where every X server listens
        else:
            socket.create_connection((host, 6000 + int(screen)), timeout=2.0).close()
    except OSError:
        return False
    return True


def _screen_said() -> bool:
    if has_screen(os.environ.get("DISPLAY", "")):
        return True
    click.echo(_words("demo.no_screen"))
    return False


def _show(stage: Stage) -> int:
    watch = MachineWatch(stage.status_socket)
    watch.start()
    bench = BenchServer(stage, watch)
    bench.start()
    try:
        _progress("machine")
        machine = stage.start_machine()
        machine.wait_ready(MACHINE_READY_S)
        click.echo(_words("demo.open", url=bench.url))
        click.echo(_words("demo.end"))
        return _until_closed(machine, stage)
    finally:
        bench.stop()
        watch.stop()


def _until_closed(machine: Child, stage: Stage) -> int:
    code = machine.process.wait()
    return 0 if code == 0 else _failed(f"kiosk: {machine.last_words()}", stage.folder)


@contextmanager
def _runtime_folder(wanted: Path | None) -> Iterator[Path]:
    # Short, because a Unix socket's path may have 107 bytes only. Kept when something failed: it holds the logs.
    if wanted is not None:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    place = Path(tempfile.mkdtemp(prefix="tongban-"))
    yield place
    if not (place / "failed").exists():
        shutil.rmtree(place, ignore_errors=True)


def _failed(why: str | Text, place: Path) -> int:
    (place / "failed").write_text(f"{why}\n", encoding="utf-8")
    click.echo(_words("demo.failed", why=why), err=True)
    click.echo(_words("demo.logs", folder=place), err=True)
    return 1


def _progress(what: str) -> None:
    click.echo(_words("demo.preparing", what=text(f"demo.step.{what}")))


def _words(key: str, **values: object) -> str:
    found = text(key, **values)
    return f"{found.zh}\n  {found.en}"
