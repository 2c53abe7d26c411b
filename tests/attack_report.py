"""The table of ``make attacks``: by door what strangers tried, what was as it should be, the worst by time and memory.

A pytest plugin (``-p tests.attack_report``). A test that tries something carries ``@pytest.mark.attack(door)``; one
that measured the process it attacked says so with ``record_property("peak_mb", x)``. A door where nothing was tried
fails the run as one that gave way does.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

DOORS = {
    1: "foreign folders and archives",
    2: "small files that kill or hang",
    3: "one machine's data and the city",
    4: "unsigned connections",
    5: "answers before they are proved",
    6: "the operator's socket",
    7: "enrolment and signatures",
    8: "a stolen machine",
    9: "staff",
    10: "audit",
    11: "guessable receipt numbers",
    12: "what runs beside",
    13: "keys that change",
    14: "what a machine carries",
}
"""As docs/security.md numbers them."""
_DOOR = "attack_door"
_PEAK = "peak_mb"


@dataclass
class Worst:
    """The largest figure so far and the test that had it."""

    value: float = 0.0
    name: str = ""

    def saw(self, value: float, name: str) -> None:
        """Keeps what is larger."""
        if value > self.value:
            self.value, self.name = value, name


class Report:
    """Counts the attacks of one run, those of other processes (xdist) too."""

    def __init__(self) -> None:
        self.tried = dict.fromkeys(DOORS, 0)
        self.bad: dict[int, set[str]] = {door: set() for door in DOORS}
        self.slowest = {door: Worst() for door in DOORS}
        self.largest = {door: Worst() for door in DOORS}

    @property
    def untried(self) -> list[int]:
        """Doors without an attack."""
        return [door for door, count in self.tried.items() if not count]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("attack"):
                item.user_properties.append((_DOOR, mark.args[0]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        doors = {value for name, value in report.user_properties if name == _DOOR}
        for door in doors:
            if report.failed:
                self.bad[door].add(report.nodeid)
            if report.when == "call" and not report.skipped:
                self.tried[door] += 1
                self.slowest[door].saw(report.duration, report.nodeid)
                for name, value in report.user_properties:
                    if name == _PEAK:
                        self.largest[door].saw(float(value), report.nodeid)  # type: ignore[arg-type]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput") and self.untried:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        say = terminalreporter.write_line
        terminalreporter.section("attacks")
        say(f"{'door':<36}{'tried':>6}{'as it should be':>17}{'slowest':>10}{'most memory':>13}")
        for door, name in DOORS.items():
            tried, bad = self.tried[door], len(self.bad[door])
            peak = f"{self.largest[door].value:.0f} MB" if self.largest[door].name else ""
            line = f"{door:>4} {name:<31}{tried:>6}{tried - bad:>17}{self.slowest[door].value:>8.1f} s{peak:>13}"
            say(f"{line}{'   NOT TRIED' if not tried else '   GAVE WAY' if bad else ''}")
        total, bad = sum(self.tried.values()), sum(len(each) for each in self.bad.values())
        say(f"{'all doors':<36}{total:>6}{total - bad:>17}")
        for title, worst, unit in (("slowest", self.slowest, "s"), ("most memory", self.largest, "MB")):
            for each in sorted(worst.values(), key=lambda w: -w.value)[:3]:
                if each.name:
                    say(f"{title}: {each.value:.1f} {unit}  {each.name}")


def pytest_configure(config: pytest.Config) -> None:
    """Joins the run."""
    config.pluginmanager.register(Report(), "attack_report_of_run")
