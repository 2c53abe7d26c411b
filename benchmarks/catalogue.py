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
from kiosk.catalogue.reading import forget_readings
from kiosk.toml_file import tables_of

SERVICES, ROUNDS, TARGET_S = 1000, 5, 1.0
FOLDER, TODAY, TOMORROW = Path("catalogue"), date(2027, 1, 12), date(2027, 1, 13)


def thousand() -> dict[str, bytes]:
    """The shipped files and so many copies of services under other keys, each with words of its own."""
    files = read_folder(shipped())
    own = [name for name in files if is_service(name)]
    for number in range(SERVICES - len(own)):
        name = own[number % len(own)]
        line, _, stem = name.removesuffix(".toml").partition("/")
        key = f"{stem}X{number}"
        copy = files[name].replace(f'key = "{stem}"'.encode(), f'key = "{key}"'.encode(), 1)
        files[f"{line}/{key}.toml"] = copy.replace(b'zh = "', f'zh = "{number}：'.encode())
    return files


def one_round(files: dict[str, bytes]) -> dict[str, float]:
    """Seconds of this process for each part of a start and of the next midnight, with nothing kept from before."""
    tables_of.cache_clear()
    forget_readings()
    parts: dict[str, Callable[[], object]] = {
        "read as TOML": lambda: [tables_of(*each) for each in files.items()],
        "checked": lambda: require_clean(FOLDER, files, day=TODAY),
        "loaded": lambda: parse(FOLDER, files, day=TODAY),
        "switched at midnight": lambda: parse(FOLDER, files, day=TOMORROW),
    }
    taken_s = {}
    for case, work in parts.items():
        began = time.process_time()
        work()
        taken_s[case] = time.process_time() - began
    return {**taken_s, "in sum": sum(taken_s.values())}


def main() -> None:
    """Print the rows."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    require_clean(FOLDER, read_folder(shipped()), day=TODAY)  # imports the step kinds, which a machine does anyhow
    files = thousand()
    rounds = [one_round(files) for _ in range(ROUNDS)]
    for case in rounds[0]:
        taken_s = [each[case] for each in rounds]
        middle = statistics.median(taken_s)
        known = {"benchmark": "catalogue", "case": case, "unit": "s", "limit": TARGET_S}
        figures = {"min": round(min(taken_s), 2), "median": round(middle, 2), "p95": round(max(taken_s), 2)}
        print(json.dumps({**known, **figures, "ratio": round(middle / TARGET_S, 2), "target": 1.0}))


if __name__ == "__main__":
    main()
