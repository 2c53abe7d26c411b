"""How long one guess at a PIN takes a core, for who has the store and its key: all of six digits in how many days.

``is_right`` is what a technician waits for. The search is what a thief needs for one member of staff whose sealed key
he has got; without it he searches nothing. PINs that are refused are not searched.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from kiosk.messages.typed import WronglyTyped, pin
from kiosk.staff import MAX_DIGITS, PACE

ROUNDS = 5
DAY_S = 86_400
CARD = "990101199001150513"


def taken(typed: str) -> bool:
    """Whether this PIN would be taken at ``kiosk staff add``."""
    try:
        return bool(pin(typed, MAX_DIGITS, CARD))
    except WronglyTyped:
        return False


def measured() -> list[dict[str, object]]:
    """The rows: seconds of a core for one guess, and days for every six-digit PIN that is taken."""
    guesses_s = []
    for number in range(ROUNDS):
        began = time.process_time()
        PACE.hash(f"{number:06d}")
        guesses_s.append(time.process_time() - began)
    possible = sum(taken(f"{number:06d}") for number in range(0, 1_000_000, 101)) * 101
    days = [possible * s / DAY_S for s in guesses_s]
    return [row("one guess, CPU", "s", guesses_s), row(f"all {possible:,} PINs of six digits, one core", "days", days)]


def row(case: str, unit: str, values: list[float]) -> dict[str, object]:
    """One line of the table."""
    middle = statistics.median(values)
    known = {"benchmark": "pin", "case": case, "unit": unit}
    return {**known, "min": round(min(values), 2), "median": round(middle, 2), "p95": round(max(values), 2)}


def main() -> None:
    """Print the rows."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for each in measured():
        print(json.dumps(each))


if __name__ == "__main__":
    main()
