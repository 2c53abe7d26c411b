"""``kiosk queue export`` and ``import``: what a machine that never comes back has left reaches the city."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner

from kiosk.cli import main
from kiosk.hub_link import transfer
from kiosk.messages.batch import TROUBLES_TOLD, Member, read_batch, write_batch
from kiosk.messages.envelope import new_key
from kiosk.messages.receipts import receipt_bytes, sign_receipt
from kiosk.messages.seal import new_sign_key
from tests.hub.fixtures import RunningHub, cluster, database
from tests.hub.fixtures import hub as real_hub
from tests.kiosk.conftest import toml
from tests.kiosk.hub_link.side import Side

__all__ = ["cluster", "database", "real_hub"]


class Dead(Side):
    """A machine that filed and was then switched off for good."""

    def config(self, **hub: object) -> str:
        path = self.folder / "kiosk.toml"
        keys = {"url": self.hub.url, "seal_key": self.seal_key, "verify_key": self.verify_key, "suite": self.suite}
        machine = {"id": self.kiosk_id}
        store = {"path": str(self.folder / "store.db")}
        path.write_text(toml(self.folder, machine=machine, store=store, hub=keys | hub), "utf-8")
        return str(path)

    async def kiosk(self, *words: object, **hub: object) -> tuple[int, dict]:
        """``kiosk … --json``: exit code and what it printed."""
        arguments = ["--config", self.config(**hub), "queue", *map(str, words), "--json"]
        done = await trio.to_thread.run_sync(lambda: CliRunner().invoke(main, arguments))
        return done.exit_code, msgspec.json.decode(done.stdout) if done.stdout else {"error": done.stderr}


def results(said: dict) -> list[str]:
    return [line["result"] for line in said["envelopes"]]


@pytest.fixture
async def dead(real_hub: RunningHub, tmp_path: Path) -> Dead:
    (tmp_path / "dead").mkdir()
    machine = Dead(real_hub, tmp_path / "dead", "https")
    await machine.enrol()
    for _ in range(3):
        machine.file(photo=b"p" * 50_000)
    await machine.close()
    return machine


@pytest.fixture
async def other(real_hub: RunningHub, tmp_path: Path) -> Dead:
    (tmp_path / "other").mkdir()
    machine = Dead(real_hub, tmp_path / "other", "https")
    await machine.enrol()
    await machine.close()
    return machine


async def test_an_export_reaches_the_city_through_another_machine(dead: Dead, other: Dead) -> None:
    file = dead.folder / "left.tbz"
    digest = hashlib.sha256((dead.folder / "store.db").read_bytes()).hexdigest()
    exported = await dead.kiosk("export", file)
    assert hashlib.sha256((dead.folder / "store.db").read_bytes()).hexdigest() == digest
    assert exported == (0, _said(dead, "accepted"))
    code, said = await other.kiosk("import", file)
    assert (code, results(said), said["trouble"]) == (0, ["accepted"] * 3, [])
    assert len(dead.at_hub()) == 3
    assert other.at_hub() == []
    code, said = await other.kiosk("import", file)
    assert (code, results(said)) == (0, ["already known"] * 3)
    assert dead.events("received") == 3


def _said(machine: Dead, result: str) -> dict:
    machine.open()
    lines = [
        {"kiosk_id": machine.kiosk_id, "seq": row.seq, "key": row.key, "result": result, "reason": ""}
        for row in machine.outbox.rows()
    ]
    machine.store.close()
    return {"envelopes": lines, "trouble": []}


async def test_the_city_takes_an_export_as_it_is_and_its_answers_can_be_imported(dead: Dead) -> None:
    file = dead.exchange / "out" / "export of the dead one.tbz"
    file.parent.mkdir(parents=True)
    await dead.kiosk("export", file)
    code, [said] = dead.hub_files()
    assert (code, said["accepted"]) == (0, 3)
    [answers] = (dead.exchange / "in").iterdir()
    code, said = await dead.kiosk("import", answers)
    assert (code, results(said)) == (0, ["accepted"] * 3)
    code, said = await dead.kiosk("import", answers)
    assert (code, results(said)) == (0, ["already known"] * 3)
    code, said = await dead.kiosk("export", file)
    assert (code, said["envelopes"], file.exists()) == (0, [], False)


async def test_with_the_file_carrier_foreign_envelopes_go_into_the_folder(dead: Dead, other: Dead) -> None:
    file = dead.folder / "left.tbz"
    await dead.kiosk("export", file)
    code, said = await other.kiosk("import", file, carrier="file", folder=str(other.exchange))
    assert (code, results(said)) == (0, ["accepted"] * 3)
    assert [path.name for path in other.batches()] == [f"{dead.kiosk_id}-1-3.tbz"]
    code, [said] = other.hub_files()
    assert (code, said["accepted"]) == (0, 3)
    assert len(dead.at_hub()) == 3


async def test_what_is_forwarded_lies_in_no_folder_on_its_way(
    dead: Dead, other: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill left it in /tmp."""
    file = dead.folder / "left.tbz"
    await dead.kiosk("export", file)
    monkeypatch.setattr(tempfile, "tempdir", str(dead.folder / "nowhere"))
    code, said = await other.kiosk("import", file)
    assert (code, results(said)) == (0, ["accepted"] * 3)


def test_of_thousands_that_are_no_envelopes_a_hundred_are_told(tmp_path: Path) -> None:
    write_batch(tmp_path / "a.tbz", (Member("envelopes", f"{n}.json", b"{}") for n in range(TROUBLES_TOLD + 50)))
    trouble: list[str] = []
    assert list(transfer.envelopes_in(tmp_path / "a.tbz", trouble)) == []
    assert (len(trouble), trouble[-1]) == (TROUBLES_TOLD + 1, "50 more are no envelopes")


def test_of_thousands_of_answers_to_others_a_hundred_are_told(tmp_path: Path) -> None:
    said = sign_receipt(new_key(), "0" * 64, hub_seq=1, received_at="2027-01-12", private_key=new_sign_key().private)
    answers = [msgspec.structs.replace(said, key=new_key()) for _ in range(TROUBLES_TOLD + 50)]
    write_batch(tmp_path / "a.tbz", [Member("receipts", f"{each.key}.json", receipt_bytes(each)) for each in answers])
    nobodys: Any = SimpleNamespace(proof=lambda _: None)
    trouble: list[str] = []
    lines = transfer.take_answers(nobodys, tmp_path / "a.tbz", "", "std", trouble)
    assert {line.reason for line in lines} == {"an answer to another machine"}
    assert (len(lines), trouble) == (TROUBLES_TOLD, ["50 more are answers to another machine"])


async def test_its_own_envelopes_need_no_import(dead: Dead) -> None:
    file = dead.folder / "left.tbz"
    await dead.kiosk("export", file)
    code, said = await dead.kiosk("import", file)
    assert (code, results(said)) == (0, ["already known"] * 3)
    assert dead.at_hub() == []


async def test_a_partly_readable_file_is_taken_in_as_far_as_it_goes(dead: Dead, other: Dead) -> None:
    file = dead.folder / "left.tbz"
    await dead.kiosk("export", file)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 20] = bytes(20)
    file.write_bytes(raw)
    code, said = await other.kiosk("import", file)
    assert (code, sorted(results(said))) == (3, ["accepted", "accepted", "rejected"])
    assert "damaged or missing" in next(line["reason"] for line in said["envelopes"] if line["reason"])
    assert said["trouble"]
    assert len(dead.at_hub()) == 2
    file.write_bytes(bytes(raw[: len(raw) // 3]))
    code, said = await other.kiosk("import", file)
    assert (code, said["trouble"]) == (3, ["not readable to its end: it is cut off"])


@pytest.mark.parametrize("content", [b"", b"a letter", bytes(20_000), b"BZh91AY&SY" + bytes(100)])
async def test_a_file_that_is_none_of_ours_is_named(dead: Dead, content: bytes) -> None:
    file = dead.folder / "foreign.tbz"
    file.write_bytes(content)
    code, said = await dead.kiosk("import", file)
    assert code == 1
    assert said["trouble"]


async def test_an_altered_envelope_is_rejected_by_the_hub_and_the_others_pass(dead: Dead, other: Dead) -> None:
    file = dead.folder / "left.tbz"
    await dead.kiosk("export", file)
    members = list(read_batch(file, str))
    first = next(member for member in members if member.kind == "envelopes")
    altered = first._replace(content=first.content.replace(b'"kind":"case"', b'"kind":"rating"'))
    file.unlink()
    write_batch(file, [altered if member is first else member for member in members])
    code, said = await other.kiosk("import", file)
    assert (code, results(said)) == (3, ["rejected", "accepted", "accepted"])
    assert said["envelopes"][0]["reason"] == "not signed by a machine that is enrolled"
    assert len(dead.at_hub()) == 2


async def test_a_hub_that_is_away_takes_nothing_and_says_so(dead: Dead, other: Dead) -> None:
    file = dead.folder / "left.tbz"
    await dead.kiosk("export", file)
    code, said = await other.kiosk("import", file, url="http://127.0.0.1:9")
    assert (code, results(said)) == (1, ["rejected"] * 3)
    assert "no_connection" in said["envelopes"][0]["reason"]


async def test_what_a_stranger_calls_accepted_is_not(dead: Dead, other: Dead) -> None:
    """With another verify key the hub's receipts prove nothing: whoever imports must not throw the file away."""
    file = dead.folder / "left.tbz"
    await dead.kiosk("export", file)
    code, said = await other.kiosk("import", file, verify_key=new_sign_key().public)
    assert (code, results(said)) == (1, ["rejected"] * 3)
    assert "no receipt of the hub" in said["envelopes"][0]["reason"]


async def test_a_running_machine_is_neither_exported_nor_imported_into(dead: Dead) -> None:
    file = dead.folder / "left.tbz"
    await dead.kiosk("export", file)
    dead.open()
    for verb in ("export", "import"):
        code, said = await dead.kiosk(verb, file)
        assert (code, "another process runs" in said["error"]) == (1, True)
    await dead.close()


async def test_a_damaged_row_is_left_out_of_the_export_and_named(dead: Dead) -> None:
    dead.open()
    dead.store.db.execute("UPDATE parcel SET sealed = zeroblob(100) WHERE id = 2 * 256")
    await dead.close()
    rescued = dead.folder / "rescued.db"
    shutil.copy(dead.folder / "store.db", rescued)
    code, said = await dead.kiosk("export", dead.folder / "left.tbz", "--store", rescued)
    assert (code, results(said)) == (3, ["accepted", "rejected", "accepted"])
    assert said["envelopes"][1]["reason"] == "damaged on the disk: part form is not what was signed"


async def test_an_export_replaces_nothing_that_is_there(dead: Dead) -> None:
    taken = [dead.folder / name for name in ("store.db", "kiosk.toml", "pipe", "link", "nowhere", "left.tbz")]
    dead.config()
    os.mkfifo(taken[2])
    taken[3].symlink_to("store.db")
    taken[4].symlink_to("gone")
    assert (await dead.kiosk("export", taken[5]))[0] == 0
    before = [(each.lstat().st_ino, each.lstat().st_size) for each in taken]
    kinds = ("a file", "a file", "a pipe", "a link", "a link", "a file")
    for file, kind in zip(taken, kinds, strict=True):
        code, said = await dead.kiosk("export", file)
        told = f"kiosk: {file.name}: there is {kind} already; take it away, or name a file that is not there yet"
        assert (code, said["error"].strip()) == (1, told)
    assert [(each.lstat().st_ino, each.lstat().st_size) for each in taken] == before
    assert not list(dead.folder.glob("*.tmp"))
    assert len((await dead.kiosk("list"))[1]) == 3, "and the queue is what it was"


async def test_an_export_of_nothing_leaves_no_older_one_to_be_taken_for_it(other: Dead) -> None:
    file = other.folder / "left.tbz"
    file.write_bytes(b"of another day")
    assert (await other.kiosk("export", file))[0] == 1
