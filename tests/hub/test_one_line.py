"""Every ``hub`` command with what it cannot use: one line, no traceback, the exit code of the contract."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.payment_commands import _write_differences
from hub.payments.acquirer import BillRow
from hub.slots.plan import usual, written
from hub.typed import CARD_NUMBER, MACHINE, POST_NUMBER, RECEIPT_NUMBER, Typed

NOBODY = "postgresql://127.0.0.1:1/nobody"


@pytest.mark.parametrize("dsn", ["garbage", NOBODY, "postgresql://127.0.0.1:port/x"])
@pytest.mark.parametrize(
    "line",
    [
        "serve --keys KEYS",
        "files --keys KEYS --folder FOLDER --once",
        "gaps",
        "gaps --today x",
        "restore --keys FOLDER PHOTO",
        "restore --keys FOLDER --today x PHOTO",
        "code --machine k-0001",
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, line: str, dsn: str) -> None:
    (tmp_path / "photo").write_bytes(b"x")
    places = {"KEYS": "none", "FOLDER": "", "PHOTO": "photo"}
    words = [str(tmp_path / places[word]) if word in places else word for word in line.split()]
    done = CliRunner().invoke(main, [words[0], "--dsn", dsn, *words[1:]])
    assert isinstance(done.exception, SystemExit), repr(done.exception)
    if done.exit_code == 2:
        assert "Usage:" in done.stderr
        return
    (told,) = done.stderr.splitlines()
    assert (done.exit_code, told.startswith("hub: ")) == (1, True)


def test_port_that_is_none_is_a_matter_of_usage() -> None:
    done = CliRunner().invoke(main, ["demo", "--port", "99999999"])
    assert (done.exit_code, "0<=x<=65535" in done.stderr) == (2, True)


@pytest.mark.attack(12)
@pytest.mark.parametrize(
    "dsn", ["postgresql://hub:geheim@db/hub", "host=db password=geheim", "postgresql://db/hub?password=geheim"]
)
def test_password_as_an_argument_is_refused_and_not_repeated(dsn: str) -> None:
    done = CliRunner().invoke(main, ["code", "--machine", "K-1", "--dsn", dsn])
    assert (done.exit_code, "TONGBAN_HUB_DSN" in done.output, "geheim" in done.output) == (2, True, False)
    # From the environment it is taken: nobody is there.
    done = CliRunner(env={"TONGBAN_HUB_DSN": "host=/nowhere password=geheim"}).invoke(
        main, ["code", "--machine", "K-1"]
    )
    assert (done.exit_code, "geheim" in done.output) == (1, False)


@pytest.mark.parametrize(
    "line",
    [
        ["code", "--machine", ""],
        ["code", "--machine", "k 99/01"],
        ["code", "--machine", "к-9901"],
        ["machine", "revoke", "k-99*01"],
        ["machine", "revoke", "k-9901", "--by", " "],
        ["questions", "--machine", "k-9901;"],
        ["restore", "--ended", "k 9901", "--keys", "FOLDER", "PHOTO"],
        ["department", "case", "traffic", "9901 0000 0120 2701 1200 0012", "decided"],
        ["department", "case", "traffic", "99010000012027011200001", "decided"],
        ["payments", "owner", "   "],
        ["post", "sent", "01985a5e-0000-7000-8000-000000000000", "EB 123/456"],
        ["slots", "list", "9999-12-31"],
    ],
    ids=" ".join,
)
def test_a_number_that_cannot_be_meant_is_refused_before_anything_is_asked(tmp_path: Path, line: list[str]) -> None:
    (tmp_path / "photo").write_bytes(b"x")
    places = {"FOLDER": str(tmp_path), "PHOTO": str(tmp_path / "photo")}
    done = CliRunner().invoke(main, [*(places.get(word, word) for word in line), "--dsn", NOBODY])
    assert (done.exit_code, "Error: " in done.stderr) == (2, True), done.output


PLAN = written(usual())
HALLS = '[[place]]\nkey = "99-1"\nname = { zh = "通办厅", en = "Hall" }\n'
SETTINGS = 'url = "https://acquirer.example"\nmerchant = "通办"\n'
FILES = {"slots plan": PLAN, "places": HALLS, "payments reconcile 2026-11-01 --acquirer": SETTINGS}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("line", FILES)
def test_a_file_that_windows_saved_is_understood_or_named(tmp_path: Path, line: str, encoding: str) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes((FILES[line] + "# 通办\n").replace("\n", "\r\n").encode(encoding))
    file.chmod(0o600)
    told = CliRunner().invoke(main, [*line.split(), str(file), "--dsn", NOBODY]).stderr
    named = {"gb18030": "is GBK or GB 18030", "utf-16": "is UTF-16"}.get(encoding)
    assert (named in told) if named else "line 1, column 1" not in told, told


@pytest.mark.parametrize("kind", ["pipe", "folder", "huge"])
@pytest.mark.parametrize(
    "line",
    [
        "places FILE",
        "slots plan FILE",
        "payments reconcile 2026-11-01 --acquirer FILE",
        "serve --keys KEYS --tls-cert FILE --tls-key FILE",
        "serve --keys KEYS --make-keys --acquirer FILE",
        "serve --keys KEYS --make-keys --department x=http://127.0.0.1:1 --token-file FILE",
    ],
)
def test_what_is_no_file_of_settings_is_named(tmp_path: Path, line: str, kind: str) -> None:
    file = tmp_path / "a.toml"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.touch(0o600)
        os.truncate(file, 2**40)
    places = {"FILE": str(file), "KEYS": str(tmp_path / "keys")}
    words = [places.get(word, word) for word in line.split()]
    told = CliRunner().invoke(main, [*words, "--dsn", NOBODY]).stderr
    assert "fault in the program" not in told


@pytest.mark.parametrize(
    ("read", "typed", "meant"),
    [
        (RECEIPT_NUMBER, "9901 0000 0120 2701 1200 0018", "990100000120270112000018"),
        (RECEIPT_NUMBER, "９９０１００００-０１２０２７０１-１２００００１８ ", "990100000120270112000018"),
        (MACHINE, "Ｋ－9901 ", "K-9901"),
        (CARD_NUMBER, "９９０１０１ 19600229 008ｘ", "99010119600229008X"),
        (POST_NUMBER, "eb 123 456 789 cn", "EB123456789CN"),
    ],
)
def test_a_number_as_people_type_it_is_the_one_that_is_kept(read: Typed, typed: str, meant: str) -> None:
    assert read.convert(typed, None, None) == meant


def arguments(group: click.Group) -> Iterator[tuple[str, click.Parameter]]:
    """Of every command below it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from arguments(command)
        else:
            yield from ((f"{name} {argument.name}", argument) for argument in command.params)


def test_no_command_takes_a_number_or_a_machine_without_bringing_it_into_its_form() -> None:
    kept = {"receipt_number": RECEIPT_NUMBER, "kiosk_id": MACHINE, "tracking": POST_NUMBER}
    found = [(where, argument) for where, argument in arguments(main) if argument.name in kept]
    assert len(found) >= 10
    assert [where for where, argument in found if argument.type is not kept[argument.name or ""]] == []


def test_a_command_that_asks_the_database_does_not_wait_for_the_web_framework() -> None:
    names = "machine", "keys", "gaps", "payments", "post", "catalogue", "places", "slots"
    script = (
        "import click, sys; from hub.cli import main; "
        f"assert all(main.get_command(click.Context(main), name) for name in {names}); "
        "sys.exit('litestar' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    ("line", "environment", "named"),
    [
        ([b"serve", b"--keys", b"KEYS", b"--dsn", b"\xff"], {}, "argument 5"),
        ([b"limits", b"--by", b"x", b"--opens=\xff"], {}, "argument 4"),
        ([b"code", b"--machine", b"k-9901"], {b"TONGBAN_HUB_DSN": b"host=\xc4\xe3"}, "TONGBAN_HUB_DSN"),
        ([b"code", b"--machine", b"k-9901", b"--dsn", b""], {b"PGHOST": b"/nowhere/\xff"}, "connection"),
    ],
)
def test_bytes_that_are_no_text_are_named_and_are_no_fault_of_the_program(
    line: list[bytes], environment: dict[bytes, bytes], named: str
) -> None:
    command = [os.fsencode(sys.executable), b"-m", b"hub", *line]
    told = subprocess.run(command, capture_output=True, check=False, env={**os.environb, **environment})
    (said,) = told.stderr.decode().splitlines()
    assert (told.returncode, said.startswith("hub: "), named in said) == (1, True, True), said
    assert "fault in the program" not in said
    assert b"\xff" not in told.stderr


def test_the_two_books_take_the_place_of_earlier_ones_only(tmp_path: Path) -> None:
    path, row = tmp_path / "bill.csv", BillRow("pay", "o1", "o1", 1000)
    for rows in ([row, row], [row]):
        _write_differences(path, rows, rows)
        assert len(path.read_text().splitlines()) == 1 + 2 * len(rows)
    (tmp_path / "acquirer.toml").write_text('url = "https://bank"')
    (tmp_path / "link.csv").symlink_to(path)
    for name in ("acquirer.toml", "link.csv"):
        with pytest.raises(click.ClickException, match="already; take it away"):
            _write_differences(tmp_path / name, [], [])
    assert (tmp_path / "acquirer.toml").read_text() == 'url = "https://bank"'
    assert len(path.read_text().splitlines()) == 3
