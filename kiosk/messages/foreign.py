"""Opening what a stranger has named: the one way to files in exchange folders, on sticks, in folders that are brought.

Nothing is opened but below a folder's handle, without following a link and without waiting, and only a regular file
with one name and a bounded size. What is written gets a random name first, belongs to nobody else, and takes its
place by renaming. FAT, NTFS and network shares keep no owners and count names in their own way: there the limits hold
that they can keep.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

ASIDE = "aside"
ASIDE_FILES = 1000
"""So many files wait aside for a person; further ones stay where they are."""

_NAME_CHARACTERS, _LINE_CHARACTERS, _LINES = 80, 500, 200
_WITHOUT_OWNERS = frozenset(
    {"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "iso9660", "udf", "hfs", "hfsplus"}
)
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_FILE = "a file"
_WITH_CONTENT = (stat.S_IFREG, stat.S_IFDIR)
LINE_CHARACTERS = 2000
"""Of a command's one line about what failed, which may quote a stranger."""
_BLANKS = "\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}"
"""Python says that they do not print."""
_TEMPORARY = re.compile(r"tongban-[0-9a-f]{24}\.tmp")
_LEFT_LOOKED_AT = 1000
"""So many names like ours are looked at before a file is written: a stranger may put any number there."""
_MAY_HAVE_HOLES = 16 * 2**20


class Refused(Exception):
    """What has this name is not opened; the text says what it is.

    ``may_pass``: a second name may be gone in a moment, as while somebody puts the file there.
    """

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class FileIdentity(NamedTuple):
    """Which file it was, whatever has its name now."""

    inode: int
    bytes: int
    modified_ns: int


def shown(text: str, limit_characters: int = _NAME_CHARACTERS) -> str:
    """A foreign name, or words with one in them, for people and logs: a short line, whatever bytes it is made of."""
    cut = text if len(text) <= limit_characters else f"{text[: limit_characters - 1]}…"
    return printable(cut)


def printable(line: str) -> str:
    """``line`` as it may go to a terminal: what does not print is seen to be there, and does nothing."""
    return "".join(sign if sign.isprintable() or sign in _BLANKS else "\N{REPLACEMENT CHARACTER}" for sign in line)


class OpenFolder:
    """A folder by its handle: what it is called meanwhile, and what its names lead to, changes nothing."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def at(cls, path: Path) -> OpenFolder:
        """The folder that an operator has named; links on the way are the operator's. Raises OSError."""
        return cls(os.open(path, _FOLDER))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def below(self, name: str, *, make_mode: int | None = None) -> OpenFolder:
        """A folder in it, made with ``make_mode`` when it is not there. Raises Refused for a link, OSError."""
        if make_mode is not None:
            with suppress(FileExistsError):
                os.mkdir(name, make_mode, dir_fd=self._handle)
        try:
            return OpenFolder(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._handle))
        except OSError as error:
            # O_DIRECTORY answers ENOTDIR for a link that O_NOFOLLOW keeps it from.
            if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            raise Refused(f"{shown(name)} is {self._kind(name)} and no folder") from None

    def names(self, suffix: str) -> Iterator[str]:
        """The names that end so, in no order."""
        with os.scandir(self._handle) as entries:
            yield from (entry.name for entry in entries if entry.name.endswith(suffix))

    def identity(self, name: str) -> FileIdentity | None:
        """Which file has the name now, a link itself and not its target; None: none. Raises OSError."""
        try:
            found = os.stat(name, dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return FileIdentity(found.st_ino, found.st_size, found.st_mtime_ns)

    def open_file(self, name: str, limit_bytes: int) -> BinaryIO:
        """A regular file, opened for reading. Raises Refused, OSError."""
        # Looked at before it is opened: to open a device may already do something.
        _judge(os.stat(name, dir_fd=self._handle, follow_symlinks=False), limit_bytes)
        try:
            handle = os.open(name, _OPEN, dir_fd=self._handle)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise Refused(_KINDS[stat.S_IFLNK]) from None
        try:
            _judge(os.fstat(handle), limit_bytes)
        except BaseException:
            os.close(handle)
            raise
        return os.fdopen(handle, "rb")

    def folders(self) -> Iterator[str]:
        """The names of its folders, and of links, which ``below`` refuses."""
        with os.scandir(self._handle) as entries:
            yield from (each.name for each in entries if each.is_symlink() or each.is_dir(follow_symlinks=False))

    def about(self) -> os.stat_result:
        """Owner and rights."""
        return os.fstat(self._handle)

    def write(self, name: str, pieces: Iterable[bytes], *, mode: int = 0o600, own: bytes | None = None) -> int:
        """A file that is whole or not there, synced, its folder too; gives its bytes. Raises OSError.

        Only its owner reads it; in a folder with the set-group-ID bit its group does too. What root writes belongs to
        the folder's owner. ``own``: what is there already is spared, as by ``require_free``, and Refused raised.
        """
        if own is not None:
            self.require_free(name, own)
        folder = self.about()
        mode |= 0o040 if folder.st_mode & stat.S_ISGID else 0
        self._sweep(folder)
        temporary, handle = self._fresh()
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                if folder.st_uid != os.geteuid() == 0 and _keeps_owners(folder.st_dev):
                    os.fchown(handle, folder.st_uid, folder.st_gid)
                if mode != 0o600:
                    os.fchmod(handle, mode)
                os.fsync(handle)
                size = file.tell()
                if own is not None:
                    self.require_free(name, own)
                # While it is open, and so locked.
                os.rename(temporary, name, src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=self._handle)
            raise
        self.sync()
        return size

    def _fresh(self) -> tuple[str, int]:
        """A file of ours under a random name, locked for as long as it is open: so nobody sweeps it away."""
        while True:
            name = f"tongban-{secrets.token_hex(12)}.tmp"
            handle = os.open(name, _MAKE, 0o600, dir_fd=self._handle)
            with suppress(OSError):  # where files cannot be locked nothing is swept
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:
                return name, handle
            os.close(handle)  # swept before it was locked

    def _sweep(self, folder: os.stat_result) -> None:
        """Takes away what killed writers have left: files of ours under such names that nobody writes any more."""
        ours = {os.geteuid()} | ({folder.st_uid} if os.geteuid() == 0 else set())
        for name in list(islice(filter(_TEMPORARY.fullmatch, self.names(".tmp")), _LEFT_LOOKED_AT)):
            with suppress(Refused, OSError), self.open_file(name, sys.maxsize) as file:
                about = os.fstat(file.fileno())
                if about.st_uid in ours or not _keeps_owners(about.st_dev):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.remove(name, FileIdentity(about.st_ino, about.st_size, about.st_mtime_ns))

    def require_free(self, name: str, own: bytes = b"") -> None:
        """That writing it replaces nothing, or a file that begins with ``own`` at most. Raises Refused, OSError."""
        if self.identity(name) is None:
            return
        kind = self._kind(name)
        if own and kind == _FILE:
            with self.open_file(name, sys.maxsize) as file:
                if file.read(len(own)) == own:
                    return
        raise Refused(f"{shown(name)}: there is {kind} already; take it away, or name a file that is not there yet")

    def sync(self) -> None:
        """A name is durable only after its folder is. Raises OSError."""
        os.fsync(self._handle)

    def remove(self, name: str, identity: FileIdentity) -> None:
        """Removes a file that was read, but not one that has taken its name meanwhile. Raises OSError."""
        if self.identity(name) == identity:
            os.unlink(name, dir_fd=self._handle)

    def open_aside(self) -> OpenFolder:
        """The folder ``aside`` in it, ours alone; when a stranger has that name, one with our number behind it.

        Raises Refused, OSError.
        """
        try:
            return self._own(ASIDE)
        except Refused:
            return self._own(f"{ASIDE}-{os.geteuid()}")

    def put_aside(self, name: str, identity: FileIdentity, aside: OpenFolder, reasons: Sequence[str]) -> None:
        """Moves what has the name into ``aside`` with its reasons beside it, in ``NAME.txt``.

        A link, a pipe or a device holds nothing: it is removed, and only the reasons stay. One that came before, for
        the same reasons, is replaced. Raises Refused when too many wait there already, OSError.
        """
        if self.identity(name) != identity:
            return
        lines = [shown(each, _LINE_CHARACTERS) for each in reasons[:_LINES]] + ["and more"] * (len(reasons) > _LINES)
        kept = aside._room_for(name, identity.bytes, "".join(f"{line}\n" for line in lines))
        if not self._holds_content(name):
            os.unlink(name, dir_fd=self._handle)
            return
        os.rename(name, kept, src_dir_fd=self._handle, dst_dir_fd=aside._handle)
        if not aside._holds_content(kept):  # it has changed under our hands
            os.unlink(kept, dir_fd=aside._handle)
        aside.sync()

    def _own(self, name: str) -> OpenFolder:
        folder = self.below(name, make_mode=0o700)
        about = os.fstat(folder._handle)
        if _keeps_owners(about.st_dev):
            if about.st_uid != os.geteuid():
                os.close(folder._handle)
                raise Refused(f"{name} belongs to another user; remove it")
            if about.st_mode & 0o027:
                os.fchmod(folder._handle, about.st_mode & 0o750)
        return folder

    def _room_for(self, name: str, size: int, note: str) -> str:
        """Under what name it is kept: the note beside it, made first, keeps the place."""
        if sum(1 for _ in self.names(".txt")) >= ASIDE_FILES:
            raise Refused(f"{ASIDE_FILES} files wait aside; look at them and take them away")
        stem, dot, ending = _plain(name).rpartition(".")
        for number in range(1, ASIDE_FILES):
            kept = f"{stem}{f'~{number}' if number > 1 else ''}{dot}{ending}"
            try:
                handle = os.open(f"{kept}.txt", _MAKE, 0o600, dir_fd=self._handle)
            except FileExistsError:
                if self._is_same(kept, size, note.encode()):
                    return kept
                continue
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(note.encode())
            except OSError:  # a full disk: half a note would keep the name for ever
                os.unlink(f"{kept}.txt", dir_fd=self._handle)
                raise
            return kept
        raise Refused(f"{ASIDE_FILES} files of this name wait aside; look at them and take them away")

    def _is_same(self, kept: str, size: int, note: bytes) -> bool:
        there = self.identity(kept)
        try:
            with self.open_file(f"{kept}.txt", len(note)) as file:
                return (there is None or there.bytes == size) and file.read() == note
        except (Refused, OSError):
            return False

    def _holds_content(self, name: str) -> bool:
        return stat.S_IFMT(os.stat(name, dir_fd=self._handle, follow_symlinks=False).st_mode) in _WITH_CONTENT

    def _kind(self, name: str) -> str:
        mode = os.stat(name, dir_fd=self._handle, follow_symlinks=False).st_mode
        return _KINDS.get(stat.S_IFMT(mode), _FILE)


@contextmanager
def opened(path: Path, limit_bytes: int) -> Iterator[BinaryIO]:
    """A file that somebody brought, by the path that an operator has typed. Raises Refused, OSError."""
    with OpenFolder.at(path.parent) as folder, folder.open_file(path.name, limit_bytes) as file:
        yield file


def read(path: Path, limit_bytes: int) -> bytes:
    """The whole of such a file. Raises Refused, OSError."""
    with opened(path, limit_bytes) as file:
        return read_at_most(file, limit_bytes)


def require_free(path: Path) -> None:
    """That nothing at all has the path that an operator has typed for a new file. Raises Refused, OSError."""
    with OpenFolder.at(path.parent) as folder:
        folder.require_free(path.name)


def write(path: Path, pieces: Iterable[bytes], *, mode: int = 0o600, own: bytes = b"") -> int:
    """A file by such a path, where nothing is, or a file that begins with ``own``. Raises Refused, OSError."""
    with OpenFolder.at(path.parent) as folder:
        return folder.write(path.name, pieces, mode=mode, own=own)


def read_at_most(file: BinaryIO, limit_bytes: int) -> bytes:
    """What is in it, though it may have grown since it was opened. Raises Refused."""
    content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise Refused(_too_large(limit_bytes))
    return content


def _judge(about: os.stat_result, limit_bytes: int) -> None:
    kind = stat.S_IFMT(about.st_mode)
    if kind != stat.S_IFREG:
        raise Refused(f"{_KINDS.get(kind, 'something else')}, not a regular file")
    if about.st_nlink > 1 and _keeps_owners(about.st_dev):
        raise Refused("a file with a second name (a hard link)", may_pass=True)
    if about.st_size > limit_bytes:
        raise Refused(_too_large(limit_bytes))
    if about.st_size > _MAY_HAVE_HOLES and about.st_blocks * 512 < about.st_size // 2 and _keeps_owners(about.st_dev):
        # It costs nothing to put there, and half a minute to read.
        raise Refused("a file of holes, most of which was never written")


def _too_large(limit_bytes: int) -> str:
    limit = f"{limit_bytes // 2**20} MB" if limit_bytes >= 2**20 else f"{limit_bytes // 2**10} KB"
    return f"larger than {limit}"


def _plain(name: str) -> str:
    """A name that every file system takes and no shell minds."""
    signs = (sign if sign.isprintable() and sign not in '\\/:*?"<>|' else "_" for sign in name)
    stem, dot, ending = "".join(signs).rpartition(".")
    # Names are limited in bytes: 255 where it is narrowest, less what is added here.
    return _cut(stem, 180) + dot + _cut(ending, 16)


def _cut(text: str, limit_bytes: int) -> str:
    return text.encode()[:limit_bytes].decode("utf-8", "ignore")


def _keeps_owners(device: int) -> bool:
    """Whether a file system knows owners, rights and second names; one that nobody knows of does."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in _mounts().splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2:3] == [wanted]:
            return after.split(" ", 1)[0].split(".", 1)[0] not in _WITHOUT_OWNERS
    return True


def _mounts() -> str:
    with suppress(OSError):
        return Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    return ""
