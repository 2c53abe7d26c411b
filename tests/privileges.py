"""What a test needs of the system that not every container grants."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CAP_SYS_PTRACE = 19
"""linux/capability.h"""
_NOBODY = 65534


def _may_look_into_others() -> bool:
    found = re.search(r"^CapEff:\t([0-9a-f]+)$", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> _CAP_SYS_PTRACE & 1)


looks_into_others = pytest.mark.skipif(
    not _may_look_into_others(),
    reason="a machine's memory is closed to all but CAP_SYS_PTRACE",
)


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Without what root may open of everybody's; who is not root may not anyhow."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)
