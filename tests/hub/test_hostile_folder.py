"""Whoever may write the exchange folder is a stranger: the hub gives nothing out, overwrites nothing and goes on."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import psycopg
import pytest

from hub import serving_commands
from hub.batch_folder import Folder, Handled, exit_code, told
from hub.batch_intake import TakenIn
from hub.keys import load_keys
from hub.postgres import OwnPostgres
from hub.server import Extras, make_hub
from hub.stopping import FORCED
from kiosk.clock import Clock
from kiosk.messages import batch, envelope
from kiosk.messages.batch import Member, write_batch
from tests.hostile import ARCHIVES, MB, listed, member, packed
from tests.hub.fixtures import ROOT, TODAY, Machine, RunningHub, case_form, frozen
from tests.kiosk.messages.test_foreign import MAKERS, NAMES
from tests.waiting import HANG_S, eventually

OURS = b"a key of ours, or what a machine has stored"


class Exchange:
    """The folder, an honest machine that puts batches into it, and the command that takes them."""

    def __init__(self, hub: RunningHub, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self.machine = hub.machine()
        self.count = 0
        self.victim = folder.parent / "victim"
        self.victim.write_bytes(OURS)
        for name in ("out", "in", "aside"):
            (folder / name).mkdir(parents=True)

    def honest(self, name: str = "zz-honest.tbz") -> str:
        """Puts one good case into ``out/``, where it is read last; gives its key."""
        self.count += 1
        form = case_form("zhao", "E13", f"9901000001{self.count:014}")
        sent = self.machine.envelope("case", form, parcels=False)
        members = (
            envelope.wire(sent.header_bytes, sent.signature),
            sent.key,
            [(envelope.sha256_hex(sent.part), sent.part)],
        )
        write_batch(self.folder / "out" / name, batch.members_of(*members))
        return sent.key

    def command(self, *more: str) -> list[str]:
        words = [sys.executable, "-m", "hub", "files", "--today", str(TODAY), "--dsn", self.hub.dsn, *more]
        return [*words, "--keys", str(self.hub.data / "keys"), "--folder", str(self.folder)]

    def take(self) -> tuple[int, dict[str, dict]]:
        """What the command does at one look: its exit code and what became of each file."""

        async def handle() -> list[Handled]:
            taking = make_hub(self.hub.dsn, load_keys(self.hub.data / "keys"), Clock(TODAY), Extras())
            async with taking.pool:
                return await Folder(taking, self.folder).handle_all()

        handled = asyncio.run(handle())
        return exit_code(handled), {each.name: told(*each) for each in handled}

    def take_once(self, begins: Callable[[], None] | None = None) -> tuple[int, dict[str, dict], str]:
        """``hub files --once``, with its log."""
        words = self.command("--once")
        done = subprocess.run(words, capture_output=True, cwd=ROOT, check=False, timeout=HANG_S, preexec_fn=begins)
        said = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
        return done.returncode, {each["file"]: each for each in said}, done.stderr.decode()

    def is_there(self, key: str) -> bool:
        return bool(self.hub.sql("select from envelope where key = %s", key))

    def everything(self) -> bytes:
        """Whatever anybody can read below the folder now."""
        found = [path for path in self.folder.rglob("*") if path.is_file() and path.stat().st_size < MB]
        return b"".join(path.read_bytes() for path in found)


@pytest.fixture
def exchange(hub: RunningHub, tmp_path: Path) -> Exchange:
    return Exchange(hub, tmp_path / "exchange")


@pytest.mark.attack(1)
@pytest.mark.parametrize("what", [name for name in MAKERS if name != "a link to nothing"])
def test_nothing_is_taken_from_where_a_name_leads_and_the_next_file_has_its_turn(what: str, exchange: Exchange) -> None:
    path = exchange.folder / "out" / "a.tbz"
    (exchange.folder / "ours.key").symlink_to(exchange.victim)
    MAKERS[what](path)
    (exchange.folder / "ours.key").unlink()
    if path.is_symlink() and what == "a link":
        path.unlink()
        path.symlink_to(exchange.victim)
    key = exchange.honest()
    code, said = exchange.take()
    assert (code, said["zz-honest.tbz"]["accepted"], len(said["a.tbz"]["trouble"])) == (3, 1, 1)
    assert exchange.is_there(key)
    assert not os.path.lexists(path)
    assert (exchange.folder / "aside" / "a.tbz.txt").exists()
    assert OURS not in exchange.everything()


@pytest.mark.attack(1)
def test_a_second_name_of_our_file_is_told_once_and_never_read(exchange: Exchange) -> None:
    os.link(exchange.victim, exchange.folder / "out" / "a.tbz")
    key = exchange.honest()
    code, said = exchange.take()
    assert (code, said["a.tbz"]["trouble"]) == (3, ["a file with a second name (a hard link)"])
    assert exchange.is_there(key)
    assert listed(exchange.folder / "aside") == []


@pytest.mark.attack(1)
@pytest.mark.parametrize("place", ["aside/a.tbz.tmp", "aside/a.tbz.txt", "aside/a.tbz"])
def test_no_link_that_waits_aside_is_written_through(place: str, exchange: Exchange) -> None:
    (exchange.folder / "out" / "a.tbz").write_bytes(b"what the stranger wants to stand in a file of ours")
    (exchange.folder / place).symlink_to(exchange.victim)
    code, said = exchange.take()
    assert (code, bool(said["a.tbz"]["trouble"])) == (1, True)
    assert exchange.victim.read_bytes() == OURS
    assert not (exchange.folder / "out" / "a.tbz").exists()


@pytest.mark.attack(1)
@pytest.mark.parametrize("ending", ["", ".tmp"])
def test_no_link_that_waits_for_the_answer_is_written_through(ending: str, exchange: Exchange) -> None:
    key = exchange.honest()
    name = f"{exchange.machine.kiosk_id}-1-1.tbz{ending}"
    (exchange.folder / "in" / name).symlink_to(exchange.victim)
    assert exchange.take()[0] == 0
    assert exchange.is_there(key)
    assert exchange.victim.read_bytes() == OURS
    answers = [path for path in (exchange.folder / "in").iterdir() if not path.is_symlink()]
    assert [list(batch.keys_in(path)) for path in answers] == [[key]]
    assert [stat.S_IMODE(path.stat().st_mode) for path in answers] == [0o600]


@pytest.mark.attack(1)
@pytest.mark.parametrize("part", ["in", "out"])
def test_a_part_of_the_folder_that_is_a_link_stops_the_service_of_it_in_one_line(
    part: str, exchange: Exchange, tmp_path: Path
) -> None:
    key = exchange.honest()
    (exchange.folder / part).rename(tmp_path / "elsewhere")
    (exchange.folder / part).symlink_to(tmp_path / "elsewhere")
    before = listed(tmp_path / "elsewhere")
    code, said, log = exchange.take_once()
    assert (code, said) == (1, {})
    assert f"{part} is a link and no folder" in log.splitlines()[-1]
    assert "Traceback" not in log
    assert listed(tmp_path / "elsewhere") == before
    assert not exchange.is_there(key)


def no_room_on_any_disk() -> None:
    """Every file may be made and none may have a byte."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def test_a_full_disk_is_told_and_leaves_nothing_half_done(exchange: Exchange) -> None:
    key = exchange.honest()
    (exchange.folder / "out" / "bad.tbz").write_bytes(b"nothing")
    for _ in range(2):
        code, said, _ = exchange.take_once(no_room_on_any_disk)
        assert (code, said["zz-honest.tbz"]["trouble"]) == (1, ["File too large"])
        assert exchange.is_there(key)
        assert listed(exchange.folder / "out") == ["bad.tbz", "zz-honest.tbz"]
        assert listed(exchange.folder / "in") == listed(exchange.folder / "aside") == []
    exchange.take()
    assert listed(exchange.folder / "out") == []
    assert len(listed(exchange.folder / "in")) == 1
    assert listed(exchange.folder / "aside") == ["bad.tbz", "bad.tbz.txt"]


def test_what_is_named_as_machines_do_is_read_before_all_else(exchange: Exchange) -> None:
    """Fifty thousand other files were read first."""
    ours = f"{exchange.machine.kiosk_id}-1-1.tbz"
    exchange.honest(ours)
    for name in ("0.tbz", "A-1.tbz", "~.tbz"):
        (exchange.folder / "out" / name).write_bytes(b"nothing")
    assert list(exchange.take()[1]) == [ours, "0.tbz", "A-1.tbz", "~.tbz"]


@pytest.mark.attack(1)
def test_an_aside_that_is_a_link_is_not_used(exchange: Exchange, tmp_path: Path) -> None:
    (exchange.folder / "aside").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (exchange.folder / "aside").symlink_to(tmp_path / "elsewhere")
    (exchange.folder / "out" / "a.tbz").write_bytes(b"no batch")
    key = exchange.honest()
    assert exchange.take()[0] == 3
    assert exchange.is_there(key)
    assert listed(tmp_path / "elsewhere") == []
    assert (exchange.folder / f"aside-{os.geteuid()}" / "a.tbz").exists()


@pytest.mark.attack(2)
@pytest.mark.parametrize("what", NAMES)
def test_a_file_of_any_name_is_told_and_put_aside(what: str, exchange: Exchange) -> None:
    (exchange.folder / "out" / NAMES[what]).write_bytes(b"no batch")
    key = exchange.honest()
    code, said = exchange.take()
    assert (code, len(said), exchange.is_there(key)) == (3, 2, True)
    assert all(name.isprintable() and len(name) <= 80 for name in said)
    assert listed(exchange.folder / "out") == []
    assert len(listed(exchange.folder / "aside")) == 2


@pytest.mark.attack(2)
def test_the_command_prints_and_logs_names_of_all_kinds(exchange: Exchange) -> None:
    for name in NAMES.values():
        (exchange.folder / "out" / name).write_bytes(b"no batch")
    code, said, log = exchange.take_once()
    assert (code, len(said)) == (1, len(NAMES))
    assert all(line.isprintable() for line in log.splitlines())
    assert len(log.splitlines()) == len(NAMES)


# The rest is read by the same function and tried in test_archive.py.
@pytest.mark.attack(2)
@pytest.mark.parametrize("what", [name for name in ARCHIVES if not name.startswith(("a thousand", "101,000", "zeros"))])
def test_a_hostile_archive_is_put_aside_with_its_reason_and_met_no_more(what: str, exchange: Exchange) -> None:
    (exchange.folder / "out" / "a.tbz").write_bytes(ARCHIVES[what]())
    key = exchange.honest()
    code, said = exchange.take()
    assert (code, bool(said["a.tbz"]["trouble"]), exchange.is_there(key)) == (3, True, True)
    assert (exchange.folder / "aside" / "a.tbz").read_bytes() == ARCHIVES[what]()
    assert exchange.take() == (0, {})


@pytest.mark.attack(2)
def test_a_thousand_bad_files_are_told_in_a_few_lines(exchange: Exchange) -> None:
    for number in range(1100):
        (exchange.folder / "out" / f"{number:04}.tbz").write_bytes(b"no batch")
    key = exchange.honest()
    code, said, log = exchange.take_once()
    assert (code, exchange.is_there(key), len(said)) == (3, True, 1101)
    assert len(log.splitlines()) <= 22
    assert len(listed(exchange.folder / "aside")) == 2 * 1000
    assert len(listed(exchange.folder / "out")) == 100
    where = "select count(*) from event where kind = 'file_trouble' and data->>'file' ~ '^[0-9]{4}.tbz$'"
    assert exchange.hub.sql(where) == [(20,)]


@pytest.mark.attack(2)
def test_thousands_of_envelopes_that_nobody_signed_are_told_in_a_few_words(exchange: Exchange) -> None:
    """Each would otherwise be a line of the command, of the reasons and of the event log."""
    stranger = Machine(exchange.hub, "k-9999-nobody")
    sent = [stranger.envelope("rating", b"5", parcels=False) for _ in range(150)]
    members = [Member("envelopes", f"{each.key}.json", each.wire) for each in sent]
    write_batch(exchange.folder / "out" / "a.tbz", members)
    code, said = exchange.take()
    assert (code, len(said["a.tbz"]["rejected"])) == (1, 100)
    assert said["a.tbz"]["trouble"] == ["50 more envelopes are not signed by a machine that is enrolled"]


@pytest.mark.attack(2)
def test_a_file_full_of_what_a_machine_is_said_to_have_signed_is_not_judged_to_its_end(exchange: Exchange) -> None:
    """300 KB of 60,000 tiny ones held all others' files for two minutes: each asked the database for the keys."""
    sent = exchange.machine.envelope("rating", b"5", parcels=False)
    first = msgspec.json.decode(sent.wire)
    packing = [packed_envelope(first, f"{number:08x}{sent.key[8:]}") for number in range(3000)]
    write_batch(exchange.folder / "out" / "a.tbz", packing)
    key = exchange.honest()
    code, said = exchange.take()
    assert code == 3
    assert said["a.tbz"]["trouble"] == [
        "more than 1000 envelopes are not signed by a machine that is enrolled; what follows was not judged",
        "901 more envelopes are not signed by a machine that is enrolled",
    ]
    assert [each.name for each in (exchange.folder / "aside").iterdir() if each.suffix == ".tbz"] == ["a.tbz"]
    assert exchange.is_there(key)


def packed_envelope(wire: dict, key: str) -> Member:
    return Member("envelopes", key, msgspec.json.encode({**wire, "header": {**wire["header"], "key": key}}))


@pytest.mark.attack(2)
def test_answers_beside_hostile_ones_of_the_same_name_are_still_written(exchange: Exchange) -> None:
    """In ``in/`` lies, under the name of the answer, what takes the reader long or leads away."""
    name = f"{exchange.machine.kiosk_id}-1-1.tbz"
    (exchange.folder / "in" / name).write_bytes(ARCHIVES["chained GNU long names"]())
    os.mkfifo(exchange.folder / "in" / name.replace("-1-1", "-01-01"))
    key = exchange.honest()
    assert exchange.take()[0] == 0
    found = [batch.keys_in(path) for path in (exchange.folder / "in").iterdir() if path.is_file()]
    assert frozenset({key}) in found


@pytest.mark.attack(2)
def test_a_file_of_holes_takes_nobodys_time(exchange: Exchange) -> None:
    """4 GB that cost nothing to put there took the reader 20 s each, under the names of all answers to come."""
    for place, name in (("out", "a.tbz"), ("in", f"{exchange.machine.kiosk_id}-1-1.tbz")):
        with (exchange.folder / place / name).open("wb") as file:
            file.truncate(4 * 1024**3 - 1)
    exchange.honest()
    spent = time.process_time()
    code, said = exchange.take()
    assert time.process_time() - spent < 10
    assert (code, said["a.tbz"]["trouble"]) == (3, ["a file of holes, most of which was never written"])
    assert (exchange.folder / "in" / f"{exchange.machine.kiosk_id}-01-01.tbz").exists()


@pytest.fixture
def serving(exchange: Exchange) -> Iterator[Callable[[], subprocess.Popen]]:
    started = []

    def start() -> subprocess.Popen:
        started.append(
            subprocess.Popen(
                exchange.command(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True
            )
        )
        assert b"ready" in started[-1].stdout.readline()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def reads(process: subprocess.Popen, path: Path) -> bool:
    handles = Path(f"/proc/{process.pid}/fd")
    return any(os.path.realpath(handle) == str(path) for handle in handles.iterdir())


@pytest.mark.attack(2)
@pytest.mark.parametrize("place", ["out", "in"])
def test_sigterm_ends_the_reading_of_a_file_that_takes_long(
    exchange: Exchange, serving: Callable[[], subprocess.Popen], place: str
) -> None:
    """In ``in/`` it has the name of an answer that is to be written."""
    if place == "in":
        exchange.honest()
    path = exchange.folder / place / ("a.tbz" if place == "out" else f"{exchange.machine.kiosk_id}-1-1.tbz")
    with path.open("wb") as file:
        file.write(packed(member(b"parcels/a", b"a")))
        os.posix_fallocate(file.fileno(), 0, 2 * 1024**3)  # no batch, and all of it must be looked at
    process = serving()
    eventually(lambda: reads(process, path), "the hub reads the file")
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG_S) == 0
    assert path.exists(), "it was ended in the middle; at the next start it is looked at again"
    path.unlink()
    assert listed(exchange.folder / "aside") == []


@pytest.mark.parametrize("breaks", ["a stop", "the database"])
def test_what_was_taken_in_before_the_end_is_told(
    breaks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They had left the folder, and no line said so."""
    (tmp_path / "out").mkdir()
    for name in ("a.tbz", "b.tbz"):
        (tmp_path / "out" / name).touch()

    async def handle(_self: Folder, _places: object, name: str, _identity: object) -> Handled:
        if name == "a.tbz":
            return Handled(name, TakenIn([], []))
        if breaks == "the database":
            raise psycopg.OperationalError
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Folder, "_handle", handle)
    monkeypatch.setattr(serving_commands, "Stop", lambda: SimpleNamespace(begin=lambda: None))
    hub: Any = SimpleNamespace(pool=nullcontext(), jobs=SimpleNamespace(open_async=nullcontext))
    with suppress(psycopg.OperationalError):
        asyncio.run(serving_commands._serve_files(hub, Folder(hub, tmp_path), once=True))
    assert [msgspec.json.decode(line)["file"] for line in capsys.readouterr().out.splitlines()] == ["a.tbz"]


@pytest.mark.attack(2)
def test_sigterm_ends_it_while_its_database_hangs(
    exchange: Exchange, serving: Callable[[], subprocess.Popen], cluster: OwnPostgres
) -> None:
    process = serving()
    with frozen(cluster):
        key = exchange.honest()
        path = exchange.folder / "out" / "zz-honest.tbz"
        eventually(lambda: path.stat().st_atime > path.stat().st_mtime, "the hub reads the file")
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) in (0, FORCED)
    assert exchange.take()[0] == 0
    assert exchange.is_there(key), "it lay where it was"


@pytest.mark.attack(2)
def test_the_running_service_goes_on_after_each_of_them(
    exchange: Exchange, serving: Callable[[], subprocess.Popen]
) -> None:
    process = serving()
    for number, what in enumerate(("chained pax headers", "a member of 2^70 bytes", "a name in GBK")):
        (exchange.folder / "out" / f"{number}.tbz").write_bytes(ARCHIVES[what]())
    os.mkfifo(exchange.folder / "out" / "pipe.tbz")
    shutil.copy(exchange.folder / "out" / "0.tbz", exchange.folder / "out" / NAMES["no UTF-8"])
    key = exchange.honest()
    eventually(lambda: exchange.is_there(key) and not listed(exchange.folder / "out"), "every file is handled")
    process.send_signal(signal.SIGTERM)
    assert process.wait(HANG_S) == 0


@pytest.mark.attack(2)
@pytest.mark.parametrize(
    "what", ["chained GNU long names", "a member of 2^70 bytes", "a pax header of 1 GiB", "a name in GBK"]
)
def test_one_enrolled_machine_sends_a_hostile_batch_and_the_hub_answers_everybody(what: str, hub: RunningHub) -> None:
    machine = hub.machine()
    answer = machine.call("POST", "/v1/batches", ARCHIVES[what]())
    assert answer.status_code == 200
    assert answer.json()["results"] == []
    assert answer.json()["trouble"]
    machine.file_case("zhao", "E13", "990100000100000000000777")
