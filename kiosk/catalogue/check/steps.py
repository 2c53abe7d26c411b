"""The steps of a service one after the other: each kind has what it needs before it, and nothing comes too late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from kiosk.catalogue.check.finding import Finding, Path
from kiosk.catalogue.check.patterns import pattern_fault
from kiosk.catalogue.model import Service, StepSpec

STEPS = "kiosk.journey.steps"
_ASK = ("choose", "form", "sign")
_ONCE = ("identify", "verify", "eligibility", "review", "file", "slip")


def step_findings(service: Service, department: str) -> Iterator[Finding]:
    """Of all steps."""
    if not service.steps:
        yield Finding((), "has no steps", "add [[steps]]")
    names: list[str] = []
    for number, spec in enumerate(service.steps):
        path: Path = ("steps", number)
        yield from _kind(spec, path)
        before = [each.kind for each in service.steps[:number]]
        if spec.kind in _ONCE and spec.kind in before:
            yield Finding(path, f"a second {spec.kind} is never reached with anything to do", "remove it")
        if judge := _JUDGES.get(spec.kind):
            yield from judge(spec, before, path)
        if spec.kind in _ASK:
            yield from _asked_too_late(spec, before, path)
        for place, name in _names(spec):
            if name in names:
                yield Finding((*path, *place), f"the answer {name!r} is asked twice", "give each its own name")
            names.append(name)
    if service.has_step("file") and not department:
        yield Finding(("department",), "nobody decides what is filed", "name a department, or a line that has one")


def _kind(spec: StepSpec, path: Path) -> Iterator[Finding]:
    if not spec.kind.isidentifier() or find_spec(f"{STEPS}.{spec.kind}") is None:
        yield Finding((*path, "kind"), f"no step kind {spec.kind!r}", "see docs/journeys.md for those there are")


def _names(spec: StepSpec) -> Iterator[tuple[Path, str]]:
    if spec.kind == "choose":
        yield ("name",), spec.name
    for number, field in enumerate(spec.fields):
        yield ("fields", number, "name"), field.name


def _choose(spec: StepSpec, _before: list[str], path: Path) -> Iterator[Finding]:
    ids = [option.id for option in spec.options]
    if len(ids) < 2:
        yield Finding(path, "a choice needs two options", "add [[steps.options]]")
    for number, each in enumerate(ids):
        if each in ids[:number]:
            yield Finding((*path, "options", number, "id"), f"{each!r} stands there twice", "give each its own id")
    if not spec.name:
        yield Finding(path, "its answer has no name", 'add name = "…"')
    if not spec.label:
        yield Finding(path, "the review has no word for it", "add label")


def _form(spec: StepSpec, _before: list[str], path: Path) -> Iterator[Finding]:
    if not spec.fields:
        yield Finding(path, "a form asks something", "add [[steps.fields]]")
    for number, field in enumerate(spec.fields):
        if fault := pattern_fault(field.pattern, field.max_length):
            yield Finding((*path, "fields", number, "pattern"), *fault)


def _asked_too_late(spec: StepSpec, before: list[str], path: Path) -> Iterator[Finding]:
    for late in ("file", "review"):
        if late in before and not (spec.kind == "sign" and late == "review"):
            fix = f"put it before {late}"
            yield Finding(path, f"comes after {late}, which {'files' if late == 'file' else 'shows'} the answers", fix)
            return


def _file(_spec: StepSpec, before: list[str], path: Path) -> Iterator[Finding]:
    if "identify" not in before:
        yield Finding(path, "nobody has said who they are", "put a step identify before it")


def _after_identify(spec: StepSpec, before: list[str], path: Path) -> Iterator[Finding]:
    if "identify" not in before:
        yield Finding(path, f"{spec.kind} needs a card that was read", "put a step identify before it")


def _slip(_spec: StepSpec, before: list[str], path: Path) -> Iterator[Finding]:
    if "file" not in before:
        yield Finding(path, "nothing is filed before it, so it has no number", "put a step file before it")


_JUDGES: dict[str, Callable[[StepSpec, list[str], Path], Iterator[Finding]]] = {
    "choose": _choose,
    "form": _form,
    "file": _file,
    "slip": _slip,
    "verify": _after_identify,
    "eligibility": _after_identify,
    "documents": _after_identify,
}
