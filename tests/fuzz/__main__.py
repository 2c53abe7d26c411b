"""``make fuzz``: every parser of foreign bytes with many inputs, each in a process of its own; a table of figures."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile

import click
import msgspec

from tests.fuzz.parsers import PARSERS
from tests.fuzz.run import Figures, feed

_ROW = "{:18} {:>9} {:>9} {:>8} {:>6} {:>9} {:>8}"


@click.command()
@click.option("--count", default=1_000_000, show_default=True, help="Inputs to each parser.")
@click.option("--seed", default=1, show_default=True)
@click.option("--parser", "names", multiple=True, type=click.Choice(list(PARSERS)), help="Only these.")
@click.option("--alone", is_flag=True, hidden=True)
def main(count: int, seed: int, names: tuple[str, ...], alone: bool) -> None:
    """Exit code 1 when anything crashed or hung; the inputs that did are printed as hex."""
    if alone:
        _tell(feed(names[0], count, seed, _tell))
        return
    click.echo(_ROW.format("parser", "inputs", "refused", "crashes", "hangs", "worst ms", "peak MB"))
    failed = False
    for name in names or PARSERS:
        found = _in_a_process(name, count, seed)
        worst_ms, peak_mb = round(found.worst_s * 1000, 1), round(found.peak_mb)
        click.echo(_ROW.format(*(name, found.inputs, found.refused, found.crashes, found.hangs, worst_ms, peak_mb)))
        for each in found.first:
            click.echo(f"    {each}")
        failed = failed or bool(found.crashes or found.hangs)
    sys.exit(1 if failed else 0)


def _tell(figures: Figures) -> None:
    click.echo(msgspec.json.encode(dataclasses.asdict(figures)))


def _in_a_process(name: str, count: int, seed: int) -> Figures:
    """Its last figures, told on the way too: one that dies, or is ended with Ctrl-C, has shown how far it came."""
    command = [sys.executable, "-m", "tests.fuzz", "--alone", "--parser", name, "--count", str(count)]
    quiet = {**os.environ, "OPENCV_LOG_LEVEL": "OFF"}
    command += ["--seed", str(seed)]
    figures = Figures(name)
    with (
        tempfile.TemporaryFile() as words,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, env=quiet) as running,
    ):
        for line in running.stdout or ():
            figures = msgspec.json.decode(line, type=Figures)
            bad = f", {figures.crashes} crashes, {figures.hangs} hangs" if figures.crashes or figures.hangs else ""
            click.echo(f"    {name}: {figures.inputs:,} of {count:,}{bad}", err=True)
        if running.wait():
            words.seek(0)
            why = words.read()[-300:].decode(errors="replace")
            figures.crashes += 1
            figures.first.append(f"the process ended with {running.returncode} after {figures.inputs} inputs: {why}")
    return figures


if __name__ == "__main__":
    main()
