"""The hub's log tells what failed and where, and nothing of what a person filed (door 12)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hub import batch_folder
from hub.api.problems import answer_of
from tests.hub.fixtures import ROOT

pytestmark = pytest.mark.attack(12)
SECRET = "Failing row contains (Wang Xiaomei)"


def failed() -> ValueError:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        return error


def test_a_request_that_fails_is_told_without_its_words() -> None:
    with capture_logs() as lines:
        assert answer_of(failed(), "PUT", "envelopes").status_code == 500
    assert [(line["event"], line["error"]) for line in lines] == [("request_failed", "ValueError")]
    assert SECRET not in str(lines)
    assert "test_hub_log.py:" in lines[0]["where"]


def test_a_file_that_crashes_is_told_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: Any) -> None:
        raise failed()

    monkeypatch.setattr(batch_folder, "take_in_batch", crash)
    nobody: Any = None
    with capture_logs() as lines:
        asyncio.run(batch_folder.Folder(nobody, Path())._judged("any.tbz", nobody))
    assert [(line["event"], line["error"]) for line in lines] == [("file_crashed", "ValueError")]
    assert SECRET not in str(lines)


def test_what_libraries_say_is_counted_and_not_repeated() -> None:
    """As the work queue does with a job that it gives up."""
    code = (
        "import logging; from hub.cli import main; main(['gaps', '--help'], standalone_mode=False); "
        f"logging.getLogger('procrastinate.worker').error('gave up %s', {SECRET!r}, exc_info=ValueError({SECRET!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    line = json.loads(done.stderr)
    assert (line["event"], line["logger"], line["error"]) == ("library", "procrastinate.worker", "ValueError")
    assert SECRET not in done.stdout + done.stderr
