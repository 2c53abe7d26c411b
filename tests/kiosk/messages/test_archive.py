"""Archives that a stranger has made: judged within limits, by a process whose memory is measured."""

from __future__ import annotations

import bz2
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from kiosk.messages import archive
from kiosk.messages.batch import LIMIT_BYTES, SPOKEN_BYTES, TROUBLES_TOLD, Member, read_batch, write_batch
from tests.hostile import ARCHIVES, MB, header, member, packed
from tests.waiting import HANG_S

ROOT = Path(__file__).resolve().parents[3]
PEAK_MB = 300
END = bytes(1024)
# Reads a batch as a process of its own and says how many members it has, what was wrong, and its peak memory.
READER = """
import json, resource, sys
from pathlib import Path
from kiosk.messages.batch import read_batch
empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
trouble, members = [], 0
for _ in read_batch(Path(sys.argv[1]), trouble.append):
    members += 1
print(json.dumps([members, trouble, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - empty) // 1024]))
"""


@pytest.mark.attack(2)
@pytest.mark.parametrize("what", ARCHIVES)
def test_a_hostile_archive_is_judged_in_bounded_memory(
    what: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    file = tmp_path / "a.tbz"
    file.write_bytes(ARCHIVES[what]())
    done = subprocess.run(
        [sys.executable, "-c", READER, file], capture_output=True, cwd=ROOT, check=False, timeout=HANG_S
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    members, trouble, peak_mb = msgspec.json.decode(done.stdout)
    record_property("peak_mb", peak_mb)
    assert peak_mb < PEAK_MB
    assert trouble or what.startswith(("an envelope", "a header nested", "a receipt", "a name with a line")), members
    assert len(trouble) <= TROUBLES_TOLD + 1
    assert all(line.isprintable() and len(line) < 500 for line in trouble)


def batch(path: Path, raw: bytes) -> tuple[list[Member], list[str]]:
    path.write_bytes(raw)
    trouble: list[str] = []
    return list(read_batch(path, trouble.append)), trouble


@pytest.mark.attack(2)
@pytest.mark.parametrize("what", [name for name in ARCHIVES if name not in ("nothing", "zeros without end")])
def test_what_stands_behind_a_hostile_stream_is_still_read(what: str, tmp_path: Path) -> None:
    good = Member("parcels", "good", b"good")
    write_batch(tmp_path / "good.tbz", [good])
    raw = ARCHIVES[what]()
    found, _ = batch(tmp_path / "a.tbz", raw + (tmp_path / "good.tbz").read_bytes())
    exhausting = ("a thousand times", "101,000", "a quarter", "ten thousand", "a pax header of", "a long name of")
    # Nothing that is bounded hides what follows; what has used up a limit of the file does.
    assert found[-1:] == [good] or what.startswith(exhausting), what


def test_what_todays_writer_has_written_is_read_whole(tmp_path: Path) -> None:
    content = [Member("envelopes", f"{n}.json", os.urandom(n * 100)) for n in range(20)]
    content += [Member("parcels", "f" * 64, os.urandom(3 * MB)), Member("receipts", "empty.json", b"")]
    write_batch(tmp_path / "a.tbz", content)
    trouble: list[str] = []
    assert list(read_batch(tmp_path / "a.tbz", trouble.append)) == content
    assert trouble == []
    with tarfile.open(tmp_path / "a.tbz") as opened:
        assert [info.type for info in opened] == [tarfile.REGTYPE] * len(content)


@pytest.mark.parametrize("compression", ["one stream", "a stream for each 900 KB"])
def test_a_plain_ustar_of_another_tool_is_read(tmp_path: Path, compression: str) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as opened:
        for number in range(3):
            info = tarfile.TarInfo(f"./parcels/{number}")
            info.size = MB
            opened.addfile(info, io.BytesIO(bytes([number]) * MB))
    raw, step = made.getvalue(), len(made.getvalue()) if compression == "one stream" else 900_000
    found, trouble = batch(tmp_path / "a.tbz", b"".join(packed(raw[i : i + step]) for i in range(0, len(raw), step)))
    assert ([each.name for each in found], trouble) == (["0", "1", "2"], [])


def test_two_batches_in_a_row_are_both_read(tmp_path: Path) -> None:
    one = packed(member(b"parcels/a", b"a"), END)
    found, trouble = batch(tmp_path / "a.tbz", one + packed(member(b"parcels/b", b"b"), END))
    assert ([each.name for each in found], trouble) == (["a", "b"], [])


def test_what_does_not_belong_into_a_batch_is_named_and_passed_over(tmp_path: Path) -> None:
    raw = packed(header(b"parcels/", 0, b"5"), member(b"README", b"words" * 200), member(b"parcels/a", b"a"), END)
    found, trouble = batch(tmp_path / "a.tbz", raw)
    assert [each.name for each in found] == ["a"]
    assert trouble == ["no part of a batch: parcels/", "no part of a batch: README"]


def test_damage_costs_the_member_that_it_hits(tmp_path: Path) -> None:
    content = [Member("parcels", str(n), os.urandom(100_000)) for n in range(10)]
    write_batch(tmp_path / "a.tbz", content)
    raw = bytearray((tmp_path / "a.tbz").read_bytes())
    for place in (250_000, 650_000):
        raw[place : place + 20] = bytes(20)
    found, trouble = batch(tmp_path / "a.tbz", bytes(raw))
    assert [each.name for each in found] == ["0", "1", "3", "4", "5", "7", "8", "9"]
    assert len(trouble) == 2
    assert all(line.startswith("damaged") for line in trouble)


@pytest.mark.parametrize("cut", [1, 40, 2000, 150_000])
def test_a_batch_that_is_cut_off_says_so(tmp_path: Path, cut: int) -> None:
    write_batch(tmp_path / "a.tbz", [Member("parcels", str(n), os.urandom(100_000)) for n in range(2)])
    _, trouble = batch(tmp_path / "a.tbz", (tmp_path / "a.tbz").read_bytes()[:-cut])
    assert trouble == ["not readable to its end: it is cut off"]


@pytest.mark.attack(2)
def test_envelopes_that_together_are_too_large_for_memory_end_the_reading(tmp_path: Path) -> None:
    size = LIMIT_BYTES["envelopes"]
    count = SPOKEN_BYTES // size
    stream = packed(member(b"envelopes/a.json", os.urandom(1024) * (size // 1024)))
    found, trouble = batch(tmp_path / "a.tbz", stream * (count + 5) + packed(END))
    assert len(found) == count
    assert trouble == ["more than 64 MB of envelopes and answers; the rest was not read"]


@pytest.mark.attack(2)
def test_reading_takes_a_limited_time_however_slow_the_medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is an hour later: as if every step were so slow."""
    now_s = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(archive.Clock, "monotonic", lambda _: next(now_s))
    found, trouble = batch(tmp_path / "a.tbz", packed(member(b"parcels/a", os.urandom(MB)), END))
    assert (found, trouble) == ([], ["takes too long to read; the rest was not read"])


class Enough(Exception):
    pass


@pytest.mark.attack(2)
def test_whoever_waits_for_the_reading_can_end_it_at_any_step(tmp_path: Path) -> None:
    (tmp_path / "a.tbz").write_bytes(packed(member(b"parcels/a", os.urandom(4 * MB)), END))
    steps = iter([None] * 5)

    def pause() -> None:
        try:
            next(steps)
        except StopIteration:
            raise Enough from None

    with pytest.raises(Enough):
        list(read_batch(tmp_path / "a.tbz", str, pause))


def test_no_part_of_a_bzip2_stream_is_taken_for_another(tmp_path: Path) -> None:
    """What looks like the begin of a stream inside a parcel is data."""
    inner = bz2.compress(member(b"parcels/inner", b"inner"))
    write_batch(tmp_path / "a.tbz", [Member("parcels", "outer", inner * 20)])
    found, trouble = batch(tmp_path / "b.tbz", (tmp_path / "a.tbz").read_bytes())
    assert ([each.name for each in found], trouble) == (["outer"], [])
