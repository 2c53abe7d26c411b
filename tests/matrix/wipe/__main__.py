"""``python -m tests.matrix.wipe [--no-screen]``: the wipe table. Exit code 1 when anything of a visit is found."""

from __future__ import annotations

import functools
import shutil
import sys
import tempfile
from pathlib import Path

from kiosk.demo.stage import staged
from tests.matrix.wipe.walks import AND_BESIDES, PAPERS, PLANS, THINGS, Row, walks

say = functools.partial(print, flush=True)


def main(screen: bool) -> int:
    """Print a line for each visit."""
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    bad = 0
    with staged(folder, lambda _what: None) as stage:
        for plans in (PLANS, THINGS, PAPERS, *((plan,) for plan in AND_BESIDES)):
            with walks(stage, plans, screen=screen) as machine:
                for plan in plans:
                    row = machine.visit(plan)
                    bad += bool(row.hits)
                    say(line(row))
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if bad else 0


def line(row: Row) -> str:
    """One row of the table, with what was found where."""
    found = {f"{where} {place}": len(names) for where, hits in row.hits.items() for place, names in hits.items()}
    parts = (
        f"{row.number:>2}  {row.end:<24} {row.person:<11} planted {row.planted:>5}  searched {row.searched:>6}",
        f"hits {sum(found.values()):>4}  wiped after {row.wiped_s:5.2f} s  reason {row.reason:<8}",
        f"alarms {', '.join(row.alarms) or '-'}  exit {'-' if row.exit_code is None else row.exit_code}",
        f"unseen in the middle: {', '.join(row.unseen) or '-'}",
    )
    names = sorted({name for hits in row.hits.values() for found in hits.values() for name in found})
    return "  ".join(parts) + ("\n    ".join(("", str(found), str(names[:40]), *row.around)) if found else "")


if __name__ == "__main__":
    sys.exit(main("--no-screen" not in sys.argv[1:]))
