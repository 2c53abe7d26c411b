"""Every ``hub`` command with what it cannot use: one line, no traceback, the exit code of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import main

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
