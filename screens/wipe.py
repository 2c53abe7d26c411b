"""What Kivy would keep of a visit: caches of text and pictures, pending events, touches."""

from __future__ import annotations

import gc

from kivy.base import EventLoop
from kivy.cache import Cache
from kivy.core.window import Window

_CACHES = ("kv.image", "kv.texture", "kv.loader", "kv.shader", "textinput.label", "textinput.width")


def forget_everything() -> None:
    """Empty Kivy's caches, drop queued input, and collect: freed memory is overwritten by the allocator."""
    for category in _CACHES:
        if category in Cache._categories:
            Cache.remove(category)
    EventLoop.input_events.clear()
    EventLoop.me_list.clear()
    Window._mouse_x = Window._mouse_y = 0
    gc.collect()
