"""Maintenance mode: for technicians, with card and PIN. Devices, queue and machine; never a citizen's data."""

from __future__ import annotations

from kiosk.maintenance.session import enter, run

__all__ = ["enter", "run"]
