"""What several places must agree on stands in one of them: whoever changes it changes it for all."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATTERN_CALLS = {"re.compile", "re.fullmatch", "re.match", "re.search", "Meta"}
SAYS_LITTLE = re.compile(r"\[(?:0-9|a-z)\](?:\{\d+\}|\+|\*)?|\[\^[^]]*\][*+]?|\.\+")
"""Any digits, any text: alike by chance. ``devices`` knows nothing of the others and keeps its own."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ("hub", "kiosk", "screens"):
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def patterns(tree: ast.Module) -> Iterator[str]:
    """Every pattern of characters of a module, without its anchors; what is named inside one counts by itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PATTERN_CALLS:
            said = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "pattern")]
            for literal in filter(lambda each: isinstance(each, ast.Constant | ast.JoinedStr), said):
                whole = literal.value if isinstance(literal, ast.Constant) else "".join(map(piece, literal.values))
                if isinstance(whole, str):
                    yield re.sub(r"^\^|\$$", "", whole)
                    yield from re.findall(r"\(\?P<\w+>([^()]+)\)", whole)
                    yield from re.findall(r"^\^?\(([^()]+)\)\?", whole)


def piece(value: ast.expr) -> str:
    """A part of an f-string; what it fills in stands elsewhere and counts there."""
    return str(value.value) if isinstance(value, ast.Constant) else ""


def test_only_the_clock_writes_and_reads_moments():
    """The store may import nothing of the house and writes its own; the acquirer's emulator answers as its own does."""
    strays = {
        f"{path}:{node.lineno}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and path != "kiosk/clock.py"
        if ast.unparse(node).endswith(".replace('+00:00', 'Z')") or ast.unparse(node.func) == "datetime.fromisoformat"
    }
    assert strays == set()


def test_the_age_of_majority_and_the_days_of_cards_stand_once():
    strays = {
        f"{path}: {ast.unparse(node)}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.Call)
        if re.search(r"(ADULT|AGE)\b.* = .*\b18\b|strptime\(.*, '%Y%m%d'\)$", ast.unparse(node).partition("\n")[0])
    }
    assert len(strays) == 2, strays
    assert {each.partition(":")[0] for each in strays} == {"kiosk/catalogue/rules.py", "kiosk/clock.py"}


def test_no_limit_of_a_message_stands_twice():
    limits = defaultdict(set)
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated":
                said = ast.unparse(node)
                if "max_length=" in said and re.search(r"=[0-9]{2,}", said) and "[str" not in said:
                    limits[said].add(path)
    assert {said: sorted(where) for said, where in limits.items() if len(where) > 1} == {}


def test_what_machine_and_city_name_alike_stands_once():
    """A word that a module of the hub and one of the kiosk each give a name: a step, an answer, a part, a state."""
    named: dict[str, dict[str, str]] = {"hub": {}, "kiosk": {}}
    for path, tree in modules():
        room = path.partition("/")[0]
        for node in tree.body if room in named else []:
            word = ast.literal_eval(node.value) if is_word(node) else "tongban"
            if word != "tongban":
                named[room][word] = path
    assert {word: (named["hub"][word], named["kiosk"][word]) for word in named["hub"].keys() & named["kiosk"]} == {}


def is_word(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Assign) else None
    said = value.value if isinstance(value, ast.Constant) else None
    return isinstance(said, str) and re.fullmatch("[a-z_]{6,}", said) is not None


def test_no_pattern_of_characters_stands_twice():
    places = defaultdict(set)
    for path, tree in modules():
        for pattern in patterns(tree):
            if ("[" in pattern or "\\" in pattern) and not SAYS_LITTLE.fullmatch(pattern):
                places[pattern].add(path)
    assert {pattern: sorted(where) for pattern, where in places.items() if len(where) > 1} == {}
