"""Fees against one another: nothing is paid twice, and a table of prices has one for everything that can be chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from kiosk.catalogue.finding import Finding
from kiosk.catalogue.model import Fee, Service, StepSpec
from kiosk.catalogue.rules import ANSWERS
from kiosk.messages.bounds import MOST_FEN


def fee_findings(service: Service) -> Iterator[Finding]:
    """What is wrong with its fees beyond each one's own basis."""
    for number, fee in enumerate(service.fees):
        if fee.amount_fen <= 0:
            yield Finding(("fees", number, "amount_fen"), "a fee is more than 0 fen", "leave out what is free")
        elif fee.amount_fen > MOST_FEN:
            said = f"is more than {MOST_FEN / 100:,.0f} yuan, which nobody can pay at once"
            yield Finding(("fees", number, "amount_fen"), said, "write it in fen: 100 of them are one yuan")
        for before, other in enumerate(service.fees[:number]):
            if _is_same(fee, other):
                said = f"is due together with fees[{before}], for the same"
                yield Finding(("fees", number), said, "give each its own days, per or only_if, or remove one")
    if service.fees:
        yield from _known_too_late(service)
        yield from _gaps(service)


def _is_same(one: Fee, other: Fee) -> bool:
    return (one.conditions, one.per, one.basis) == (other.conditions, other.per, other.basis)


def _known_too_late(service: Service) -> Iterator[Finding]:
    """What is paid at the machine and can never be due there: nobody has said yet by what it is."""
    at = next((number for number, spec in enumerate(service.steps) if spec.kind == "pay"), None)
    if at is None or {type(spec) for spec in service.steps} == {StepSpec}:
        return  # A hub knows no kinds: whoever signs has judged it.
    said = {ANSWERS + asked.name for spec in service.steps[:at] for asked in spec.asks_for()}
    is_judged = "eligibility" in service.kinds_before(at)
    for number, fee in enumerate(service.fees):
        for rule in fee.conditions:
            if not (rule.fact in said if rule.fact.startswith(ANSWERS) else is_judged):
                what = f"is never due at the step pay: nobody has said {rule.fact} before it"
                yield Finding(("fees", number, "only_if"), what, "ask it, or the step eligibility, before the step pay")


def _gaps(service: Service) -> Iterator[Finding]:
    """Where several fees are prices of what is chosen, what can be chosen and has none."""
    asked = {each.name: each.values for spec in service.steps for each in spec.asks_for()}
    priced: defaultdict[str, list[tuple[int, set[str]]]] = defaultdict(list)
    for number, fee in enumerate(service.fees):
        if len(fee.conditions) == 1 and fee.conditions[0].fact.startswith(ANSWERS):
            rule = fee.conditions[0]
            values = rule.value if isinstance(rule.value, list) else [rule.value]
            priced[rule.fact.removeprefix(ANSWERS)].append((number, set(map(str, values))))
    for name, fees in priced.items():
        chosen = {value for value in asked.get(name, ()) if value}
        if len(fees) > 1 and (free := chosen - set.union(*(values for _, values in fees))) and not service.free_basis:
            said = f"nothing is paid for {name} {', '.join(sorted(free))}"
            yield Finding(
                ("fees", fees[-1][0], "only_if"),
                said,
                "add it to a fee's only_if, or write in free_basis why it is free",
            )
