"""What the demonstration's city has besides its people: standard addresses 标准地址, usual entries of the register."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_CITY = tomllib.loads(Path(__file__).with_name("city.toml").read_text("utf-8"))
STANDARD: tuple[str, ...] = tuple(_CITY["standard"])
USUAL_ENTRIES: tuple[dict[str, Any], ...] = tuple(_CITY["entry"])
