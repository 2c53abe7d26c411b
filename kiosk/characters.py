"""Characters of Chinese names that need care before they are shown: what the screens may know of them."""

from __future__ import annotations

from devices.private_use import published

__all__ = ["published"]
