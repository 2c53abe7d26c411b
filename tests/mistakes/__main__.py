"""``make mistakes``: seeds every mistake of the list, one at a time, and tells how many the tests catch.

A mistake is one small change that a tired person might make. ``tests/mistakes/<room>.toml`` lists them: what it does,
the file, the text that stands there once, the text in its place, and the tests that should notice. They run on a copy
of the tree; this one is never touched.
"""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from tests.mistakes.listed import ROOMS, Mistake, listed
from tests.mistakes.seeding import Copies, Verdict, judge

WANTED = 0.9
_ROW = "{:14} {:>7} {:>7} {:>7}"


@click.command()
@click.option("--room", "rooms", multiple=True, type=click.Choice(ROOMS), help="Only these.")
@click.option("--match", default="", help="Only mistakes whose description has this.")
@click.option("--jobs", default=2, show_default=True, help="So many at a time.")
def main(rooms: tuple[str, ...], match: str, jobs: int) -> None:
    """Exit code 1 when fewer than nine of ten are caught, or when the tests fail without any mistake."""
    chosen = [each for each in listed() if (not rooms or each.room in rooms) and match in each.what]
    with Copies() as copies, ThreadPoolExecutor(jobs) as pool:
        sick = _sick(copies, pool, chosen)
        if sick:
            raise click.ClickException(f"these fail without a mistake, mend them first: {', '.join(sick)}")
        caught: Counter[str] = Counter()
        for mistake, verdict in zip(chosen, pool.map(lambda each: judge(copies, each), chosen), strict=True):
            click.echo(f"{verdict.value:9} {mistake.room}: {mistake.what} ({mistake.file})")
            caught[mistake.room] += verdict is not Verdict.SURVIVED
    sys.exit(0 if _table(chosen, caught) >= WANTED else 1)


def _sick(copies: Copies, pool: ThreadPoolExecutor, chosen: list[Mistake]) -> list[str]:
    """Tests that are red before anything was seeded: they would catch everything."""
    tests = sorted({test for each in chosen for test in each.tests})
    return [
        test
        for test, is_green in zip(tests, pool.map(copies.are_green, [[t] for t in tests]), strict=True)
        if not is_green
    ]


def _table(chosen: list[Mistake], caught: Counter[str]) -> float:
    seeded = Counter(each.room for each in chosen)
    click.echo(_ROW.format("room", "seeded", "caught", "share"))
    for room, count in seeded.items():
        click.echo(_ROW.format(room, count, caught[room], f"{caught[room] / count:.0%}"))
    share = caught.total() / max(1, seeded.total())
    click.echo(_ROW.format("all", seeded.total(), caught.total(), f"{share:.0%}"))
    return share


if __name__ == "__main__":
    assert Path("tests/mistakes").is_dir(), "start it in the project's folder"
    main()
