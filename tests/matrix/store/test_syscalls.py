"""The short form of the sweep: python -m tests.matrix.store.syscalls strikes at every call."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.messages.seal import new_seal_key
from tests.matrix.store.syscalls import Strike, full_disk, missing, strike

REASON = missing()
STRIKES = (
    Strike("unlink", "SIGKILL", 1),  # the journal of the file's creation stays behind
    Strike("sync", "SIGKILL", 9),
    Strike("write", "SIGKILL", 140),
    Strike("truncate", "SIGKILL", 2),
    Strike("sync", "EIO", 11),
    Strike("write", "EIO", 120),
    Strike("write", "ENOSPC", 150, lasting=True),
)


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.parametrize("each", STRIKES, ids=lambda each: f"{each.fault}-{each.call}-{each.when}")
def test_struck_in_a_filing_nothing_kept_is_lost_or_damaged(tmp_path: Path, each: Strike) -> None:
    assert strike(tmp_path, new_seal_key(), each) == []


def test_a_disk_that_fills_in_the_middle_of_a_write(tmp_path: Path) -> None:
    found = full_disk(tmp_path, new_seal_key(), 1500)
    if found is None:
        pytest.skip("a small disk cannot be mounted here")
    assert found == []
