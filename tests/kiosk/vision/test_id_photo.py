"""A card's photo that says that it has 256 million pixels is no photo to compare, and costs no memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.devices.camera.test_too_large import HUGE
from tests.waiting import HANG_S

_PREPARE = """
import re, sys
from devices.camera import driver
from kiosk.vision.embedding import PhotoError, prepare_id_photo

def peak_mb():
    return int(re.search("VmHWM: +([0-9]+)", open("/proc/self/status").read().replace("\\t", " "))[1]) // 1024

before_mb = peak_mb()
try:
    prepare_id_photo(sys.stdin.buffer.read(), None)
except PhotoError as error:
    print(error, peak_mb() - before_mb)
"""


@pytest.mark.attack(1)
def test_a_photo_is_judged_by_its_head() -> None:
    command = [sys.executable, "-c", _PREPARE]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, input=HUGE, capture_output=True, timeout=HANG_S, check=True)
    said, _, grown_mb = done.stdout.decode().rpartition(" ")
    assert said == "too large"
    assert int(grown_mb) < 50
