"""Photographs that are too large for one reading, and files that are none: read, or told with the true reason."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import pytest
import segno
from PIL import Image

from hub.photographs import NoPicture, codes_in
from kiosk.messages.paper import to_codes
from tests.kiosk.messages.test_foreign import MAKERS
from tests.waiting import HANG_S


def with_codes(width: int, height: int, dots: int) -> tuple[np.ndarray, set[str]]:
    """A grey picture of so many dots with recovery codes in the middle."""
    picture, texts = np.full((height, width), 230, np.uint8), to_codes(os.urandom(300))
    top = height // 4
    for text in texts:
        modules = np.array(segno.make(text, error="m", micro=False).matrix, np.uint8)
        code = np.repeat(np.repeat(np.where(modules, 20, 230).astype(np.uint8), dots, 0), dots, 1)
        picture[top : top + code.shape[0], width // 3 : width // 3 + code.shape[1]] = code
        top += code.shape[0] + 20 * dots
    return picture, set(texts)


@pytest.mark.parametrize(("ending", "size"), [(".jpg", (12000, 9000)), (".png", (12000, 9000)), (".jpg", (4000, 3000))])
def test_photograph_of_108_megapixels_is_read(tmp_path: Path, ending: str, size: tuple[int, int]) -> None:
    picture, texts = with_codes(*size, dots=size[0] // 1000)
    path = tmp_path / f"slip{ending}"
    assert cv2.imwrite(str(path), picture)
    assert len(codes_in(path)) == len(texts)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "empty"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"%PDF-1.7\n", "PDF"),
        (b"hello", "not a PNG or JPEG"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 40, "not a PNG or JPEG"),
    ],
)
def test_what_is_no_picture_is_named_as_what_it_is(tmp_path: Path, content: bytes, named: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(NoPicture, match=named):
        codes_in(path)


def test_cut_off_picture_and_a_bomb_have_their_own_words(tmp_path: Path) -> None:
    _, png = cv2.imencode(".png", np.zeros((64, 64), np.uint8))
    raw = bytearray(png.tobytes())
    path = tmp_path / "photo.png"
    path.write_bytes(raw[:33])
    with pytest.raises(NoPicture, match=r"damaged|not a PNG"):
        codes_in(path)
    raw[16:24] = (60_000).to_bytes(4) * 2
    raw[29:33] = crc32(raw[12:29]).to_bytes(4)
    path.write_bytes(raw)
    with pytest.raises(NoPicture, match="3600 megapixels"):
        codes_in(path)


@pytest.mark.attack(2)
@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (40_000, 30), (65_536, 40), (1, 1), (20, 900)])
@pytest.mark.parametrize("ending", [".png", ".tiff", ".bmp"])
def test_picture_too_long_or_too_thin_for_the_reader_of_codes_is_none(
    tmp_path: Path, size: tuple[int, int], ending: str
) -> None:
    path = tmp_path / f"photo{ending}"
    path.write_bytes(cv2.imencode(ending, np.full(size, 230, np.uint8))[1].tobytes())
    with pytest.raises(NoPicture, match="no photograph of a slip"):
        codes_in(path)


@pytest.mark.attack(2)
def test_few_bytes_that_say_many_pixels_are_not_unpacked(tmp_path: Path) -> None:
    raw = bytearray(cv2.imencode(".png", np.zeros((64, 64), np.uint8))[1].tobytes())
    raw[16:24] = (10_000).to_bytes(4) * 2
    raw[29:33] = crc32(raw[12:29]).to_bytes(4)
    (tmp_path / "photo.png").write_bytes(raw)
    with pytest.raises(NoPicture, match="100 megapixels in 0 KB"):
        codes_in(tmp_path / "photo.png")


@pytest.mark.attack(1)
@pytest.mark.parametrize("what", MAKERS)
def test_a_photograph_is_a_file_of_its_own(tmp_path: Path, what: str) -> None:
    (tmp_path / "brought").mkdir()
    (tmp_path / "ours.key").write_bytes(b"a key of ours")
    MAKERS[what](tmp_path / "brought" / "photo.jpg")
    with pytest.raises(NoPicture, match=r"not a regular file|larger than"):
        codes_in(tmp_path / "brought" / "photo.jpg")


@pytest.mark.attack(2)
@pytest.mark.parametrize("magic", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"8BPS\0\1", b"GIF89a", b"\0\0\1\0", b"#?RADIANCE\n"])
def test_only_pictures_of_cameras_are_opened(tmp_path: Path, magic: bytes) -> None:
    """Every further format is a further parser that a stranger's bytes come to."""
    (tmp_path / "photo.jpg").write_bytes(magic + bytes(500))
    with pytest.raises(NoPicture, match="not a PNG or JPEG"):
        codes_in(tmp_path / "photo.jpg")


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_picture_that_was_not_copied_to_its_end_is_read_as_far_as_it_goes(tmp_path: Path, ending: str) -> None:
    picture, texts = with_codes(1600, 4000, dots=4)
    raw = cv2.imencode(ending, picture)[1].tobytes()
    path = tmp_path / f"slip{ending}"
    path.write_bytes(raw[: len(raw) * 9 // 10])
    assert len(codes_in(path)) == len(texts)


_LOOK = """
import pathlib, re, sys
from hub.photographs import NoPicture, codes_in
try:
    codes_in(pathlib.Path(sys.argv[1]))
except NoPicture as reason:
    print(reason, file=sys.stderr)
print(int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.attack(2)
@pytest.mark.parametrize("length", [0x3FFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
def test_part_of_a_picture_that_says_it_is_gigabytes_takes_none(
    tmp_path: Path, length: int, record_property: Callable[[str, object], None]
) -> None:
    """A decoder may make room for what a part says of its length, before there is anything of it."""
    raw = bytearray(cv2.imencode(".png", np.full((123, 123), 230, np.uint8))[1].tobytes())
    at = raw.index(b"IDAT")
    raw[at - 4 : at] = length.to_bytes(4)
    path = tmp_path / "photo.png"
    path.write_bytes(raw)
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, path], capture_output=True, text=True, check=True, timeout=HANG_S
    )
    record_property("peak_mb", int(done.stdout))
    assert int(done.stdout) < 300


@pytest.mark.parametrize("how", ["grey of 16 bits", "with transparency", "of 256 colours", "TIFF"])
def test_pictures_of_every_kind_are_read(tmp_path: Path, how: str) -> None:
    dots, texts = with_codes(800, 1200, dots=3)
    path = tmp_path / "slip.png"
    plain = Image.fromarray(dots)
    if how == "grey of 16 bits":
        plain = Image.fromarray(dots.astype(np.uint16) * 256)
    elif how == "with transparency":
        plain = plain.convert("RGBA")
    elif how == "of 256 colours":
        plain = plain.convert("RGB").quantize()
    else:
        path = path.with_suffix(".tiff")
    plain.save(path)
    assert len(codes_in(path)) == len(texts)
