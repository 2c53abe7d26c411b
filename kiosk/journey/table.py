"""What a step kind says of itself, in the words of the table of journeys (docs/journeys.md, ``kiosk journeys``)."""

from __future__ import annotations

from kiosk.catalogue.model import Service, StepSpec, Use
from kiosk.text import NOTHING

HEAD = ("step", "page", "asked", "without network", "while a device is away", "leaving it", "files")
_OFFLINE = {"local": "needs none", "goes_on": "goes on", "ends": "ends and says so"}
_LOST = {
    "ends": "ends and says so",
    "waits": "waits and goes on by itself",
    "other_way": "the same is reached without it",
    "goes_on": "goes on",
}


def row(service: Service, spec: StepSpec) -> tuple[str, ...]:
    """One step as the engine will treat it in this service."""
    title = getattr(spec, "title", NOTHING)
    about = spec.about
    return (
        spec.kind,
        f"{title.zh} {title.en}".strip(),
        _asked(spec),
        _OFFLINE[spec.offline_in(service)],
        "; ".join(map(_device, spec.uses())) or "uses none",
        "free" if about.is_free else "asked once",
        ", ".join(spec.adds()) or ("a message of its own" if about.files else ""),
    )


def _asked(spec: StepSpec) -> str:
    by_itself = " and ".join(f"{c.fact} {c.op} {c.value}" for c in spec.conditions)
    if spec.with_others:
        return f"{by_itself}{'; ' if by_itself else ''}with another service that is paid here"
    return by_itself or "always"


def _device(use: Use) -> str:
    return f"{use.device}: {_LOST[use.lost]}"
