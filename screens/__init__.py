"""Draws pages with Kivy. No rules, no I/O, no decisions."""

from __future__ import annotations

from screens.environment import claim

claim()  # Kivy reads its environment when it is first imported, whichever module of ours does so
