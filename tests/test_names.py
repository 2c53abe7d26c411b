"""Names are for people who look for them: each is used, and says more than a word that stands everywhere."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("kiosk", "devices", "screens", "offline_cache", "hub", "tools", "benchmarks", "tests")
SAYS_TOO_LITTLE = re.compile("_(ask|asked|chosen|done|end|judged|keep|known|one|read|said|say|take|tell|told|write)")
"""Private functions of modules; methods stand beside what they belong to."""
MOST_ALIKE = 4
NAMED_FROM = (".py", ".toml", ".html", ".js", ".cfg", ".sh")


def given(tree: ast.Module) -> Iterator[str]:
    """The names of a module; what stands behind a decorator is called by who decorates, a test by pytest."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.decorator_list:
            yield node.name
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def is_called_by_name(name: str) -> bool:
    """By pytest, or by nobody: SQLite has to find ``_VFS`` alive."""
    return name.startswith(("test_", "pytest_", "Test", "__"))


def test_every_name_of_a_module_is_said_again_somewhere() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in NAMED_FROM]
    text = {path: path.read_text(encoding="utf-8") for path in [*files, ROOT / "setup.cfg", ROOT / "run"]}
    said = Counter(word for each in text.values() for word in re.findall(r"\w+", each))
    dead = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        if path.suffix == ".py"
        for name in given(ast.parse(text[path]))
        if said[name] == 1 and not is_called_by_name(name)
    }
    assert dead == set()


def test_a_word_that_says_little_names_few_functions() -> None:
    places = defaultdict(list)
    for path in (path for room in ROOMS[:5] for path in sorted((ROOT / room).rglob("*.py"))):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and SAYS_TOO_LITTLE.fullmatch(node.name):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: where for name, where in places.items() if len(where) > MOST_ALIKE} == {}
