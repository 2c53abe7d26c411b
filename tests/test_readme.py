"""What README and docs/ claim: commands, paths and links exist, generated pages are up to date."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hub import cli as hub_cli
from kiosk import cli as kiosk_cli
from kiosk.orders import ORDERS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
COMMANDS = ("run", "demo", "doctor", "devices", "queue", "catalogue", "journeys", "walk", "sim", "enrol", "audit")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_paths_that_a_page_names_exist(page: Path) -> None:
    words = page.read_text(encoding="utf-8")
    # What a page tells its reader to write stands before the block that has its text.
    written = set(re.findall(r"^`([\w./-]+)`[^`\n]*:\n\n```", words, flags=re.MULTILINE))
    named = set(re.findall(r"`([a-z_]+/[\w./-]*|\.importlinter|setup\.cfg)`", words)) - written
    generated = {"demo-output/", "out/", "in/", "aside/", "former/", "envelopes/", "parcels/", "receipts/", "refusals/"}
    assert [name for name in named if name not in generated and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("command", ["run", "test"])
def test_the_two_commands_are_there_and_executable(command: str) -> None:
    assert f"./{command}" in README
    assert os.access(ROOT / command, os.X_OK)
    done = subprocess.run(["bash", "-n", str(ROOT / command), str(ROOT / "tools" / "setup.sh")], check=False)
    assert done.returncode == 0


def test_the_status_lines_that_are_listed_are_those_that_are_published() -> None:
    listed = {
        kind
        for row in re.findall(r"^\| (`[a-z_`, ]+) \|", (ROOT / "docs" / "walking.md").read_text("utf-8"), re.MULTILINE)
        for kind in re.findall("[a-z_]+", row)
    }
    sources = [path.read_text("utf-8") for path in (ROOT / "kiosk").rglob("*.py")]
    published = {kind for source in sources for kind in re.findall(r'publish\(\s*"([a-z_]+)"', source)}
    assert published
    assert published - listed == set(), "not in docs/walking.md"


def test_the_orders_that_are_listed_are_those_that_are_taken() -> None:
    page = (ROOT / "docs" / "debugging.md").read_text("utf-8")
    assert set(re.findall(r'^\| `\{"ask": "([a-z_]+)"', page, re.MULTILINE)) == set(ORDERS)


def test_ci_runs_every_check_and_the_same_suite() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    final = '[ "$status" -eq 1 ] || exit "$status"'
    assert lines[-7:-3] == ["bash tools/check.sh", "status=0", './test "$@" || status=$?', final]
    assert lines[-1].startswith("exec ./test ")
    assert "--last-failed " in lines[-1], "what failed is tried once more, and nothing else"
    checked = re.findall(r'^try "([a-z ]+)"', (ROOT / "tools" / "check.sh").read_text("utf-8"), flags=re.MULTILINE)
    assert checked == ["lint", "format", "types", "import layers", "house rules", "generated pages"]


def test_a_check_that_is_not_kept_is_named_after_all_were_tried(tmp_path: Path) -> None:
    tools, bin_ = tmp_path / "tools", tmp_path / ".venv" / "bin"
    tools.mkdir()
    bin_.mkdir(parents=True)
    (tools / "check.sh").write_bytes((ROOT / "tools" / "check.sh").read_bytes())
    says = 'say() { echo "$*" >&2; }; fail() { say "$*"; exit 1; }'
    (tools / "setup.sh").write_text(f"set -euo pipefail\nroot={tmp_path} venv={tmp_path}/.venv\n{says}\n")
    for name, ends in {"ruff": 0, "pyright": 1, "lint-imports": 0, "python": 1}.items():
        (bin_ / name).write_text(f"#!/bin/sh\nexit {ends}\n")
        (bin_ / name).chmod(0o755)
    done = subprocess.run(["bash", str(tools / "check.sh")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "not kept: types house rules generated pages")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_that_a_page_names_exist(page: Path) -> None:
    words = "\n".join(re.findall(r"`[^`\n]+`|^```[^`]*^```", page.read_text("utf-8"), flags=re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"(?<![\w-])make ([a-z][a-z-]+)", words)) - targets == set()
    for program, main in (("kiosk", kiosk_cli.main), ("hub", hub_cli.main)):
        named = re.findall(rf"(?m)(?:^|`)(?:\S+/bin/)?{program} ([a-z]+(?: [a-z]+)?)\b(?![.=/-])", words)
        assert [name for name in named if not _is_command(main, name)] == []


def _is_command(main: click.Command, name: str) -> bool:
    """Whether the first word, and the second where the first is a group, is a command."""
    context = click.Context(main)
    for word in name.split():
        if not isinstance(main, click.Group):
            return True
        found = main.get_command(context, word)
        if found is None:
            return False
        main = found
    return True


def test_tour_has_ten_lines() -> None:
    assert len(re.findall(r"^\d+\. ", README, flags=re.MULTILINE)) == 10


def test_make_lists_what_it_can_do() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    described = re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)
    assert {"help", "check", "test", "bench", "shots", "docs", "lock", "run"} <= set(described)


def test_commands_of_the_kiosk_exist() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "--help"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert [c for c in COMMANDS if not re.search(rf"^  {c}\b", done.stdout, flags=re.MULTILINE)] == []


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "tools/make_docs.py", "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stdout + done.stderr == ""


def test_lock_names_every_package_with_a_digest_and_no_place_to_get_it_from() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(
        r"^([a-z0-9-]+)(?:\[[a-z,-]+\])?==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", lock, flags=re.MULTILINE
    )
    assert len(pinned) == lock.count("==") > 50
    assert "://" not in lock
    assert "--index" not in lock
    assert "--find-links" not in lock


def test_lock_holds_everything_that_setup_cfg_asks_for() -> None:
    lock = {
        line.split("==")[0].split("[")[0]
        for line in (ROOT / "requirements.lock").read_text().split("\n")
        if "==" in line
    }
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    asked = re.findall(r"^    ([A-Za-z][\w.-]*)(?:\[[a-z]+\])?(?:[<>=]=?[\d.,<>=]+)?$", setup, flags=re.MULTILINE)
    assert len(asked) > 30
    assert [name for name in asked if name.lower().replace("_", "-") not in lock] == []


def test_debian_packages_are_plain_names() -> None:
    lines = [line for line in (ROOT / "packages.txt").read_text().split("\n") if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", line) for line in lines)
    assert {"python3-venv", "xvfb", "fonts-noto-cjk", "gcc", "libc6-dev"} <= set(lines)


def test_every_sentence_about_the_power_names_a_test_that_exists() -> None:
    section = README.split("## What happens when the power goes")[1].split("\n## ")[0]
    rows = [row.split("|")[1:3] for row in section.splitlines() if row.startswith("| ") and "---" not in row]
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for sentence, shown_by in rows[1:]:
        name = shown_by.strip().strip("`")
        assert re.search(rf"def {name}\b", written), f"nothing shows: {sentence.strip()}"
    assert len(rows) > 10
