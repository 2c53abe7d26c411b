"""What a stranger has named is opened below a folder's handle, or it is not opened."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.messages import foreign
from kiosk.messages.foreign import ASIDE_FILES, OpenFolder, Refused, opened, read, shown
from tests.hostile import listed

pytestmark = pytest.mark.attack(1)
OURS = b"a key of ours"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "exchange").mkdir()
    (tmp_path / "ours.key").write_bytes(OURS)
    return tmp_path / "exchange"


def link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "ours.key")


def link_to_a_link(path: Path) -> None:
    path.with_suffix(".1").symlink_to(path.parent.parent / "ours.key")
    path.symlink_to(path.with_suffix(".1").name)


def link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


def link_to_memory(path: Path) -> None:
    path.symlink_to("/proc/self/mem")


def endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def sub_folder(path: Path) -> None:
    path.mkdir()
    (path / "a").write_bytes(b"a")


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


MAKERS: dict[str, Callable[[Path], None]] = {
    "a link": link,
    "a link to a link": link_to_a_link,
    "a link to nothing": link_to_nothing,
    "a link to our memory": link_to_memory,
    "a link to an endless device": endless_device,
    "a pipe": os.mkfifo,
    "a socket": bound_socket,
    "a folder": sub_folder,
    "a file of a terabyte": large,
}
if os.geteuid() == 0:
    MAKERS["a device"] = lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


@pytest.mark.parametrize("what", MAKERS)
def test_what_is_no_regular_file_of_bounded_size_is_refused_at_once(what: str, folder: Path) -> None:
    MAKERS[what](folder / "a.tbz")
    with OpenFolder.at(folder) as there, pytest.raises(Refused):
        there.open_file("a.tbz", 1024)
    with pytest.raises(Refused):
        read(folder / "a.tbz", 1024)
    with pytest.raises(Refused), opened(folder / "a.tbz", 1024):
        pass


@pytest.mark.parametrize("what", MAKERS)
def test_it_is_put_aside_and_what_it_leads_to_is_not(what: str, folder: Path) -> None:
    MAKERS[what](folder / "a.tbz")
    with OpenFolder.at(folder) as there, there.open_aside() as aside:
        there.put_aside("a.tbz", there.identity("a.tbz"), aside, ["a reason"])
    assert not os.path.lexists(folder / "a.tbz")
    assert (folder / "aside" / "a.tbz.txt").read_text() == "a reason\n"
    kept = folder / "aside" / "a.tbz"
    assert os.path.lexists(kept) == (what in ("a folder", "a file of a terabyte"))
    assert (folder.parent / "ours.key").read_bytes() == OURS


def test_a_second_name_of_a_file_of_ours_is_not_opened_and_stays(folder: Path) -> None:
    os.link(folder.parent / "ours.key", folder / "a.tbz")
    with OpenFolder.at(folder) as there, pytest.raises(Refused) as refused:
        there.open_file("a.tbz", 1024)
    assert refused.value.may_pass


@pytest.mark.parametrize("kind", ["vfat", "exfat", "fuseblk", "ntfs3"])
def test_a_stick_that_keeps_no_owners_and_counts_names_in_its_own_way_is_read(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NTFS counts the short name of a file as a second one, and every file of FAT belongs to who has mounted it."""
    device = folder.stat().st_dev
    where = f"{os.major(device)}:{os.minor(device)}"
    monkeypatch.setattr(
        foreign, "_mounts", lambda: f"36 35 {where} / /stick rw,relatime shared:1 - {kind} /dev/sdb1 rw"
    )
    (folder / "a.tbz").write_bytes(b"a")
    os.link(folder / "a.tbz", folder / "A~1.TBZ")
    (folder / "aside").mkdir(mode=0o777)
    (folder / "aside").chmod(0o777)
    assert read(folder / "a.tbz", 10) == b"a"
    with OpenFolder.at(folder) as there, there.open_aside() as aside:
        there.put_aside("a.tbz", there.identity("a.tbz"), aside, ["a reason"])
    assert sorted(path.name for path in (folder / "aside").iterdir()) == ["a.tbz", "a.tbz.txt"]


@pytest.mark.parametrize("name", ["in", "out", "aside"])
@pytest.mark.parametrize("target", ["elsewhere", "a file", "nowhere"])
def test_a_part_of_the_folder_that_is_a_link_is_refused(name: str, target: str, folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "a file").touch()
    (folder / name).symlink_to(folder.parent / target)
    with OpenFolder.at(folder) as there, pytest.raises(Refused, match="is a link and no folder"):
        there.below(name, make_mode=0o700)
    assert list((folder.parent / "elsewhere").iterdir()) == []


def test_a_file_is_written_under_a_random_name_for_its_owner_only(folder: Path) -> None:
    (folder / "a.tbz").symlink_to(folder.parent / "ours.key")
    (folder / "a.tbz.tmp").symlink_to(folder.parent / "ours.key")
    seen = []

    def pieces() -> object:
        seen.extend(name for name in listed(folder) if not name.startswith("a.tbz"))
        yield b"content"

    with OpenFolder.at(folder) as there:
        assert there.write("a.tbz", pieces()) == 7
        there.write("a.tbz", pieces())
    assert (folder.parent / "ours.key").read_bytes() == OURS
    assert stat.S_IMODE((folder / "a.tbz").lstat().st_mode) == 0o600
    assert (folder / "a.tbz").read_bytes() == b"content"
    assert len(set(seen)) == 2
    assert all(name.endswith(".tmp") for name in seen)
    assert listed(folder) == ["a.tbz", "a.tbz.tmp"]


def test_a_file_that_cannot_be_written_leaves_nothing(folder: Path) -> None:
    def pieces() -> object:
        yield b"half"
        raise OSError

    with OpenFolder.at(folder) as there, pytest.raises(OSError):
        there.write("a.tbz", pieces())
    assert listed(folder) == []


LEFT = "tongban-0123456789abcdef01234567.tmp"
"""As a writer of ours names its file until it is whole."""


def test_what_a_killed_writer_has_left_is_taken_away_by_the_next(folder: Path) -> None:
    started = (
        "import os, sys; from pathlib import Path; from kiosk.messages import foreign; "
        "foreign.write(Path(sys.argv[1]), (os._exit(9) if n else b'half' for n in range(2)))"
    )
    done = subprocess.run([sys.executable, "-c", started, str(folder / "a.tbz")], check=False)
    assert done.returncode == 9
    [left] = listed(folder)
    assert re.fullmatch(r"tongban-[0-9a-f]{24}\.tmp", left)
    with OpenFolder.at(folder) as there:
        there.write("b.tbz", [b"content"])
    assert listed(folder) == ["b.tbz"]


@pytest.mark.parametrize("pieces", [0, 1])
def test_what_somebody_is_writing_is_left_to_him(pieces: int, folder: Path) -> None:
    """Whether anything of it is there yet or not."""

    def slow() -> Iterator[bytes]:
        yield from [b"slow"] * pieces
        with OpenFolder.at(folder) as other:
            other.write("b.tbz", [b"quick"])
        yield b"er"

    with OpenFolder.at(folder) as there:
        there.write("a.tbz", slow())
    assert (folder / "a.tbz").read_bytes() == b"slow" * pieces + b"er"
    assert listed(folder) == ["a.tbz", "b.tbz"]


def hard_link(path: Path) -> None:
    os.link(path.parent.parent / "ours.key", path)


def of_another(path: Path) -> None:
    path.write_bytes(b"his")
    os.chown(path, 12345, 12345)


@pytest.mark.parametrize("made", [link, link_to_nothing, hard_link, os.mkfifo, Path.mkdir, of_another])
def test_nothing_of_a_stranger_is_taken_for_what_was_left(made: Callable[[Path], None], folder: Path) -> None:
    if made is of_another and os.geteuid() != 0:
        pytest.skip("only root can make what belongs to another user")
    made(folder / LEFT)
    for name in ("a.tmp", "0123456789abcdef01234567.tmp", f"x{LEFT}", LEFT.upper()):
        (folder / name).write_bytes(b"somebody's")
    before = listed(folder)
    with OpenFolder.at(folder) as there:
        there.write("b.tbz", [b"content"])
    assert listed(folder) == sorted([*before, "b.tbz"])
    assert (folder.parent / "ours.key").read_bytes() == OURS


def test_a_file_that_was_swept_before_it_was_locked_is_made_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, swept = foreign.fcntl.flock, []

    def quicker(handle: int, how: int) -> None:
        if not swept:
            swept.extend(listed(folder))
            (folder / swept[0]).unlink()
        lock(handle, how)

    monkeypatch.setattr(foreign.fcntl, "flock", quicker)
    with OpenFolder.at(folder) as there:
        there.write("a.tbz", [b"content"])
    assert (len(swept), listed(folder)) == (1, ["a.tbz"])
    assert (folder / "a.tbz").read_bytes() == b"content"


def test_a_folder_with_the_group_bit_gives_its_files_to_its_group_to_read(folder: Path) -> None:
    """Whoever carries the files may be another user, if the operator wants so."""
    folder.chmod(0o2770)
    with OpenFolder.at(folder) as there:
        there.write("a.tbz", [b"content"])
    assert stat.S_IMODE((folder / "a.tbz").stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(folder: Path) -> None:
    """``kiosk queue import`` runs as root and writes into the folder of the machine's user, who must read it."""
    os.chown(folder, 12345, 12345)
    with OpenFolder.at(folder) as there:
        there.write("a.tbz", [b"content"])
    about = (folder / "a.tbz").stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (12345, 12345, 0o600)


def test_aside_is_ours_alone(folder: Path) -> None:
    (folder / "aside").mkdir()
    (folder / "aside").chmod(0o777)
    with OpenFolder.at(folder) as there, there.open_aside():
        assert stat.S_IMODE((folder / "aside").stat().st_mode) == 0o750
    (folder / "aside").rmdir()
    with OpenFolder.at(folder) as there, there.open_aside():
        assert stat.S_IMODE((folder / "aside").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another user")
def test_aside_of_a_stranger_is_not_used(folder: Path) -> None:
    (folder / "aside").mkdir()
    os.chown(folder / "aside", 12345, 12345)
    (folder / "a.tbz").write_bytes(b"content")
    with OpenFolder.at(folder) as there, there.open_aside() as aside:
        there.put_aside("a.tbz", there.identity("a.tbz"), aside, ["a reason"])
    assert list((folder / "aside").iterdir()) == []
    assert (folder / f"aside-{os.geteuid()}" / "a.tbz").read_bytes() == b"content"


@pytest.mark.parametrize("prepared", ["a.tbz", "a.tbz.txt", "a.tbz.tmp"])
def test_a_link_that_waits_aside_lets_nobody_write_through_it(prepared: str, folder: Path) -> None:
    (folder / "aside").mkdir()
    (folder / "aside" / prepared).symlink_to(folder.parent / "ours.key")
    (folder / "a.tbz").write_bytes(b"content")
    with OpenFolder.at(folder) as there, there.open_aside() as aside:
        there.put_aside("a.tbz", there.identity("a.tbz"), aside, ["a reason"])
    assert (folder.parent / "ours.key").read_bytes() == OURS
    assert not (folder / "a.tbz").exists()


def test_what_came_before_is_kept_beside_what_comes_and_the_same_again_only_once(folder: Path) -> None:
    def aside(content: bytes, reason: str) -> None:
        (folder / "a.tbz").write_bytes(content)
        with OpenFolder.at(folder) as there, there.open_aside() as kept:
            there.put_aside("a.tbz", there.identity("a.tbz"), kept, [reason])

    for _ in range(3):
        aside(b"first", "one reason")
    aside(b"second", "another reason")
    aside(b"longer than the first", "one reason")
    assert listed(folder / "aside") == [*("a.tbz", "a.tbz.txt", "a~2.tbz", "a~2.tbz.txt", "a~3.tbz", "a~3.tbz.txt")]
    assert (folder / "aside" / "a.tbz").read_bytes() == b"first"


def test_no_more_is_put_aside_than_a_person_can_look_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ASIDE_FILES == 1000
    monkeypatch.setattr(foreign, "ASIDE_FILES", 3)
    for number in range(5):
        (folder / f"{number}.tbz").write_bytes(b"content")
    with OpenFolder.at(folder) as there, there.open_aside() as aside:
        for number in range(3):
            there.put_aside(f"{number}.tbz", there.identity(f"{number}.tbz"), aside, ["a reason"])
        with pytest.raises(Refused, match="3 files wait aside; look at them"):
            there.put_aside("3.tbz", there.identity("3.tbz"), aside, ["a reason"])
    assert (folder / "3.tbz").exists()


def test_another_file_that_has_taken_the_name_is_neither_removed_nor_put_aside(folder: Path) -> None:
    (folder / "a.tbz").write_bytes(b"first")
    with OpenFolder.at(folder) as there, there.open_aside() as aside:
        first = there.identity("a.tbz")
        (folder / "b").write_bytes(b"second, and whole")
        (folder / "b").replace(folder / "a.tbz")
        there.remove("a.tbz", first)
        there.put_aside("a.tbz", first, aside, ["a reason"])
    assert (folder / "a.tbz").read_bytes() == b"second, and whole"


NAMES = {
    "no UTF-8": os.fsdecode("张三".encode("gbk")) + ".tbz",
    "255 bytes": "a" * 251 + ".tbz",
    "255 bytes of three each": "通" * 83 + "a.tbz",
    "a line break": "a\nb.tbz",
    "a command of a terminal": "\x1b[2J\x07.tbz",
    "what other systems do not take": 'a:b*c?"<>|\\.tbz',
    "only its ending": ".tbz",
    "written from right to left": "\u202egnp.tbz",
}


@pytest.mark.parametrize("what", NAMES)
def test_any_name_is_put_aside_and_shown_on_one_short_line(what: str, folder: Path) -> None:
    name = NAMES[what]
    (folder / name).write_bytes(b"content")
    with OpenFolder.at(folder) as there, there.open_aside() as aside:
        there.put_aside(name, there.identity(name), aside, [f"{name}: a reason"])
    kept = next(path for path in (folder / "aside").iterdir() if path.suffix != ".txt")
    assert kept.read_bytes() == b"content"
    assert kept.name.isprintable()
    assert len(shown(name)) <= 80
    assert shown(name).isprintable()
    shown(name).encode()
    assert (kept.parent / f"{kept.name}.txt").read_text().count("\n") == 1


def test_a_file_of_ours_takes_the_place_of_its_own_kind_and_of_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    for content in (b"name,fee\nT01,10\n", b"name,fee\n"):
        foreign.write(path, [content], own=b"name,fee\n")
        assert path.read_bytes() == content
    (tmp_path / "link.csv").symlink_to(path)
    (tmp_path / "other.csv").write_bytes(b"name")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("link", "other", "folder", "pipe"):
        with pytest.raises(Refused, match=f"{name}.csv: there is a .* already"):
            foreign.write(tmp_path / f"{name}.csv", [b"x"], own=b"name,fee\n")
    with pytest.raises(Refused):
        foreign.write(path, [b"x"])
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        f"{name}.csv" for name in ("folder", "link", "list", "other", "pipe")
    ]


def test_what_comes_while_a_file_is_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "left.tbz"

    def pieces() -> Iterator[bytes]:
        yield b"a"
        path.write_bytes(b"of somebody else")

    with pytest.raises(Refused):
        foreign.write(path, pieces())
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"of somebody else"]
