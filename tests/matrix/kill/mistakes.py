"""``python -m tests.matrix.kill.mistakes``: mistakes in a private copy, each with the point that must catch it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from kiosk.demo.stage import Stage, staged
from tests.matrix.kill.__main__ import say
from tests.matrix.kill.sweep import ROOT, Stuck, Sweep

_COPIED = ("kiosk", "devices", "offline_cache", "hub", "tests")
_CALL = '    done = await machine.peripherals.call(printer, "print_job", _longest_s(job), job=job)\n'
_BEGIN = "    intent = await trio.to_thread.run_sync(begin_slip, {}, ref, slip)\n"
_HAND = "    intent = await trio.to_thread.run_sync(hand_over, machine, printer, intent, ref, slip)\n"
_FILE = "    filed = await journey.machine.filing.file("
_STORED = "    journey.machine.publish('case', case_id=journey.case_id, state=CaseState.STORED)\n"
_PERMITS = "devices/permit_maker/maker.py"
_STEPS = "kiosk/catalogue/data/parts/common.toml"


class Mistake(NamedTuple):
    """``changes``: (file, what stands there, what the mistake makes of it)."""

    name: str
    point: str
    changes: tuple[tuple[str, str, str], ...]
    service: str = "T01"


MISTAKES = (
    Mistake(
        "the intent is begun after the print",
        "printer job sent#1",
        (
            ("kiosk/printing.py", _HAND + _CALL, _CALL + _BEGIN.format("machine") + _HAND),
            ("kiosk/printing.py", _BEGIN.format("visit.machine"), "    intent = 0\n"),
        ),
    ),
    Mistake(
        "resolved before the printer's barrier",
        "printer job sent#1 (power)",
        (("kiosk/printing.py", _CALL, '    await machine.resolve_intent(intent, "printed")\n' + _CALL),),
    ),
    Mistake(
        "the slip is printed before the commit",
        "line print printed#1",
        (
            (_STEPS, 'kind = "file"', 'kind = "-"'),
            (_STEPS, 'kind = "slip"', 'kind = "file"'),
            (_STEPS, 'kind = "-"', 'kind = "slip"'),
        ),
    ),
    Mistake(
        "stored is said before the commit",
        "before commit of outbox.put#1",
        (("kiosk/journey/steps/file.py", _FILE, _STORED + _FILE),),
    ),
    Mistake(
        "recovery guesses that nothing was printed",
        "printer job sent#1",
        (("kiosk/recovery.py", 'if intent.kind == PRINT and intent.detail.get("handed") is False:', "if True:"),),
    ),
    Mistake(
        "recovery is forgotten at the start",
        "after commit of journal.begin#1",
        (("kiosk/running.py", "                await recovery.recover(machine)\n", ""),),
    ),
    Mistake(
        "what was being sent is not sent again",
        "hub before request#1",
        (("offline_cache/outbox.py", "SET state = 'stored' WHERE +state", "SET attempts = attempts WHERE +state"),),
    ),
    Mistake(
        "a blank that lies under the writer is forgotten",
        "card after reader#1",
        ((_PERMITS, "has_left = self._cards.at_rest(deadline).place is not Spot.NOWHERE", "has_left = False"),),
        "H14 made",
    ),
    Mistake(
        "what was begun counts as never received",
        "card after reader#1",
        ((_PERMITS, 'return self._settled(key, "interrupted")', "return None"),),
        "H14 made",
    ),
)


def main() -> int:
    """Exit code 1 when a mistake goes unnoticed."""
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    unnoticed = 0
    with staged(folder, lambda what: None) as stage:
        for mistake in MISTAKES:
            broken = caught(stage, mistake)
            unnoticed += not broken
            say(f"{mistake.name:<45} {mistake.point:<35} {'; '.join(broken) or 'UNNOTICED'}")
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if unnoticed else 0


def caught(stage: Stage, mistake: Mistake) -> tuple[str, ...]:
    """What the matrix says of a copy with this mistake."""
    copy = Path(tempfile.mkdtemp(prefix="tb-"))
    for name in _COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file, there, instead in mistake.changes:
        text = (copy / file).read_text(encoding="utf-8")
        if there not in text:
            raise ValueError(f"{mistake.name}: {file} has changed, the mistake must be written anew")
        (copy / file).write_text(text.replace(there, instead, 1), encoding="utf-8")
    sweep = Sweep(stage, copy)
    try:
        return sweep.run(mistake.service, mistake.point).broken
    except Stuck as stuck:
        return (str(stuck),)
    finally:
        sweep.close()
        shutil.rmtree(copy)


if __name__ == "__main__":
    sys.exit(main())
