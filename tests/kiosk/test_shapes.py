"""A kind may be met for the first time by several threads at once: msgspec alone ends the process there."""

from __future__ import annotations

import subprocess
import sys

import pytest

_KINDS = 150
_PROGRAM = """
import sys
import threading
from dataclasses import make_dataclass
import msgspec
from devices import kinds
from kiosk import shapes

def kind(number):
    inner = make_dataclass("Inner", [(f"field_{i}", int | None) for i in range(30)])
    return make_dataclass(f"Kind{number}", [(f"part_{i}", inner | None, None) for i in range(30)])

def meet(read, which):
    start.wait()
    found.append(read(which).part_29)

reads = {
    "convert": lambda which: shapes.convert({"part_29": None}, which),
    "from_json": lambda which: shapes.from_json(b'{"part_29": null}', which),
    "from_msgpack": lambda which: shapes.from_msgpack(msgspec.msgpack.encode({"part_29": None}), which),
    "from_toml": lambda which: shapes.from_toml("", which),
    "of a device": lambda which: kinds.convert({"part_29": None}, which),
}
sys.setswitchinterval(1e-6)
found = []
for number in range(int(sys.argv[2])):
    start, which = threading.Barrier(2), kind(number)
    both = [threading.Thread(target=meet, args=(reads[sys.argv[1]], which)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
print(len(found))
"""


@pytest.mark.parametrize("door", ["convert", "from_json", "from_msgpack", "from_toml", "of a device"])
def test_two_threads_that_meet_a_kind_at_once_both_get_it(door: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, door, str(_KINDS)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, str(2 * _KINDS)), ended.stderr[-2000:]
