"""The house rules as code: ``python tools/house_rules.py`` names every place that breaks one and ends with 1.

Exceptions are written down with their reason in ``tools/exceptions.toml``; one that is no longer needed is itself a
finding, so that the list stays true.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("kiosk", "devices", "screens", "offline_cache", "hub")
CODE = (*PACKAGES, "tools", "benchmarks", "tests")
TEXT_SUFFIXES = {".py", ".sh", ".md", ".toml", ".cfg", ".txt", ".po", ".html", ".js", ".css", ".lock", ".service", ""}
SKIPPED = {"build", "dist", "demo-output", "__pycache__", "tongban.egg-info", "node_modules"}

FILE_LINES = 500
FUNCTION_LINES = 60

HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
CLOCKS = {
    *(f"time.{name}" for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.date.today"),
}
LOGGERS = {"log", "logger", "_log", "_logger"}
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "bind", "new", "msg"}
PERSONAL = {
    *("name", "names", "person", "number", "id_number", "card", "card_number", "birth", "birthday", "birth_date"),
    *("address", "phone", "mobile", "email", "sex", "nation", "portrait", "photo", "signature_image", "answers"),
    *("values", "identity", "applicant", "licence_number", "permit_number", "pin", "fingerprint"),
}
# Written in pieces, so that the rule does not break itself.
PLACES = re.compile(
    r"(?<![\w.])/(?:home|root|Users|work)/\w|\b(?:pypi|pythonhosted|npmjs)\.(?:org|com)\b|\bdeb\.debian\.",
    re.IGNORECASE,
)
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
SCREEN_CALLS = {"cv2.imshow", "cv2.waitKey", "cv2.namedWindow", "cv2.destroyAllWindows"}
TLS_OF_THEIR_OWN = {
    *("ssl.create_default_context", "urlopen", "urllib.request.urlopen", "http.client.HTTPSConnection"),
    *(f"httpx.{name}" for name in ("AsyncHTTPTransport", "HTTPTransport")),
}
HTTPX_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")
HTTPX = {f"httpx.{name}" for name in ("AsyncClient", "Client", *HTTPX_VERBS)}
DECODERS = {f"msgspec.{form}.decode" for form in ("json", "msgpack", "toml", "yaml")}
LEARN = "kiosk/shapes.py", "devices/kinds.py"
HUB_MAY_IMPORT = {"catalogue", "messages", "clock", "logs", "pdf_font", "shapes", "text"}

Found = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Module:
    """One Python file, parsed. ``path`` is relative to the project, with forward slashes."""

    path: str
    source: str
    tree: ast.Module = field(repr=False)
    helpers: frozenset[str] = frozenset()
    """Names of the tests' shared functions that assert."""

    @property
    def area(self) -> str:
        """The top folder."""
        return PurePosixPath(self.path).parts[0]

    @property
    def is_test(self) -> bool:
        """Whether it belongs to the tests or the benchmarks, where real time and plain words are allowed."""
        return self.area in ("tests", "benchmarks")


@dataclass(frozen=True, order=True)
class Finding:
    """One broken rule at one place."""

    path: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


@lru_cache(maxsize=2)
def _all_nodes(module: ast.Module) -> list[ast.AST]:
    return list(ast.walk(module))


def walked(tree: ast.AST) -> Iterable[ast.AST]:
    """``ast.walk``, whose answer for a whole module is kept: every rule asks for it."""
    return _all_nodes(tree) if isinstance(tree, ast.Module) else ast.walk(tree)


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted name of what is called ("" when it is not a plain name)."""
    for node in walked(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def dotted(node: ast.AST) -> str:
    """``a.b.c`` as text; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    return (node for node in walked(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imported_from(tree: ast.AST, module: str) -> set[str]:
    """The local names of what ``from module import ...`` brings."""
    return {
        alias.asname or alias.name
        for node in walked(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }


def is_emulator(module: Module) -> bool:
    """Whether it lies under ``devices/<kind>/sim/``."""
    return module.area == "devices" and PurePosixPath(module.path).parent.name == "sim"


def sleep(module: Module) -> Found:
    """Waiting is a cancel scope or an event with a deadline; only drivers and emulators may sleep."""
    bare = imported_from(module.tree, "time") & {"sleep"}
    if module.area != "devices":
        for node, name in calls(module.tree):
            if name == "time.sleep" or name in bare:
                yield node.lineno, "a sleep outside devices/"


def clock(module: Module) -> Found:
    """kiosk/clock.py is the only clock; devices/ may read the monotonic one for their deadlines."""
    if module.path == "kiosk/clock.py" or module.is_test or module.area == "tools":
        return
    allowed = {"time.monotonic", "time.monotonic_ns", "time.perf_counter"} if module.area == "devices" else set()
    bare = {f"time.{name}": name for name in imported_from(module.tree, "time")}
    wanted = CLOCKS - allowed
    for node, name in calls(module.tree):
        if name in wanted or any(name == short for full, short in bare.items() if full in wanted):
            yield node.lineno, f"{name} outside kiosk/clock.py"


def han_literal(module: Module) -> Found:
    """Words that a person reads live in kiosk/locale and the catalogue; docstrings and comments are free."""
    if module.area not in PACKAGES or is_emulator(module):
        return
    docstrings = {id(node.value) for node in walked(module.tree) if isinstance(node, ast.Expr)}
    for node in walked(module.tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings and HAN.search(node.value):
            yield node.lineno, f"{''.join(HAN.findall(node.value))[:20]!r} belongs into kiosk/locale"


def prints(module: Module) -> Found:
    """Only commands and emulators write to the terminal."""
    name = PurePosixPath(module.path).name
    if module.area in ("tools", "benchmarks") or name in ("cli.py", "command.py") or is_emulator(module):
        return
    for node, called in calls(module.tree):
        if called == "print":
            yield node.lineno, "print outside a command or an emulator"


def file_size(module: Module) -> Found:
    """A file is what a newcomer can hold in the head."""
    lines = module.source.count("\n")
    if lines > FILE_LINES:
        yield 1, f"{lines} lines; a file stays within {FILE_LINES}"


def function_size(module: Module) -> Found:
    """A function fits a screen."""
    for node in functions(module.tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            yield node.lineno, f"{node.name}: {lines} lines; a function stays within {FUNCTION_LINES}"


def return_type(module: Module) -> Found:
    """Every function outside the tests says what it returns."""
    if not module.is_test:
        for node in functions(module.tree):
            if node.returns is None:
                yield node.lineno, f"{node.name}: no return type"


def broad_except(module: Module) -> Found:
    """Everything is caught only at a thread's or step's boundary (named in the exceptions), and there it is logged."""
    if module.is_test:
        return
    for node in walked(module.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
            yield node.lineno, "a broad except away from the boundaries"
    for call, name in calls(module.tree):
        if name.rpartition(".")[2] == "suppress" and any(_is_broad(argument) for argument in call.args):
            yield call.lineno, "a broad suppress away from the boundaries"


def unlogged_except(module: Module) -> Found:
    """A boundary that catches everything says so in the log."""
    if module.is_test:
        return
    for node in walked(module.tree):
        if not isinstance(node, ast.ExceptHandler) or not _is_broad(node.type) or isinstance(node.body[-1], ast.Raise):
            continue
        if not any(_is_log_call(name) or _is_log_helper(name) for _, name in calls(node)):
            yield node.lineno, "a broad except that logs nothing"


def _is_broad(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(map(_is_broad, kind.elts))
    return kind is None or dotted(kind) in ("Exception", "BaseException")


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _is_log_call(name: str) -> bool:
    *owner, method = name.split(".")
    return bool(owner) and owner[-1] in LOGGERS and method in LOG_METHODS


def _is_log_helper(name: str) -> bool:
    return name.rpartition(".")[2].startswith(("_log_", "log_"))


def personal_log(module: Module) -> Found:
    """A log line has ids, states and counts; its event is a fixed word, never a sentence with values in it."""
    if module.is_test:
        return
    for node, name in calls(module.tree):
        if not _is_log_call(name):
            continue
        for keyword in node.keywords:
            if keyword.arg in PERSONAL:
                yield node.lineno, f"log field {keyword.arg!r} names a person's data"
        if node.args and isinstance(node.args[0], ast.JoinedStr):
            yield node.lineno, "a log event with values in it"


def desktop_window(module: Module) -> Found:
    """OpenCV draws no windows here: the machine has one screen and Kivy owns it."""
    for node, name in calls(module.tree):
        if name in SCREEN_CALLS:
            yield node.lineno, f"{name} opens a desktop window"


def test_asserts(module: Module) -> Found:
    """Every test can fail."""
    if module.area != "tests":
        return
    checking = asserting(module.tree) | module.helpers
    for node in functions(module.tree):
        if node.name.startswith("test_") and not _asserts(node, checking):
            yield node.lineno, f"{node.name} asserts nothing"


def asserting(tree: ast.AST) -> frozenset[str]:
    """Names of the functions that assert something themselves."""
    return frozenset(node.name for node in functions(tree) if _asserts(node, frozenset()))


def _asserts(node: ast.AST, checking: frozenset[str]) -> bool:
    return any(isinstance(inner, ast.Assert) or _raises_assertion(inner) for inner in walked(node)) or any(
        name.rpartition(".")[2] in checking
        or "assert" in name
        or name.startswith(("pytest.raises", "pytest.warns", "pytest.fail"))
        for _, name in calls(node)
    )


def _raises_assertion(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and ast.unparse(node.exc).startswith("AssertionError")


def hub_import(module: Module) -> Found:
    """The hub shares with the machine what stands in HUB_MAY_IMPORT, nothing else."""
    if module.area != "hub":
        return
    for node in walked(module.tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "kiosk":
            names = [f"kiosk.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "kiosk" and rest.split(".")[0] not in HUB_MAY_IMPORT:
                yield node.lineno, f"the hub may not import {name}"


def keyed_tls(module: Module) -> Found:
    """No line's secrets are written down: the libraries' own TLS does that where SSLKEYLOGFILE is set."""
    if module.is_test or module.area == "tools":
        return
    for node, name in calls(module.tree):
        has_own = name in HTTPX and "verify" not in {keyword.arg for keyword in node.keywords}
        if has_own or name in TLS_OF_THEIR_OWN:
            yield node.lineno, f"{name} without verify=trusting() of kiosk/messages/authorities.py"


def own_limit(module: Module) -> Found:
    """How long an answer may take is decided where it is asked for: the library's five seconds are nobody's choice."""
    for node, name in calls(module.tree):
        if name in HTTPX and "timeout" not in {keyword.arg for keyword in node.keywords}:
            yield node.lineno, f"{name} without timeout="


def half_learnt(module: Module) -> Found:
    """What reads foreign data is safe from any thread: msgspec itself is not where a kind is met for the first time."""
    if module.area not in ("kiosk", "hub", "devices", "offline_cache") or module.path in LEARN:
        return
    for node, name in calls(module.tree):
        has_kind = bool({"type", None} & {keyword.arg for keyword in node.keywords}) or len(node.args) > 1
        if name == "msgspec.convert" or (name in DECODERS and has_kind):
            yield node.lineno, f"{name} instead of {' or '.join(LEARN)}"


def unfinished(module: Module) -> Found:
    """Open points are issues, not comments."""
    if not UNFINISHED.search(module.source):
        return
    for token in tokenize.generate_tokens(io.StringIO(module.source).readline):
        if token.type == tokenize.COMMENT and UNFINISHED.search(token.string):
            yield token.start[0], token.string[:60]


RULES: dict[str, Callable[[Module], Found]] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        *(sleep, clock, han_literal, prints, file_size, function_size, return_type, broad_except, unlogged_except),
        *(personal_log, desktop_window, test_asserts, hub_import, keyed_tls, own_limit, half_learnt, unfinished),
    )
}


def check_module(path: str, source: str, helpers: frozenset[str] = frozenset()) -> list[Finding]:
    """Every broken rule of one Python file, exceptions not yet taken off."""
    try:
        module = Module(path, source, ast.parse(source), helpers)
    except SyntaxError as error:
        return [Finding(path, error.lineno or 1, "parses", str(error.msg))]
    return [Finding(path, line, name, what) for name, rule in RULES.items() for line, what in rule(module)]


def check_text(path: str, source: str) -> list[Finding]:
    """No file names somebody's home, a workplace or a package registry's host."""
    return [
        Finding(path, number, "place", line.strip()[:80])
        for number, line in enumerate(source.split("\n"), 1)
        if PLACES.search(line)
    ]


def files(root: Path) -> Iterator[Path]:
    """Every text file of the project."""
    for path in sorted(root.iterdir()):
        if path.name in SKIPPED or (path.is_dir() and path.name.startswith(".") and path.name != ".ci"):
            continue
        if path.is_dir():
            yield from files(path)
        elif path.suffix in TEXT_SUFFIXES and not path.is_symlink():
            yield path


def shared_helpers(root: Path) -> frozenset[str]:
    """The asserting functions of the tests' own modules: conftest.py and everything that holds no tests."""
    names: frozenset[str] = frozenset()
    for file in (root / "tests").rglob("*.py"):
        if not file.name.startswith("test_"):
            names |= asserting(ast.parse(file.read_text(encoding="utf-8")))
    return names


def check(root: Path = ROOT) -> list[Finding]:
    """Every finding of the project, less the written exceptions, plus the exceptions that nothing needs."""
    found: list[Finding] = []
    helpers = shared_helpers(root)
    for file in files(root):
        path = file.relative_to(root).as_posix()
        source = file.read_text(encoding="utf-8", errors="replace")
        found += check_text(path, source)
        if file.suffix == ".py" and path.split("/")[0] in CODE:
            found += check_module(path, source, helpers)
    allowed = tomllib.loads((root / "tools" / "exceptions.toml").read_text(encoding="utf-8"))
    used = {(f.rule, f.path) for f in found if f.path in allowed.get(f.rule, {})}
    unused = [
        Finding("tools/exceptions.toml", 1, rule, f"{path} no longer needs its exception")
        for rule, paths in allowed.items()
        for path in paths
        if (rule, path) not in used
    ]
    return sorted([*(f for f in found if (f.rule, f.path) not in used), *unused])


def main() -> int:
    """Print the findings; 1 when there are any."""
    found = check()
    lines = [*map(str, found), f"{len(found)} broken house rules" if found else "house rules kept"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
