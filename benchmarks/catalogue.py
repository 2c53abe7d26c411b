"""A catalogue of a thousand services, copies of those that are shipped: checked, loaded, switched at midnight."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from kiosk.catalogue.check import require_clean
from kiosk.catalogue.loader import is_service, parse, read_folder, shipped
from kiosk.toml_file import tables_of

SERVICES, ROUNDS, TARGET_S = 1000, 3, 1.0
FOLDER, TODAY, TOMORROW = Path("catalogue"), date(2027, 1, 12), date(2027, 1, 13)


def thousand() -> dict[str, bytes]:
    """The shipped files and so many copies of services under other keys."""
    files = read_folder(shipped())
    own = [name for name in files if is_service(name)]
    for number in range(SERVICES - len(own)):
        name = own[number % len(own)]
        line, _, stem = name.removesuffix(".toml").partition("/")
        key = f"{stem}X{number}"
        files[f"{line}/{key}.toml"] = files[name].replace(f'key = "{stem}"'.encode(), f'key = "{key}"'.encode(), 1)
    return files


def measured(case: str, work: Callable[[], object], before: Callable[[], object] = lambda: None) -> dict[str, object]:
    """One line of the table: seconds of this process."""
    taken_s = []
    for _ in range(ROUNDS):
        before()
        began = time.process_time()
        work()
        taken_s.append(time.process_time() - began)
    known = {"benchmark": "catalogue", "case": case, "unit": "s", "limit": TARGET_S}
    middle = statistics.median(taken_s)
    figures = {"min": round(min(taken_s), 2), "median": round(middle, 2), "p95": round(max(taken_s), 2)}
    return {**known, **figures, "ratio": round(middle / TARGET_S, 2), "target": 1.0}


def main() -> None:
    """Print the rows."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    files = thousand()
    for row in (
        measured("read as TOML", lambda: [tables_of(*each) for each in files.items()], tables_of.cache_clear),
        measured("checked", lambda: require_clean(FOLDER, files, day=TODAY)),
        measured("loaded", lambda: parse(FOLDER, files, day=TODAY)),
        measured("switched at midnight", lambda: parse(FOLDER, files, day=TOMORROW)),
    ):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
