"""What is slow on purpose, quick for the suite: digests of PINs (two seconds each) and of slip codes (a tenth)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import argon2
import pytest
from click.testing import CliRunner

from kiosk import cli, staff
from kiosk.demo import stage
from kiosk.journey import kept

LIGHT: dict[str, Any] = {"time_cost": 1, "memory_cost": 64}
as_a_technician_does = stage._kiosk
"""How a stage gives its machine commands."""


@contextmanager
def digests() -> Iterator[None]:
    """Inside, they cost nothing in this process; tests of their own look at what they cost a machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staff, "PACE", argon2.PasswordHasher(**LIGHT, parallelism=1))
        patch.setattr(kept, "hash_secret_raw", _light)
        patch.setattr(stage, "_kiosk", _given)
        yield


def _light(secret: bytes, salt: bytes, **settings: Any) -> bytes:
    return argon2.low_level.hash_secret_raw(secret, salt, **(settings | LIGHT))


def _given(on: stage.Stage, *arguments: str, said: str = "") -> None:
    """Who works at the machine of a stage is enrolled in this process, where that costs nothing."""
    if arguments[0] != "staff":
        as_a_technician_does(on, *arguments, said=said)
        return
    done = CliRunner().invoke(cli.main, arguments, input=said, env=on.environment)
    assert done.exit_code == 0, done.output
