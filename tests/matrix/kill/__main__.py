"""``python -m tests.matrix.kill [SERVICE …]``: the whole matrix. Exit code 1 when an invariant does not hold."""

from __future__ import annotations

import functools
import shutil
import sys
import tempfile
from pathlib import Path

from kiosk.clock import Clock
from kiosk.demo.stage import staged
from tests.matrix.kill.sweep import SERVICES, Result, Stuck, Sweep, with_power

say = functools.partial(print, flush=True)


def main(services: list[str]) -> int:
    """Print every run and the table of services by points."""
    folder = Path(tempfile.mkdtemp(prefix="tb-"))
    clock = Clock()
    began = clock.monotonic()
    results: list[Result] = []
    with staged(folder, lambda what: None) as stage:
        sweep = Sweep(stage)
        try:
            sweep.points("T01")
            for service in services:
                results += _service(sweep, service)
        finally:
            sweep.close()
    shutil.rmtree(folder, ignore_errors=True)
    for service in services:
        of = [result for result in results if result.service == service]
        say(f"{service}: {sum(not r.broken for r in of)} of {len(of)} points hold")
    failed = sum(bool(result.broken) for result in results)
    say(f"kill matrix: {len(results)} runs, {failed} failed, {clock.monotonic() - began:.0f} s")
    return 1 if failed else 0


def _service(sweep: Sweep, service: str) -> list[Result]:
    results = []
    for point in with_power(sweep.points(service)):
        try:
            result = sweep.run(service, point)
        except Stuck as stuck:
            result = Result(service, point, (str(stuck),))
        results.append(result)
        say(f"{service}  {point:<55} {'FAIL ' + '; '.join(result.broken) if result.broken else 'ok'}")
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(SERVICES)))
