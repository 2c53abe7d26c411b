"""What is wrong in the same bytes of a catalogue is found once in a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import pytest

from kiosk.catalogue import check
from kiosk.catalogue.finding import Fault
from kiosk.catalogue.kinds import spec_type
from kiosk.clock import today_here


@contextmanager
def judged_once() -> Iterator[None]:
    """Inside, for whoever asks in this process."""
    known: dict[Any, list[Fault]] = {}
    faults = check.faults

    def remembered(files: Mapping[str, bytes], type_of: Any = spec_type, *more: Any, **named: Any) -> list[Fault]:
        digests = {name: sha256(raw).digest() for name, raw in files.items()}
        said = (tuple(sorted(digests.items())), type_of, repr((more, named)), today_here())
        if said not in known:
            known[said] = faults(files, type_of, *more, **named)
        return list(known[said])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "faults", remembered)
        yield
