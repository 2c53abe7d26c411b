"""Card on the reader to parsed card, against the least time that the line and the device need.

The wire carries 1359 bytes for find, select and read (15 + 19 + 1295 down, 30 up): 118.0 ms at 115200 baud 8N1. The
sim is a process of its own on a pty at that pace. Parsing, plausibility checks and decoding the photo are included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from devices.contract import Deadline
from devices.id_card_reader.driver import SamVReader, SamVSettings
from devices.simulation import ControlClient

ROOT = Path(__file__).resolve().parents[1]
PEOPLE = """
[[person]]
id = "test"
photo = "test.webp"
[person.card]
kind = "resident"
name = "TEST"
sex = "2"
nation = "01"
birth = "19900101"
address = "TEST"
number = "990101199001010027"
authority = "TEST"
valid_from = "20200101"
valid_to = "20400101"
"""
WIRE_BYTES = 15 + 19 + 1295 + 30
TARGET_RATIO = 1.05


def measure(rounds: int, device_ms: tuple[int, int, int], baudrate: int) -> list[float]:
    """Milliseconds of each read."""
    times = [f"--{name}-ms={value}" for name, value in zip(("find", "select", "read"), device_ms, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "people.toml").write_text(PEOPLE, encoding="utf-8")
        Image.effect_noise((102, 126), 12).convert("RGB").save(Path(folder, "test.webp"), quality=1)
        times.append(f"--people={folder}/people.toml")
        command = [sys.executable, "-m", "devices.id_card_reader.sim", f"--link={folder}/reader", f"--baud={baudrate}"]
        sim = subprocess.Popen([*command, *times], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        control = ControlClient(json.loads(sim.stdout.readline())["control"])
        settings = SamVSettings(
            driver="sam_v", port=f"{folder}/reader", baudrate=baudrate, read_added_address=False, photo_decoder="auto"
        )
        reader = SamVReader(settings, lambda _: None)
        try:
            reader.setup()
            return [one_read(reader, control) for _ in range(rounds)]
        finally:
            reader.teardown()
            sim.terminate()
            sim.wait()


def one_read(reader: SamVReader, control: ControlClient) -> float:
    """One card, placed and read; the pause between searches is over before the clock starts."""
    control.do("lift")
    control.do("place", card="test")
    Deadline(0.32).pause(0.32)
    started = time.perf_counter()
    done = reader.read_card(Deadline(5))
    took_ms = (time.perf_counter() - started) * 1000
    if not done.ok:
        raise SystemExit(f"the read failed: {done.error}")
    if done.value.portrait is None:
        raise SystemExit("the photo was not decoded")
    return took_ms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    passed = True
    for label, device_ms in (("wire only", (0, 0, 0)), ("wire + 20/30/400 ms device", (20, 30, 400))):
        times = sorted(measure(options.rounds, device_ms, 115200))
        least_ms = WIRE_BYTES * 10 / 115200 * 1000 + sum(device_ms)
        median, p95 = statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.95))]
        row = {"min": times[0], "median": median, "p95": p95, "limit": least_ms, "ratio": median / least_ms}
        passed &= row["ratio"] <= TARGET_RATIO
        if options.json:
            print(json.dumps({"benchmark": "card_read", "case": label, **{k: round(v, 3) for k, v in row.items()}}))
        else:
            figures = "  ".join(f"{name} {value:8.3f}" for name, value in row.items())
            print(f"{label:28} ms: {figures}  target <= {TARGET_RATIO}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
