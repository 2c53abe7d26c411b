"""Feeds one parser and counts: crashes are exceptions that its docstring does not name, hangs what takes too long."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.fuzz.mutator import Mutator
from tests.fuzz.parsers import PARSERS

HANG_S = 20
"""Of processor time of one input."""
_SHOWN = 5
_TOLD_EACH_S = 20


class Hang(BaseException):
    """One input took longer than any may; not an Exception, so that no parser swallows it."""


@dataclass
class Figures:
    """``worst_s`` is the processor time of the slowest input; ``peak_mb`` of the whole process."""

    parser: str
    inputs: int = 0
    refused: int = 0
    crashes: int = 0
    hangs: int = 0
    worst_s: float = 0.0
    peak_mb: float = 0.0
    first: list[str] = field(default_factory=list)

    def note(self, raw: bytes, error: BaseException) -> None:
        """Keeps the first inputs that went wrong; the number and the seed give a long one back."""
        if len(self.first) < _SHOWN:
            self.first.append(f"{type(error).__name__}: {str(error)[:200]!r} by input {self.inputs}: {raw[:400].hex()}")


def feed(name: str, count: int, seed: int, tell: Callable[[Figures], object] = lambda _: None) -> Figures:
    """``count`` inputs to the parser of this name, and its samples as they are; ``tell`` hears figures on the way."""
    parser, figures = PARSERS[name], Figures(name)
    told = time.monotonic()
    with parser.ready() as (samples, run), _limited():
        for sample in samples:
            run(sample)
        mutator = Mutator(samples, seed)
        for _ in range(count):
            raw = mutator.next()
            began = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, HANG_S)
            try:
                run(raw)
            except parser.raises:
                figures.refused += 1
            except Hang as error:
                figures.hangs += 1
                figures.note(raw, error)
            except Exception as error:
                figures.crashes += 1
                figures.note(raw, error)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            figures.inputs += 1
            figures.worst_s = max(figures.worst_s, time.process_time() - began)
            if time.monotonic() - told > _TOLD_EACH_S:
                told = time.monotonic()
                figures.peak_mb = _peak_mb()
                tell(figures)
    figures.peak_mb = _peak_mb()
    return figures


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _limited() -> Iterator[None]:
    def hang(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, hang)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)
