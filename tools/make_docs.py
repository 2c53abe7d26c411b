"""Writes the generated pages: ``configuration.md``, ``kiosk.toml``, ``journeys.md``, ``facts.md``, and README's list.

``--check`` writes nothing and ends with 1 when a page is not what would be written.
"""

from __future__ import annotations

import ast
import configparser
import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiosk.catalogue.model import Service

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SECTIONS = {
    "MachineConfig": "machine",
    "ScreenConfig": "screen",
    "StoreConfig": "store",
    "CatalogueConfig": "catalogue",
    "VisionConfig": "vision",
    "HubConfig": "hub",
    "DemoConfig": "demo",
}
CONFIGURATION_HEAD = """# Configuration: `kiosk.toml`

<!-- Made by `make docs` from kiosk/config.py and the drivers' settings; do not edit. -->

The file is named by `--config PATH`, then by `TONGBAN_CONFIG`, then it is `/etc/tongban/kiosk.toml`. Every key is
typed; an unknown, missing or ill-typed key refuses the start with one line that names the key and the fix.
The file and the folder in which it lies belong to root or to the user who runs the machine, and nobody else, no group
either, may write them: else the start is refused. The same holds for a catalogue folder and for the hub's key files.
Keys without a default must be given.
"""
DEVICES_HEAD = """
## `[devices.<name>]`

One table for each device; a device without a table is not there. `driver` names an entry point of the group
`tongban.drivers`, the other keys are that driver's. A port may be a symlink that vanishes and comes back pointing
elsewhere: it is resolved at every open. What is configured here can be a real device or an emulator; drivers never
know.

`<name>` is free: the machine finds a device by its driver's kind (`kiosk devices` shows it). Of two readers either
takes the tap, and the first that has a card is the one. A slip comes from the first printer, in the order of the file,
that answers and has paper; each printer's paper is in doubt by itself. There is one face camera at most; a camera of
the kind `document_camera` is never looked through for a face.
"""
JOURNEYS_HEAD = """# Journeys

<!-- Made by `make docs` from the catalogue and the step kinds; do not edit. -->

What each service asks, step by step, as the engine holds every step kind to it. On every step: a visible countdown, at
20 s the page 还在吗？, then the wipe; back to the step before; exit from everywhere, with a question first where
something unfinished would be lost. `kiosk journeys --table` prints the same.

Pages and taps are the most that one asks from the card tap to the paper in the hand; typing and pages that go on by
themselves count for none. For those that people come for most `kiosk/planning/budgets.toml` says how many there may be.

Six of them in pictures:

![A lost ID card is replaced](pictures/H03.png)
![A driving licence is replaced and made here](pictures/T02.png)
![Endorsements for Hong Kong and Macao](pictures/E07.png)
![A certificate of no criminal record](pictures/H08.png)
![A violation is settled](pictures/T09.png)
![Everything that was lost, in one visit](pictures/B03.png)
"""


@dataclass(frozen=True)
class Key:
    """One key of the configuration: name, type as written, default as written ("" = must be given), meaning."""

    name: str
    type: str
    default: str
    meaning: str


def aliases(folder: Path) -> dict[str, str]:
    """Names for types (``Encoding = Literal[...]``) in the files of a folder."""
    return {
        target.id: _type(node.value)
        for path in sorted(folder.glob("*.py"))
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(("Literal[", "Annotated["))
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def keys_of(node: ast.ClassDef, names: dict[str, str]) -> Iterator[Key]:
    """The annotated attributes of a class with the docstring beneath each."""
    for attribute, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(attribute, ast.AnnAssign) or not isinstance(attribute.target, ast.Name):
            continue
        meaning = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            meaning = " ".join(after.value.value.split())
        default = ast.unparse(attribute.value) if attribute.value is not None else ""
        written = _type(attribute.annotation)
        yield Key(attribute.target.id, names.get(written, written), default.replace("'", '"'), meaning)


def _type(annotation: ast.expr) -> str:
    """As it is written, of a number also its range: ``int, 300 to 5000``."""
    if not isinstance(annotation, ast.Subscript) or ast.unparse(annotation.value) != "Annotated":
        return ast.unparse(annotation).replace("'", '"')
    base, meta = annotation.slice.elts  # type: ignore[attr-defined]  # Annotated always has a tuple
    bounds = {each.arg: ast.unparse(each.value).replace("_", "") for each in meta.keywords}
    least = bounds.get("ge") or (f"above {bounds['gt']}" if "gt" in bounds else "")
    ends = " to ".join(filter(None, (least, bounds.get("le", ""))))
    return ", ".join(filter(None, (ast.unparse(base), ends)))


def classes(path: Path) -> dict[str, ast.ClassDef]:
    """The top-level classes of a file by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def drivers() -> Iterator[tuple[str, str, ast.ClassDef]]:
    """Driver name, device folder and settings class of each of our own drivers, by entry point."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    bridged = classes(ROOT / "devices" / "json_maker.py")["BridgeSettings"]
    for line in setup["options.entry_points"]["tongban.drivers"].strip().split("\n"):
        name, _, target = (part.strip() for part in line.partition("="))
        module = target.partition(":")[0]
        path = ROOT / (module.replace(".", "/") + ".py")
        for node in classes(path).values() if path.is_file() else ():
            if any(ast.unparse(base).endswith("DriverSettings") for base in node.bases):
                yield name, path.parent.name, node
            elif any(ast.unparse(base) == "BridgeSettings" for base in node.bases):
                node.body[1:1] = bridged.body[1:]
                yield name, path.parent.name, node


def table(keys: Iterator[Key]) -> str:
    """A Markdown table of keys."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key in keys:
        default = f"`{_cell(key.default)}`" if key.default else "must be given"
        rows.append(f"| `{key.name}` | `{_cell(key.type)}` | {default} | {_cell(key.meaning)} |")
    return "\n".join(rows) + "\n"


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def configuration() -> str:
    """The page ``configuration.md``."""
    found = classes(ROOT / "kiosk" / "config.py")
    parts = [CONFIGURATION_HEAD]
    bounds = aliases(ROOT / "kiosk" / "messages")
    for class_name, section in SECTIONS.items():
        node = found[class_name]
        parts.append(f"\n## `[{section}]`\n\n{ast.get_docstring(node)}\n\n{table(keys_of(node, bounds))}")
    parts.append(DEVICES_HEAD)
    for name, folder, node in drivers():
        about = " ".join((ast.get_docstring(node) or "").split()).replace("``", "`")
        names = aliases(ROOT / "devices") | aliases(ROOT / "devices" / folder)
        parts.append(f'\n### `[devices.{folder}]` with `driver = "{name}"`\n\n{about}\n\n{table(keys_of(node, names))}')
    return "".join(parts).replace("``", "`")


def journeys() -> str:
    """The page ``journeys.md``."""
    from kiosk.catalogue import loader
    from kiosk.journey.table import HEAD, row
    from kiosk.planning.toil import toil

    catalogue = loader.load(None)
    parts = [JOURNEYS_HEAD, "\n| | | pages | taps |\n| --- | --- | --- | --- |\n"]
    for each in toil(catalogue):
        asked = each.effort
        parts.append(f"| {each.key} | {each.name.zh} · {each.name.en} | {asked.pages} | {asked.taps} |\n")
    for service in catalogue.services.values():
        parts.append(
            f"\n## {service.key} {service.name.zh} · {service.name.en}\n\nOffline class: `{service.offline}`.\n\n"
        )
        rows = [HEAD, ("---",) * len(HEAD), *(row(service, spec) for spec in service.steps)]
        parts += [f"| {' | '.join(map(_cell, cells))} |\n" for cells in rows]
    return "".join(parts)


SERVICES_BEGIN, SERVICES_END = "<!-- services: made by `make docs` -->\n", "<!-- end of services -->"


def readme() -> str:
    """``README.md`` with its list of what the machine does, line by line, from the catalogue."""
    from kiosk.catalogue import loader

    catalogue = loader.load(None)
    before, _, rest = (ROOT / "README.md").read_text("utf-8").partition(SERVICES_BEGIN)
    count = f"{len(catalogue.services)} services and {len(catalogue.bundles)} bundles"
    rows = [f"{count}:\n\n| line | services |\n| --- | --- |\n"]
    for key, line in catalogue.lines.items():
        names = "、".join(f"{each.key} {each.name.zh}" for each in catalogue.of_line(key))
        rows.append(f"| {line.name.zh} {line.name.en} | {names} |\n")
    bundles = "、".join(f"{each.key} {each.name.zh}" for each in catalogue.bundles.values())
    rows.append(f"| 一件事 bundles | {bundles} |\n")
    return before + SERVICES_BEGIN + "".join(rows) + SERVICES_END + rest.partition(SERVICES_END)[2]


FACTS_HEAD = """# Facts

<!-- Made by `make docs` from the catalogue; do not edit. -->

What each department sends of a person, which checks of which services use it, and what it can change when a case is
accepted (`kiosk/catalogue/data/departments.toml`). `kiosk catalogue check` refuses a service that names anything else.
"""


def facts() -> str:
    """The page ``facts.md``."""
    from kiosk.catalogue import loader

    catalogue = loader.load(None)
    parts = [FACTS_HEAD]
    for key, department in catalogue.departments.items():
        services = [service for service in catalogue.services.values() if service.department == key]
        parts.append(f"\n## `{key}` {department.name.zh} · {department.name.en}\n\n")
        parts.append("| fact | type | meaning | values | used by |\n|---|---|---|---|---|\n")
        for name, fact in department.facts.items():
            used = "; ".join(f"{s.key}: {', '.join(uses)}" for s in services if (uses := _uses(s, name)))
            cells = (_cell(fact.about), " ".join(f"`{value}`" for value in fact.values), used)
            parts.append(f"| `{name}` | {fact.type} | {' | '.join(cells)} |\n")
        parts.append("\n| effect | what it changes | used by |\n|---|---|---|\n" if department.effects else "")
        for name, about in department.effects.items():
            used = ", ".join(service.key for service in services if service.effect == name)
            parts.append(f"| `{name}` | {_cell(about)} | {used} |\n")
    return "".join(parts)


def _uses(service: Service, fact: str) -> list[str]:
    """Where a service uses a fact: its checks by id, and what makes it due."""
    checks = [c.id for c in service.checks if fact == c.fact or (c.only_if and c.only_if.fact == fact)]
    due = service.due
    is_due = due is not None and fact in {*(rule.fact for rule in due.when), due.until, *due.reason.places()}
    return [*(f"`{check}`" for check in checks), *(["due"] if is_due else [])]


SAMPLE_HEAD = """# A commented kiosk.toml: every key that there is, with what it means. Made by `make docs`.
#
# Lines with a single # are defaults: take the sign away to set another value. What stands without it must be given.
# Copy it to /etc/tongban/kiosk.toml, keep the devices that the machine has, and see docs/setting-up-a-machine.md.
"""
SAMPLES = {
    "machine.id": "hall-0001",
    "machine.hall": "市公安局政务服务大厅",
    "machine.division": "990101",
    "machine.status_socket": "/run/tongban/status.sock",
    "machine.log_folder": "/var/log/tongban",
    "store.path": "/var/lib/tongban/store.sqlite",
    "hub.url": "https://hub.example",
    "hub.seal_key": "",
    "hub.verify_key": "",
    "id_card_reader.port": "/dev/tongban-reader",
    "receipt_printer.transport": "serial",
    "receipt_printer.port": "/dev/tongban-printer",
    "camera.source": "/dev/v4l/by-id/tongban-camera",
    "lock_board.port": "/dev/tongban-locks",
    "endorsement_writer.port": "/dev/tongban-endorsements",
    "fingerprint_reader.port": "/dev/tongban-fingerprints",
    "licence_printer.port": "/dev/tongban-licences",
    "travel_document_reader.port": "/dev/tongban-mrz",
    "card_dispenser.port": "/dev/tongban-cards",
    "permit_maker.port": "/dev/tongban-permits",
    "permit_maker.dispenser_port": "/dev/tongban-permit-cards",
    "page_printer.uri": "ipp://localhost/printers/a4",
}
"""What the sample gives to keys that must be given, and to some that mostly are."""


def sample() -> str:
    """The file ``kiosk.toml``: every key with its meaning, those with a default commented out."""
    found = classes(ROOT / "kiosk" / "config.py")
    parts = [SAMPLE_HEAD]
    for class_name, section in SECTIONS.items():
        node = found[class_name]
        parts.append(f"\n## {ast.get_docstring(node)}\n[{section}]\n{_sample_keys(section, keys_of(node, {}))}")
    for name, folder, node in drivers():
        about = " ".join((ast.get_docstring(node) or "").split())
        keys = _sample_keys(folder, keys_of(node, aliases(ROOT / "devices") | aliases(ROOT / "devices" / folder)))
        parts.append(f'\n## {about}\n[devices.{folder}]\ndriver = "{name}"\n{keys}')
    return "".join(parts).replace("``", "`")


def _sample_keys(section: str, keys: Iterator[Key]) -> str:
    lines = []
    for key in keys:
        lines += textwrap.wrap(key.meaning, 118, initial_indent="## ", subsequent_indent="## ")
        value = SAMPLES.get(f"{section}.{key.name}")
        if value is None:
            lines.append(f"# {key.name} = {_toml_value(ast.literal_eval(key.default))}")
        else:
            lines.append(f"{key.name} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml_value, value))}]"
    return "2027-01-12" if value is None else json.dumps(value, ensure_ascii=False)


PAGES = {
    "configuration.md": configuration,
    "kiosk.toml": sample,
    "journeys.md": journeys,
    "facts.md": facts,
    "../README.md": readme,
}


def stale() -> list[str]:
    """Names of the generated pages that are not up to date."""
    docs = ROOT / "docs"
    return [n for n, make in PAGES.items() if not (docs / n).is_file() or (docs / n).read_text("utf-8") != make()]


def main(argv: list[str]) -> int:
    """Write the pages, or with ``--check`` only compare."""
    old = stale()
    if "--check" in argv:
        sys.stdout.write("".join(f"docs/{name} is not up to date: make docs\n" for name in old))
        return 1 if old else 0
    for name in old:
        (ROOT / "docs" / name).write_text(PAGES[name](), encoding="utf-8")
        sys.stdout.write(f"docs/{name} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
