"""Pictures that say that they have 256 million pixels: no memory is taken for them, and the fault has a name."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.camera import status
from devices.camera.sim.mjpeg import BOUNDARY
from tests.waiting import HANG_S

pytestmark = pytest.mark.attack(1)
ROOT = Path(__file__).parents[3]
_MEMORY_MB = 400
"""Far less than one such picture, more than OpenCV and the largest that is taken."""
# A process of its own: OpenCV asks for its bound once. What getrusage says counts the parent before exec, too.
_LOOK = """
import json, re, sys
from devices.camera.driver import CameraSettings, OpenCvCamera
from devices.contract import Deadline, TryAgain

# A busy computer may take longer with one picture than a frozen one stands still.
camera, told = OpenCvCamera(CameraSettings(driver="opencv", source=sys.argv[1], lost_after_s=60.0), lambda _: None), []
for _ in range(int(sys.argv[2])):
    try:
        told.append(list(camera.read(Deadline(20.0)).value.shape[:2]))
    except TryAgain as fault:
        told.append(fault.error)
        camera.teardown()
peak_kb = int(re.search("VmHWM: +([0-9]+)", open("/proc/self/status").read().replace("\\t", " "))[1])
print(json.dumps([told, peak_kb // 1024]))
"""


def jpeg(width: int, height: int) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(noise, (width, height)))[1].tobytes()


def saying(picture: bytes, side: int) -> bytes:
    """The same with another size in its head (ITU-T T.81, B.2.2), as long as FFmpeg believes such a one to be."""
    at = picture.index(b"\xff\xc0") + 5
    return picture[:at] + side.to_bytes(2, "big") * 2 + picture[at + 4 : -2] + bytes(side * side // 256) + picture[-2:]


GOOD, HUGE = jpeg(640, 480), saying(jpeg(640, 480), 16_000)


@contextmanager
def camera_with(pictures: Iterator[bytes], kind: str = "image/jpeg") -> Iterator[str]:
    """The address of a stream; whoever connects gets the pictures from where the one before was given up."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.end_headers()
            with suppress(OSError):
                for picture in pictures:
                    head = f"--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Length: {len(picture)}\r\n\r\n"
                    self.wfile.write(head.encode() + picture + b"\r\n")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/camera.mjpg"
    server.shutdown()
    server.server_close()


def seen(source: str, count: int) -> tuple[list[object], int]:
    """What came of so many looks, and the most memory that they took, in MB."""
    command = [sys.executable, "-c", _LOOK, source, str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=HANG_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    told, memory_mb = json.loads(done.stdout)
    return told, memory_mb


def test_a_picture_with_256_million_pixels_in_its_head_is_a_fault_with_a_name() -> None:
    with camera_with(repeat(HUGE)) as source:
        told, memory_mb = seen(source, 2)
    assert told == [status.TOO_LARGE] * 2
    assert memory_mb < _MEMORY_MB


def test_one_between_good_ones_is_told_and_the_next_are_seen() -> None:
    with camera_with(chain(repeat(GOOD, 3), [HUGE], repeat(GOOD))) as source:
        told, memory_mb = seen(source, 6)
    assert told == [[480, 640]] * 3 + [status.TOO_LARGE] + [[480, 640]] * 2
    assert memory_mb < _MEMORY_MB


def test_the_pictures_of_the_largest_document_cameras_are_seen() -> None:
    with camera_with(repeat(jpeg(5344, 4016))) as source:
        told, memory_mb = seen(source, 2)
    assert told == [[4016, 5344]] * 2
    assert memory_mb < _MEMORY_MB


def test_damaged_pictures_between_good_ones_are_passed_over() -> None:
    with camera_with(chain([GOOD], [GOOD[:300]] * 2, repeat(GOOD))) as source:
        told, _ = seen(source, 3)
    assert told == [[480, 640]] * 3


def png(side: int) -> bytes:
    """One that says that it has sides of so many pixels."""
    head = struct.pack(">4sIIBBBBB", b"IHDR", side, side, 8, 2, 0, 0, 0)
    small = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    return small[:12] + head + zlib.crc32(head).to_bytes(4, "big") + small[33:]


@pytest.mark.parametrize("kind", ["clip.jpg", "clip.png", "%04d.jpg", "%04d.png"])
def test_a_clip_or_a_sequence_of_such_pictures_is_not_looked_at(kind: str, tmp_path: Path) -> None:
    (tmp_path / kind.replace("%04d", "0001")).write_bytes(png(16_000) if kind.endswith("png") else HUGE)
    told, memory_mb = seen(str(tmp_path / kind), 1)
    assert told in ([status.TOO_LARGE], [status.LOST])
    assert memory_mb < _MEMORY_MB


def test_a_stream_of_such_pictures_of_another_kind_is_no_stream() -> None:
    with camera_with(repeat(png(16_000)), "image/png") as source:
        told, memory_mb = seen(source, 1)
    assert told == [status.LOST]
    assert memory_mb < _MEMORY_MB


def test_a_sequence_of_another_kind_is_seen(tmp_path: Path) -> None:
    (tmp_path / "0001.png").write_bytes(png(8))
    (tmp_path / "0002.png").write_bytes(png(8))
    assert seen(str(tmp_path / "%04d.png"), 2)[0] == [[8, 8]] * 2
