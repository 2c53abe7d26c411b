"""``kiosk enrol`` is the first command of a new machine: no hub key, no device, even no kiosk.toml is needed."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk import config as configuration
from kiosk.cli import main
from kiosk.demo.stage import HUB_READY_S, Stage, command
from tests.kiosk.conftest import toml


@pytest.fixture(scope="module")
def hub() -> Iterator[Stage]:
    """A hub on its own database; its code is good once."""
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    stage = Stage(folder)
    try:
        stage.ready["hub"] = stage.start_child(
            "hub", [command("hub"), "demo", "--data", str(folder / "hub"), "--today", "2027-01-12"]
        ).wait_ready(HUB_READY_S)
        yield stage
    finally:
        stage.end()
        shutil.rmtree(folder, ignore_errors=True)


def enrol(*words: str, config: Path, code: str = "x") -> Result:
    return CliRunner().invoke(main, ["--config", str(config), "enrol", *words], input=f"{code}\n")


def test_new_machine_with_next_to_nothing_is_enrolled_and_what_is_printed_makes_it_run(
    hub: Stage, tmp_path: Path
) -> None:
    config, ready = tmp_path / "kiosk.toml", hub.ready["hub"]
    store = tmp_path / "state" / "store.sqlite"
    config.write_text(f'[machine]\nid = "k-0001"\n[store]\npath = "{store}"\n[demo]\ntoday = 2027-01-12\n')
    typed = ready["enrolment_code"].lower().replace("-", " ")
    done = enrol("--hub", ready["url"], config=config, code=typed)
    assert done.exit_code == 0, done.output
    assert store.exists(), "the store begins here"
    printed = dict(re.findall(r'^(\w+) = "(.+)"$', done.stdout, re.MULTILINE))
    assert printed == {"url": ready["url"], "seal_key": ready["seal_key"], "verify_key": ready["verify_key"]}
    config.write_text(toml(tmp_path, hub=printed, store={"path": str(store)}))
    assert configuration.load(config).hub.seal_key == ready["seal_key"]
    again = enrol("--hub", ready["url"], config=config, code="ABCD-EFGH-JKLM")
    assert (again.exit_code, len(again.stderr.splitlines())) == (1, 1)
    assert "new code" in again.stderr


@pytest.mark.parametrize(
    ("content", "words", "named"),
    [
        (None, [], "--id"),
        ('[machine]\nid = "k-1"\n', [], "--store"),
        ('[machine]\nid = "机器"\n[store]\npath = "s"\n', [], "[machine] id"),
        ("[machine\n", [], "not TOML"),
        (None, ["--id", "k-1", "--store", "{}/s"], "did not answer"),
        ("machine = 1\nstore = 2\n", [], "--id"),
    ],
)
def test_what_is_missing_is_said_in_one_line(tmp_path: Path, content: str | None, words: list[str], named: str) -> None:
    config = tmp_path / "kiosk.toml"
    if content:
        config.write_text(content)
    words = [word.format(tmp_path) for word in words]
    done = enrol("--hub", "http://127.0.0.1:9", *words, config=config)
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, named in line) == (1, True), line


@pytest.mark.parametrize("url", ["http://127.0.0.1.evil.example", "hub.example", "http://[", "https://h:x"])
def test_address_that_is_none(config_file: Callable[..., Path], url: str) -> None:
    done = enrol("--hub", url, config=config_file())
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, "--hub" in line) == (1, True)


@pytest.mark.attack(12)
@pytest.mark.parametrize(
    ("said", "named"),
    [("ABCD-EFGH-JKLM\n", "did not answer"), ("\n", "one-time code"), (b"\xc4\xe3\n", "one-time code")],
)
def test_code_comes_by_standard_input(config_file: Callable[..., Path], said: str | bytes, named: str) -> None:
    words = ["--config", str(config_file()), "enrol", "--hub", "http://127.0.0.1:9"]
    done = CliRunner().invoke(main, words, input=said)
    (line,) = done.stderr.splitlines()
    assert (done.exit_code, named in line, "ABCD" in line) == (1, True, False)


@pytest.mark.attack(12)
def test_code_comes_by_a_file_that_nobody_else_reads_and_no_help_asks_for_it_as_an_argument(
    config_file: Callable[..., Path], tmp_path: Path
) -> None:
    config, code = config_file(), tmp_path / "code"
    code.write_text("\ufeffABCD-EFGH-JKLM\n", encoding="utf-8")
    for mode, named in ((0o644, "every user may read"), (0o600, "did not answer")):
        code.chmod(mode)
        done = enrol("--hub", "http://127.0.0.1:9", "--code-file", str(code), config=config, code="")
        (line,) = done.stderr.splitlines()
        assert (done.exit_code, named in line, "ABCD" in line) == (1, True, False)
    told = CliRunner().invoke(main, ["enrol", "--help"]).output
    assert "--code-file" in told
    assert "--code " not in told
    for argument, named in (("ABCD-EFGH-JKLM", "did not answer"), ("", "--code must hold the one-time code")):
        (line,) = enrol("--hub", "http://127.0.0.1:9", "--code", argument, config=config).stderr.splitlines()
        assert named in line


def test_file_of_a_code_that_is_no_text_is_named(config_file: Callable[..., Path], tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.write_bytes(b"\xff\xfeA\0")
    code.chmod(0o600)
    (line,) = enrol("--hub", "http://127.0.0.1:9", "--code-file", str(code), config=config_file()).stderr.splitlines()
    assert "--code-file must hold the one-time code" in line
