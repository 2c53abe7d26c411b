"""``python -m tests.kiosk.swallowed_slip FOLDER``: the paper of three people, the first of whom the line fails.

The emulated printer, our driver and real slips; the line loses everything of the first slip after byte 2,500, inside
its QR code. What is on the paper is left as PNG and text, sheet by sheet.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from devices.contract import Deadline
from devices.receipt_printer.codec import Paper
from kiosk.messages.masking import mask_name
from kiosk.slips import SlipModel, slip_job
from tests.devices.receipt_printer.conftest import Bench
from tests.kiosk.test_slips import ACCEPTED

PEOPLE = (
    ("王小明", "990100000120270112000019"),
    ("赵𠮷", "990100000120270112000027"),
    ("李丽", "990100000120270112000035"),
)
LOST_AFTER_BYTES = 2500
LIMIT_S = 120.0


def print_three(folder: Path) -> list[str]:
    """How the three jobs ended; the sheets lie in ``folder``."""
    work = Path(tempfile.mkdtemp())
    bench = Bench(work, "tcp")
    try:
        driver = bench.driver(barrier_timeout_s=2.0)
        jobs = [slip_job(_slip(name, number)) for name, number in PEOPLE]
        whole = len(Paper().compose(jobs[0]))
        bench.do("lose", after_bytes=12 + LOST_AFTER_BYTES, count=whole - LOST_AFTER_BYTES)
        ends = [driver.print_job(Deadline(LIMIT_S), job).value.outcome.value for job in jobs]
        folder.mkdir(parents=True, exist_ok=True)
        for sheet in bench.do("slips")["slips"]:
            for path in sheet.values():
                shutil.copy(path, folder)
        return ends
    finally:
        bench.close()
        shutil.rmtree(work)


def _slip(name: str, number: str) -> SlipModel:
    head = msgspec.structs.replace(ACCEPTED.head, person=mask_name(name))
    return msgspec.structs.replace(ACCEPTED, head=head, receipt_number=number, progress_qr=number)


if __name__ == "__main__":
    sys.stdout.write(f"{' '.join(print_three(Path(sys.argv[1])))}\n")
