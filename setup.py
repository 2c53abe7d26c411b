"""What setup.cfg cannot say: a piece of C to build, and which of three distributions is built.

``kiosk._erasing`` is no Python module but a library that is loaded before the interpreter (``kiosk/hardening.py``).
Without a compiler everything else is installed all the same; the machine then says that freed memory is not erased.

A production machine carries neither hub nor emulators nor a database server. ``TONGBAN_DISTRIBUTION`` names what is
built: ``kiosk`` (``tongban``, what is built without it), ``hub`` (``tongban-hub``), ``bench`` (``tongban-bench``: the
emulators, the demo, synthetic people, a PostgreSQL) or ``all`` (this folder as developers install it).
"""

from __future__ import annotations

import os
import shutil
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

BENCH = (
    "kiosk/demo/*",
    "kiosk/locale/*/demo.po",
    "kiosk/commands/sim.py",
    "devices/simulation*.py",
    "devices/*/sim/*",
    "hub/demo*.py",
    "hub/acquirer/*",
    "hub/people/*",
    "hub/departments/*/population.py",
    "hub/postgres.py",
)
NAMES = {"all": "tongban", "kiosk": "tongban", "hub": "tongban-hub", "bench": "tongban-bench"}
SCRIPTS = {"hub": {"console_scripts": ["hub = hub.cli:main"]}, "bench": {"console_scripts": []}}
ROOT = Path(__file__).parent


def part_of(path: str) -> str:
    """Which distribution a file belongs to, by its path in this folder."""
    if any(fnmatch(path, pattern) for pattern in BENCH):
        return "bench"
    return "hub" if path.startswith("hub/") else "kiosk"


def chosen() -> str:
    """What is built now."""
    name = os.environ.get("TONGBAN_DISTRIBUTION", "kiosk")
    if name not in NAMES:
        raise SystemExit(f"TONGBAN_DISTRIBUTION={name}: not one of {', '.join(NAMES)}")
    return name


class OnePart(build_py):
    """Takes the files of one distribution, and nothing that an earlier build has left."""

    def run(self) -> None:
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()

    def _is_in(self, path: str) -> bool:
        return chosen() in ("all", part_of(Path(path).resolve().relative_to(ROOT.resolve()).as_posix()))

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [module for module in found if self._is_in(module[2])]

    def find_data_files(self, package: str, src_dir: str) -> list[str]:
        return [path for path in super().find_data_files(package, src_dir) if self._is_in(path)]


def facts() -> dict[str, object]:
    """Name, requirements and scripts, where they are not those of setup.cfg."""
    name = chosen()
    if name == "all":
        return {}
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    version, extras = config["metadata"]["version"], config["options.extras_require"]
    if name == "kiosk":
        parts = {part: [f"{NAMES[whole]}=={version}"] for part, whole in (("hub", "hub"), ("demo", "bench"))}
        return {"extras_require": parts, "entry_points": _machine_only(config)}
    needs = {"hub": ["tongban"], "bench": ["tongban", "tongban-hub"]}[name]
    own = extras["hub" if name == "hub" else "demo"].split()
    return {
        "name": NAMES[name],
        "install_requires": [*(f"{each}=={version}" for each in needs), *own],
        "extras_require": {"none": []},
        "entry_points": SCRIPTS[name],
    }


def _machine_only(config: ConfigParser) -> dict[str, list[str]]:
    groups = {group: lines.strip().split("\n") for group, lines in config["options.entry_points"].items()}
    return groups | {"console_scripts": [line for line in groups["console_scripts"] if line.startswith("kiosk")]}


ERASING = Extension(
    "kiosk._erasing",
    ["kiosk/erasing.c"],
    extra_compile_args=["-O2", "-fno-builtin", "-Wall", "-Wextra"],
    optional=True,
)
setup(
    ext_modules=[ERASING] if chosen() in ("all", "kiosk") else [],
    cmdclass={"build_py": OnePart},
    **facts(),  # type: ignore[arg-type]
)
