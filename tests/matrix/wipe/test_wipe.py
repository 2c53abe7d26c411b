"""The short wipe table: visits of one process, each another person's; ``make wipe`` walks them all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from kiosk.demo.stage import staged
from tests.matrix.wipe import knowledge, memory
from tests.matrix.wipe.walks import SHORT, Row, walks
from tests.privileges import looks_into_others

ALWAYS_SEEN = ("card name", "card number", "card address", "portrait file")
SEEN = {
    "done": ("typed phone", "signature file"),
    "hung vision worker": ("picture shown",),
}


@looks_into_others
@pytest.mark.timeout(1800)
def test_nothing_of_any_visit_stays_readable_in_any_process_or_file() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    with staged(folder, lambda _what: None) as stage, walks(stage, SHORT, screen=True) as machine:
        for plan in SHORT:
            row = machine.visit(plan)
            assert row.hits == {}, f"after visit {row.number} ({row.end}): {row.around}"
            assert row.exit_code in (None, 0)
            _assert_planted(row)
    shutil.rmtree(folder, ignore_errors=True)


def _assert_planted(row: Row) -> None:
    """A scan that sees nothing while the person stands there proves nothing."""
    wanted = {f"{row.person} {kind}" for kind in ALWAYS_SEEN} | set(SEEN.get(row.end, ()))
    assert wanted & set(row.unseen) == set()
    assert ("wipe_forced" in row.alarms) or row.end != "hung vision worker"


def test_search_finds_each_of_many_patterns_wherever_it_stands() -> None:
    patterns = {str(n): os.urandom(6 + n % 11) for n in range(500)}
    search = memory.Search(patterns)
    for name in ("7", "8", "9", "10", "11"):
        for at in (0, 1, 2, 3, 999, 1000):
            around = os.urandom(1000)
            assert search.found(around[:at] + patterns[name] + around[at:]) == {name}


def test_search_looks_into_this_process() -> None:
    kept = "".join(chr(c) for c in (0x20BB7, 0x4DAE, 0x9FB1, 0x738B))
    found = memory.Copy({"this": os.getpid()}).found(memory.Search(knowledge.forms("secret", kept)))
    assert "secret utf-32-le" in set().union(*found["this"].values())
