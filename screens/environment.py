"""What must be said to Kivy before it is imported; afterwards it no longer listens."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import gettempdir

_GRAPHICS = {
    "multisamples": "0",  # smooth shapes come from prepared textures; multisampling costs twice the time
    "resizable": "0",
    "maxfps": "60",
    "allow_screensaver": "0",
    "min_state_time": "0",
}


def runtime_folder() -> Path:
    """The private folder for Kivy's files and extracted fonts: ``TONGBAN_RUNTIME``, or one of the user's own."""
    named = os.environ.get("TONGBAN_RUNTIME")
    folder = Path(named) if named else Path(os.environ.get("XDG_RUNTIME_DIR", gettempdir())) / f"tongban-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def claim() -> None:
    """Set Kivy's environment: no arguments eaten, a private home, our logging, nothing captured from stderr."""
    if "kivy" in sys.modules:
        return
    os.environ.update(KIVY_NO_ARGS="1", KIVY_NO_FILELOG="1", KIVY_LOG_MODE="PYTHON")
    os.environ["SDL_TOUCH_MOUSE_EVENTS"] = "0"  # fingers come as fingers (screens/touch.py)
    home = runtime_folder() / "kivy"
    home.mkdir(exist_ok=True)
    os.environ["KIVY_HOME"] = str(home)


def prepare(width: int, height: int, *, fullscreen: bool) -> None:
    """Configure the window before it exists."""
    from kivy.config import Config

    graphics = {
        **_GRAPHICS,
        "show_cursor": str(int(not fullscreen)),
        "borderless": str(int(fullscreen)),
        "fullscreen": "auto" if fullscreen else "0",
        "width": str(width),
        "height": str(height),
    }
    for key, value in graphics.items():
        Config.set("graphics", key, value)
    Config.set("kivy", "exit_on_escape", "0")
    Config.set("kivy", "log_level", "warning")
