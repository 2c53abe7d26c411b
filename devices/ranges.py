"""What a key of a driver's table may be: a value outside is refused at the start, never found out at a visit."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Baudrate = Annotated[int, Meta(ge=300, le=4_000_000)]
TcpPort = Annotated[int, Meta(ge=1, le=65535)]
Pixels = Annotated[int, Meta(ge=16, le=16384)]
Milliseconds = Annotated[int, Meta(ge=10, le=600_000)]
Seconds = Annotated[float, Meta(ge=0.1, le=3600)]
"""Neither ``nan`` nor ``inf``, which TOML has."""
