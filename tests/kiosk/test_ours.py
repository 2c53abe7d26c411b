"""What decides what a machine or the hub does is believed only when nobody else can have written it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.keys import load_keys, load_or_make_keys
from kiosk import config
from kiosk.catalogue import loader
from kiosk.catalogue.loader import CatalogueError
from kiosk.catalogue.signing import require_signed, sign_folder
from kiosk.citizen import read_script
from kiosk.config import ConfigError
from kiosk.messages.ours import NotOurs, read_ours
from kiosk.messages.seal import new_sign_key
from kiosk.toml_file import TomlTrouble, parse_toml
from tests.hub.fixtures import ROOT
from tests.kiosk.conftest import toml
from tests.waiting import HANG_S

pytestmark = pytest.mark.attack(12)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to another user")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir(mode=0o755)
    return tmp_path / "etc"


def to_group(path: Path) -> None:
    path.chmod(0o664 if path.is_file() else 0o775)


def to_all(path: Path) -> None:
    path.chmod(0o646 if path.is_file() else 0o757)


def to_a_stranger(path: Path) -> None:
    os.chown(path, 12345, 12345)


OPENED: list[object] = [
    pytest.param(to_group, "its group may write it", id="to its group"),
    pytest.param(to_all, "every user may write it", id="to all"),
    pytest.param(to_a_stranger, "belongs to another user", marks=as_root, id="to another user"),
]


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize(("opened_to", "named"), OPENED)
def test_configuration_that_others_may_write_refuses_the_start(
    opened_to: Callable[[Path], None], named: str, what: str, folder: Path
) -> None:
    path = folder / "kiosk.toml"
    path.write_text(toml(folder), "utf-8")
    config.load(path)
    opened_to(path if what == "file" else folder)
    with pytest.raises(ConfigError, match=named) as refused:
        config.load(path)
    assert str(path if what == "file" else folder) in str(refused.value)


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize(("opened_to", "named"), OPENED)
def test_where_a_link_leads_counts_too(
    opened_to: Callable[[Path], None], named: str, what: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "kiosk.toml"
    real.write_text(toml(folder), "utf-8")
    (folder / "kiosk.toml").symlink_to(real)
    config.load(folder / "kiosk.toml")
    opened_to(real if what == "file" else real.parent)
    with pytest.raises(ConfigError, match=named):
        config.load(folder / "kiosk.toml")


def test_a_folder_in_which_everybody_keeps_his_own_files_is_good(folder: Path) -> None:
    folder.chmod(0o1777)
    (folder / "kiosk.toml").write_text(toml(folder), "utf-8")
    assert config.load(folder / "kiosk.toml").machine.id


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize(("opened_to", "named"), OPENED)
def test_hub_keys_that_others_may_write_are_refused(
    opened_to: Callable[[Path], None], named: str, what: str, folder: Path
) -> None:
    keys = folder / "keys"
    load_or_make_keys(keys)
    opened_to(keys / "sign.key" if what == "file" else keys)
    with pytest.raises(NotOurs, match=named):
        load_keys(keys)


def test_hub_keys_that_everybody_may_read_are_refused_and_a_group_may(folder: Path) -> None:
    load_or_make_keys(folder / "keys")
    (folder / "keys" / "seal.key").chmod(0o640)
    load_keys(folder / "keys")
    (folder / "keys" / "seal.key").chmod(0o644)
    with pytest.raises(NotOurs, match="every user may read this secret"):
        load_keys(folder / "keys")


@pytest.mark.parametrize("what", ["a pipe", "a link to nothing", "a large file"])
def test_no_key_file_holds_the_hub_up(what: str, folder: Path) -> None:
    load_or_make_keys(folder / "keys")
    path = folder / "keys" / "person.key"
    path.unlink()
    if what == "a pipe":
        os.mkfifo(path, 0o600)
    elif what == "a link to nothing":
        path.symlink_to("nowhere")
    else:
        path.touch(0o600)
        os.truncate(path, 2**40)
    with pytest.raises(OSError):
        load_keys(folder / "keys")


def test_keys_are_made_where_a_stranger_has_prepared_a_link(folder: Path) -> None:
    victim = folder / "victim"
    (folder / "keys").mkdir(mode=0o700)
    (folder / "keys" / "sign.key").symlink_to(victim)
    load_or_make_keys(folder / "keys")
    assert not victim.exists()


@pytest.fixture
def signed(folder: Path) -> tuple[Path, str]:
    """A catalogue that was signed, and the key to check it with."""
    pair, place = new_sign_key(), folder / "catalogue"
    for path in loader.shipped().rglob("*.toml"):
        target = place / path.relative_to(loader.shipped())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    sign_folder(place, pair.private)
    require_signed(place, pair.public)
    return place, pair.public


@pytest.mark.parametrize("what", [".", "traffic", "traffic/T01.toml", "manifest.json"])
@pytest.mark.parametrize(("opened_to", "named"), OPENED)
def test_a_catalogue_that_others_may_write_is_refused(
    opened_to: Callable[[Path], None], named: str, what: str, signed: tuple[Path, str]
) -> None:
    opened_to(signed[0] / what)
    with pytest.raises(CatalogueError, match=named):
        require_signed(*signed)


def replaced_by_link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def replaced_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def made_large(path: Path) -> None:
    os.truncate(path, 2**40)


@pytest.mark.attack(1)
@pytest.mark.parametrize("what", ["traffic/T01.toml", "catalogue.toml", "manifest.json"])
@pytest.mark.parametrize("spoil", [replaced_by_link, replaced_by_pipe, made_large])
def test_a_catalogue_follows_no_link_and_waits_for_nothing(
    spoil: Callable[[Path], None], what: str, signed: tuple[Path, str]
) -> None:
    spoil(signed[0] / what)
    with pytest.raises(CatalogueError, match=r"not a regular file|larger than"):
        require_signed(*signed)


@pytest.mark.attack(1)
def test_a_line_of_a_catalogue_that_is_a_link_is_refused(signed: tuple[Path, str], folder: Path) -> None:
    (signed[0] / "traffic").rename(folder / "elsewhere")
    (signed[0] / "traffic").symlink_to(folder / "elsewhere")
    with pytest.raises(CatalogueError, match="is a link"):
        require_signed(*signed)


@pytest.mark.attack(1)
def test_what_is_parsed_is_what_was_signed_though_the_file_changes_in_between(
    signed: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed[0] / "traffic" / "T01.toml"
    judged = loader.digests_of

    def and_then_another(files: dict[str, bytes]) -> dict[str, str]:
        path.write_text("key = 'another'", "utf-8")
        return judged(files)

    monkeypatch.setattr("kiosk.catalogue.signing.digests_of", and_then_another)
    assert "T01" in require_signed(*signed).services


BOMBS = {
    "a dotted key": b"a." * 300_000 + b"a = 1",
    "a dotted table": b"[" + b"a." * 300_000 + b"a]",
    "a dotted key of quoted parts": b'"\\"". ' * 100_000 + b"a = 1",
    "a dotted key of parts that hold an end": b"'='." * 200_000 + b"a = 1",
    "arrays": b"a = " + b"[" * 500_000,
    "tables in tables": b"a = " + b"{a = " * 100_000,
    "a number of 5,000 digits": b"a = " + b"9" * 5000,
    "one long word": b"a" * 1_000_000,
    "quotes": b'"' * 1_000_000,
}


@pytest.mark.attack(2)
@pytest.mark.parametrize("what", BOMBS)
def test_a_toml_file_of_a_megabyte_is_judged_and_ends(what: str, folder: Path) -> None:
    """In a process of its own: what hangs in the parser cannot be ended from inside."""
    (folder / "a.toml").write_bytes(BOMBS[what])
    code = "import sys; from kiosk.citizen import read_script; from pathlib import Path; read_script(Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, folder / "a.toml"], capture_output=True, cwd=ROOT, check=False, timeout=HANG_S
    )
    assert b"TomlTrouble" in done.stderr.splitlines()[-1], done.stderr[-500:]


def test_keys_and_lists_of_a_usual_depth_are_read() -> None:
    strokes = ", ".join(f"[{n}.5, {n}.25]" for n in range(500))
    text = f'a.b."c.d".e = "{"Two words. " * 200}"\nsignature = [[{strokes}]]\n# {"a." * 600}'
    with pytest.raises(TomlTrouble, match="nested too deeply"):
        parse_toml(Path("a.toml"), text.encode())
    assert parse_toml(Path("a.toml"), text.rpartition("\n")[0].encode())["a"]["b"]["c.d"]


@pytest.mark.attack(1)
@pytest.mark.parametrize("spoil", [replaced_by_link, replaced_by_pipe, made_large])
def test_a_walk_script_is_a_file_of_its_own(spoil: Callable[[Path], None], folder: Path) -> None:
    path = folder / "walk.toml"
    path.write_text('services = ["T01"]')
    spoil(path)
    with pytest.raises(ValueError, match=r"not a regular file|larger than"):
        read_script(path)


@pytest.mark.attack(1)
@pytest.mark.parametrize("spoil", [replaced_by_pipe, made_large, lambda path: (path.unlink(), path.mkdir())])
def test_a_file_of_ours_that_is_none_is_refused_by_its_name(spoil: Callable[[Path], None], folder: Path) -> None:
    path = folder / "a.toml"
    path.write_text("x")
    spoil(path)
    with pytest.raises(NotOurs, match=f"^{path}: (is not a regular file|larger than)"):
        read_ours(path, 100)


def test_a_secret_that_is_read_is_bounded(folder: Path) -> None:
    (folder / "a.key").write_bytes(b"k" * 100)
    (folder / "a.key").chmod(0o600)
    assert read_ours(folder / "a.key", 100, secret=True) == b"k" * 100
