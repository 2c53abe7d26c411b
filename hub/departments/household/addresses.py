"""The standard addresses 标准地址 of the demonstration's city; a real city has a service for them."""

from __future__ import annotations

import tomllib
from pathlib import Path

STANDARD: tuple[str, ...] = tuple(
    tomllib.loads(Path(__file__).with_name("addresses.toml").read_text("utf-8"))["standard"]
)
