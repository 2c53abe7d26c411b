"""The phone of the demonstration: it pays the code that the machine shows, at the demonstration's acquirer."""

from __future__ import annotations

from typing import Any

import httpx

from devices.simulation import SimError
from kiosk.messages.authorities import trusting


class Phone:
    """Pays the newest order that waits. ``url``: the acquirer's own."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=3.0, trust_env=False, verify=trusting())

    def do(self, verb: str, **_arguments: Any) -> dict[str, Any]:
        """``state`` tells what waits, ``pay`` pays it. Raises SimError where there is nothing to pay."""
        waiting = self._client.get("/bench/orders").raise_for_status().json()
        if verb == "pay":
            if not waiting:
                raise SimError("no payment code is shown")
            self._client.post(f"/pay/{waiting[0]['code']}").raise_for_status()
        return {"waiting": len(waiting)}

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()
