"""Every command with every kind of bad input: one line that says why and what to do, and the exit code of it."""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kiosk.catalogue.loader import shipped
from kiosk.cli import main
from kiosk.messages.seal import new_sign_key
from offline_cache.outbox import Outbox
from offline_cache.store import Store

NEED_CONFIG = (
    "run",
    "walk SCRIPT",
    "doctor",
    "devices",
    "queue status",
    "queue list",
    "queue show 1",
    "queue release 1",
    "queue export FILE",
    "queue import FILE",
    "audit verify",
    "staff list",
    "staff remove --ref x",
    "staff add --role guide --ref g-1",
)
NEED_STORE = tuple(c for c in NEED_CONFIG if c not in ("run", "queue release 1"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands neither replace this process nor read another configuration."""
    monkeypatch.setenv("TONGBAN_HARDENED", "1")
    monkeypatch.delenv("TONGBAN_CONFIG", raising=False)


@pytest.fixture
def kiosk(tmp_path: Path) -> Callable[..., Result]:
    """Run a command line; SCRIPT and FILE stand for files that are there."""
    (tmp_path / "walk.toml").write_text('services = ["C01"]\n')
    (tmp_path / "batch.tbz").write_bytes(b"nothing of ours")
    places = {"SCRIPT": str(tmp_path / "walk.toml"), "FILE": str(tmp_path / "batch.tbz")}

    def run(line: str, config: Path | None = None, said: str = "990101199001150513\n739164\n") -> Result:
        words = [places.get(word, word) for word in line.split()]
        return CliRunner().invoke(main, [*(["--config", str(config)] if config else []), *words], input=said)

    return run


def told(done: Result, *, code: int = 1) -> str:
    """The one line; fails where there are more, a traceback, or another exit code."""
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.output
    assert "Traceback" not in done.output
    assert done.exit_code == code, done.output
    assert len(lines[0]) > len("kiosk: ") + 20, "it says why and what to do"
    assert lines[0].isprintable()
    return lines[0]


# -- the configuration -------------------------------------------------------------------------------------------------


def missing(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def utf16(path: Path) -> None:
    path.write_bytes(path.read_text().encode("utf-16"))


def gbk(path: Path) -> None:
    path.write_bytes(path.read_text().replace('"hall"', '"通办市政务大厅"').encode("gbk"))


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


def huge(path: Path) -> None:
    path.write_bytes(b"# " + b"x" * 2**21)


def deep(path: Path) -> None:
    path.write_text("x = " + "[" * 20_000)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def writable_by_all(path: Path) -> None:
    path.chmod(0o666)


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("line", NEED_CONFIG)
@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (missing, "no such file"),
        (folder, "not a regular file"),
        (utf16, "UTF-16"),
        (gbk, "GBK"),
        (binary, "not UTF-8"),
        (huge, "larger than"),
        (deep, "nested too deeply"),
        (pipe, "not a regular file"),
        (writable_by_all, "chmod o-w,g-w"),
        (loop, "cannot be opened"),
    ],
)
def test_configuration_that_cannot_be_used(
    kiosk: Callable[..., Result],
    config_file: Callable[..., Path],
    line: str,
    spoil: Callable[[Path], None],
    named: str,
) -> None:
    path = config_file()
    spoil(path)
    assert named in told(kiosk(line, path))


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_configuration_from_windows_is_understood(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path, mark: str, end: str
) -> None:
    path = config_file()
    path.write_bytes((mark + path.read_text().replace("\n", end)).encode("utf-8"))
    store(tmp_path)
    done = kiosk("queue status", path)
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"machine": {"division": "９９０１０１"}}, '[machine] division: not six digits (write "990101")'),
        ({"machine": {"division": "٩٩٠١٠١"}}, "[machine] division"),
        ({"machine": {"id": "K－１０００１"}}, '(write "K-10001")'),
        ({"machine": {"id": "机器1"}}, "[machine] id"),
        ({"machine": {"id": "k 1"}}, "[machine] id"),
        ({"machine": {"id": ""}}, "[machine] id"),
        ({"hub": {"url": "http://127.0.0.1.evil.example"}}, "loopback only"),
        ({"hub": {"url": "http://localhost.evil.example"}}, "loopback only"),
        ({"hub": {"url": "http://127.0.0.1@evil.example"}}, "[hub] url"),
        ({"hub": {"url": "http://[::1"}}, "[hub] url"),
        ({"hub": {"url": "https://hub.example:port"}}, "[hub] url"),
        ({"hub": {"url": "https://"}}, "[hub] url"),
        ({"hub": {"url": "ftp://hub.example"}}, "[hub] url"),
        ({"hub": {"url": "https://hub .example"}}, "[hub] url"),
    ],
)
def test_values_that_only_look_right(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], changes: dict[str, Any], named: str
) -> None:
    assert named in told(kiosk("doctor", config_file(**changes)))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://127.1.2.3:9", "http://localhost:9", "http://[::1]:9"])
def test_loopback_is_loopback(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path, url: str
) -> None:
    path = config_file(hub={"url": url})
    store(tmp_path)
    assert kiosk("queue status", path).exit_code == 0


# -- the store ---------------------------------------------------------------------------------------------------------


def store(folder: Path, rows: int = 0) -> Path:
    """A good store at rest where the configuration says, with some envelopes that wait."""
    path = folder / "store.sqlite"
    opened = Store.open(path, now=lambda: datetime.now(UTC), ballast_mb=0, free_floor_mb=0)
    for number in range(rows):
        Outbox(opened).put(
            kind="case",
            key=f"key-{number}",
            case_id=f"case-{number}",
            receipt_number=f"{number:024d}",
            parts=[("form", os.urandom(40_000))],
            stamp=lambda seq, prev, digests: (f"{seq}{prev}".encode(), "s"),
        )
    opened.close()
    return path


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def torn(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[16384:] = os.urandom(len(raw) - 16384)
    path.write_bytes(raw)


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("create table t (x)")
    other.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("pragma user_version = 999")
        other.execute("delete from readable")
    other.close()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("line", NEED_STORE)
@pytest.mark.parametrize("spoil", [cut_in_half, torn, garbage, a_folder, another_program, newer, a_pipe])
def test_store_that_cannot_be_used(
    kiosk: Callable[..., Result],
    config_file: Callable[..., Path],
    tmp_path: Path,
    line: str,
    spoil: Callable[[Path], None],
) -> None:
    config, path = config_file(), store(tmp_path, rows=12)
    spoil(path)
    done = kiosk(line, config)
    if spoil is torn and done.exit_code == 0:
        return  # what this command needs is whole
    if spoil in (cut_in_half, torn) and line.startswith("queue export"):
        assert "Traceback" not in done.output
        assert done.exit_code in (1, 3), "what can be read is taken out"
        return
    told(done)


@pytest.mark.parametrize("line", NEED_STORE)
def test_store_whose_folder_is_not_there_is_not_made_anew(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path, line: str
) -> None:
    path = config_file(store={"path": str(tmp_path / "disk" / "store.sqlite")})
    assert "enrol" in told(kiosk(line, path))
    assert not (tmp_path / "disk").exists(), "numbers would begin at 00001 again"


@pytest.mark.parametrize("line", NEED_STORE)
def test_store_of_a_running_machine_that_does_not_answer(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path, line: str
) -> None:
    config, path = config_file(), store(tmp_path)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "stop" in told(kiosk(line, config))


@pytest.fixture
def dead_socket(tmp_path: Path) -> Iterator[None]:
    """A socket file behind which nobody answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "status.sock"))
        yield


@pytest.mark.usefixtures("dead_socket")
def test_dead_socket_is_no_machine(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path
) -> None:
    config = config_file()
    store(tmp_path)
    assert kiosk("queue list", config).exit_code == 0
    assert "does not run" in told(kiosk("queue release 1", config))
    assert "queue list" in told(kiosk("queue show 99", config))


# -- what is around ----------------------------------------------------------------------------------------------------


def a_file(path: Path) -> None:
    path.write_text("")


def gone_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere") / "deep")


@pytest.mark.parametrize(
    ("section", "key", "name", "place"),
    [
        ("machine", "log_folder", "[machine] log_folder", a_file),
        ("machine", "log_folder", "[machine] log_folder", gone_link),
        ("machine", "status_socket", "[machine] status_socket", Path.mkdir),
    ],
)
def test_folder_that_cannot_be_written_names_its_key(
    kiosk: Callable[..., Result],
    config_file: Callable[..., Path],
    tmp_path: Path,
    section: str,
    key: str,
    name: str,
    place: Callable[[Path], None],
) -> None:
    spot = tmp_path / "spot"
    place(spot)
    assert name in told(kiosk("walk SCRIPT", config_file(**{section: {key: str(spot)}})))


def test_socket_path_that_is_too_long_names_its_key(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 120)
    assert "status_socket" in told(kiosk("walk SCRIPT", config_file(machine={"status_socket": str(long)})))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "no such file"),
        (b"\xff\xfe" + "services = []".encode("utf-16-le"), "UTF-16"),
        ('services = ["领证"]'.encode("gbk"), "GBK"),
        (b"services = [", "not TOML"),
        (b"surprise = 1", "surprise"),
    ],
)
def test_walk_script_that_cannot_be_used(
    kiosk: Callable[..., Result],
    config_file: Callable[..., Path],
    tmp_path: Path,
    content: bytes | None,
    named: str,
) -> None:
    script = tmp_path / "bad.toml"
    if content is not None:
        script.write_bytes(content)
    assert named in told(kiosk(f"walk {script}", config_file()))


def test_walk_script_from_windows_is_understood(tmp_path: Path) -> None:
    from kiosk.citizen import read_script

    script = tmp_path / "walk.toml"
    script.write_bytes('\ufeffservices = ["T01"]\r\n[values]\r\nphone = "13900000000"\r\n'.encode())
    assert read_script(script).services == ("T01",)


@pytest.mark.parametrize("line", ["catalogue check", "catalogue list", "catalogue export", "catalogue sign --key KEY"])
@pytest.mark.parametrize("kind", ["missing", "empty", "gbk", "broken", "unknown", "misplaced"])
def test_catalogue_that_cannot_be_used(kiosk: Callable[..., Result], tmp_path: Path, line: str, kind: str) -> None:
    folder, key = tmp_path / "catalogue", tmp_path / "key"
    key.write_text(new_sign_key().private)
    if kind != "missing":
        folder.mkdir()
    if kind not in ("missing", "empty"):
        head = (shipped() / "catalogue.toml").read_bytes()
        (folder / "catalogue.toml").write_bytes(head)
        (folder / "traffic").mkdir()
        good = (shipped() / "traffic" / "T01.toml").read_text("utf-8")
        text = {"gbk": good, "broken": "key = [", "unknown": good + "\n[surprise]\n", "misplaced": good}[kind]
        name = "T99.toml" if kind == "misplaced" else "T01.toml"
        (folder / "traffic" / name).write_bytes(text.encode("gb18030" if kind == "gbk" else "utf-8"))
    told(kiosk(f"{line.replace('KEY', str(key))} {folder}"))


def test_catalogue_from_windows_is_understood(kiosk: Callable[..., Result], tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    for path in shipped().rglob("*.toml"):
        target = folder / path.relative_to(shipped())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    done = kiosk(f"catalogue check {folder}")
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize("content", ["", "not a key", "AAAA"])
def test_key_that_is_none_is_named(kiosk: Callable[..., Result], tmp_path: Path, content: str) -> None:
    key, folder = tmp_path / "key", tmp_path / "catalogue"
    key.write_text(content)
    for path in shipped().rglob("*.toml"):
        target = folder / path.relative_to(shipped())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert str(key) in told(kiosk(f"catalogue sign --key {key} {folder}"))
    assert not (folder / "manifest.json").exists()


@pytest.mark.parametrize("line", ["walk SCRIPT", "doctor", "devices"])
@pytest.mark.parametrize("kind", ["unsigned", "altered", "garbage", "missing"])
def test_catalogue_that_the_city_did_not_sign(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path, line: str, kind: str
) -> None:
    folder = tmp_path / "catalogue"
    if kind != "missing":
        folder.mkdir()
        (folder / "catalogue.toml").write_bytes((shipped() / "catalogue.toml").read_bytes())
    if kind == "altered":
        (folder / "manifest.json").write_text('{"version": "1", "files": {}, "signature": "AAAA"}')
    if kind == "garbage":
        (folder / "manifest.json").write_bytes(b"\xef\xbb\xbf{")
    told(kiosk(line, config_file(catalogue={"path": str(folder)})))


@pytest.mark.parametrize("charset", ["latin-1", "ascii", "gbk", "shift_jis"])
@pytest.mark.parametrize("line", ["catalogue list", "journeys --table"])
def test_a_terminal_without_chinese_gets_what_it_can_show(line: str, charset: str) -> None:
    done = CliRunner(charset=charset).invoke(main, line.split())
    assert (done.exit_code, b"Check progress" in done.stdout_bytes or b"C01" in done.stdout_bytes) == (0, True)


@pytest.mark.parametrize("line", ["queue status", "queue list", "queue export FILE", "audit verify", "staff list"])
def test_a_store_in_which_nothing_was_ever_kept_is_named(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path, line: str
) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    assert "nothing was ever kept in" in told(kiosk(line, config_file(store={"path": str(empty)})))
    assert empty.stat().st_size == 0


@pytest.mark.parametrize("ca", ["missing", "garbage"])
@pytest.mark.parametrize("line", ["walk SCRIPT", "doctor"])
def test_authorities_that_cannot_be_read(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path, line: str, ca: str
) -> None:
    path = tmp_path / "ca.pem"
    if ca == "garbage":
        path.write_text("no certificate")
    config = config_file(hub={"url": "https://127.0.0.1:9", "ca_file": str(path)})
    assert "ca_file" in told(kiosk(line, config))


@pytest.mark.parametrize("head", [b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"%PDF-1.7", b"\0\0\0\x18ftypheic"])
def test_photograph_of_a_slip_is_sent_to_the_command_that_reads_it(
    kiosk: Callable[..., Result], config_file: Callable[..., Path], tmp_path: Path, head: bytes
) -> None:
    photo = tmp_path / "photo"
    photo.write_bytes(head + bytes(50))
    assert "hub restore" in told(kiosk(f"queue import {photo}", config_file()))


def test_whole_program_says_one_line_too(config_file: Callable[..., Path], tmp_path: Path) -> None:
    """As a process of its own, hardened: what C libraries and the interpreter would add is seen as well."""
    logs = tmp_path / "logs"
    logs.write_text("")
    environment = {k: v for k, v in os.environ.items() if k != "TONGBAN_HARDENED"}
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "--config", str(config_file()), "run"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "[machine] log_folder" in line
