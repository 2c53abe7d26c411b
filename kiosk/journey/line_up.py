"""One case as a line of stages: what is proved, with when and by whose word, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kiosk.cases import STOPPED, CaseState
from kiosk.catalogue.model import Catalogue, Service
from kiosk.clock import from_rfc3339, local
from kiosk.journey import told
from kiosk.journey.kept import Kept
from kiosk.journey.reasons import sentence
from kiosk.messages.questions import CaseProgress, ProgressState
from kiosk.pages import Stage, Stages
from kiosk.text import NOTHING, Text, plain, same, text, uncut

_USUAL = (CaseState.STORED, CaseState.DELIVERED, CaseState.ACCEPTED, CaseState.DECIDED, CaseState.COLLECTED)
_COMPLAINT = (CaseState.STORED, CaseState.DELIVERED, CaseState.DECIDED)
_NEEDS_REASONS = frozenset({CaseState.NOT_ACCEPTED, CaseState.REFUSED, CaseState.NEEDS_SUPPLEMENT})

Told = tuple[str, Text]
"""A state and what is said of it."""


def reached(kept: Kept) -> CaseState:
    """How far the queue proves that it has come."""
    return CaseState.DELIVERED if kept.state == "delivered" else CaseState.STORED


def of_kept(kept: Kept, service: Service | None) -> Stages:
    """What only this machine knows."""
    filed = f"{local(from_rfc3339(kept.at)):%Y-%m-%d %H:%M}"
    said = [text("progress.by", when=filed, who=text("progress.who_kiosk"))]
    if kept.state == "held":
        said.append(text("progress.held"))
    line: list[Told] = [(CaseState.STORED, _lines(said))]
    if reached(kept) is CaseState.DELIVERED:
        line.append((CaseState.DELIVERED, NOTHING))
    title = service.name if service else text("progress.here")
    return Stages(title=title, number=kept.number, stages=_stages(line, _order(service)))


def of_case(case: CaseProgress, catalogue: Catalogue, today: date) -> Stages:
    """What the hub told of a case."""
    service = catalogue.services.get(case.service)
    line = [(state.state, _proof_and_reasons(state, service, catalogue)) for state in case.states]
    stages = _stages(line or [(CaseState.DELIVERED, NOTHING)], _order(service))
    promise = told.promise(case, service)
    if promise and case.promised_date:
        late = case.promised_date < today
        words = text("progress.late" if late else "progress.promised", promise=promise, phone=catalogue.complaint_phone)
        first = next((s for s in stages if s.state == "waiting"), None)
        stages = tuple(Stage(label=s.label, detail=words, state=s.state) if s is first else s for s in stages)
    name = service.name if service else text("progress.other_service", service=plain(case.service))
    title = text("progress.case", service=name, name=uncut(case.masked_name)) if case.masked_name else name
    return Stages(title=title, number=case.receipt_number, stages=stages)


def _order(service: Service | None) -> Sequence[CaseState]:
    """Its usual way; of a service that we do not know, the longest."""
    if service is None or service.is_collected:
        return _USUAL
    return _COMPLAINT if service.has_step("complaint") else _USUAL[:-1]


def _proof_and_reasons(state: ProgressState, service: Service | None, catalogue: Catalogue) -> Text:
    """When and by whom, and every reason."""
    why = [sentence(service, code) for code in told.codes(state)]
    if state.state in _NEEDS_REASONS and not why:
        why = [text("reason.none")]
    numbered = [text("progress.reason", n=n, why=each) for n, each in enumerate(why, 1)] if len(why) > 1 else why
    return _lines([told.proof_words(state, catalogue), *numbered])


def _stages(line: list[Told], order: Sequence[CaseState]) -> tuple[Stage, ...]:
    """The usual way of a case with what is proved; a stop, or a word that we do not know, stands where it stands."""
    last = line[-1][0]
    line = list({state: (state, said) for state, said in reversed(line)}.values())[::-1]
    shown: list[Told] = []
    for state, said in line:
        if state in order:
            # What lies before a proved state has happened too: a delivered case was stored.
            before = order[: order.index(CaseState(state))]
            have = {s for s, _ in (*shown, *line)}
            shown += [(s, NOTHING) for s in before if s not in have]
        shown.append((state, said))
    stages = [_stage(state, said, "now" if state == last else "done") for state, said in shown]
    if last in set(CaseState) - STOPPED:
        furthest = max((order.index(CaseState(s)) for s, _ in shown if s in order), default=-1)
        stages += [_stage(state, NOTHING, "waiting") for state in order[furthest + 1 :]]
    return tuple(stages)


def _stage(state: str, said: Text, mark: str) -> Stage:
    mark = "stopped" if state in STOPPED else mark
    return Stage(label=told.state_words(state), detail=said, state=mark)  # type: ignore[arg-type]


def _lines(said: Sequence[Text]) -> Text:
    return Text("\n".join(s.zh for s in said), "\n".join(s.en for s in said)) if said else same("")
