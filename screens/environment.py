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
    """The private folder for Kivy's own files and extracted fonts: ``TONGBAN_RUNTIME`` or one below the temporary folder."""
    named = os.environ.get("TONGBAN_RUNTIME")
    folder = Path(named) if named else Path(os.environ.get("XDG_RUNTIME_DIR", gettempdir())) / f"tongban-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def prepare(folder: Path, *, fullscreen: bool, show_cursor: bool) -> None:
    """Configure Kivy: no arguments eaten, a private home, one mouse provider, no key that closes the window.

    A default ``probesysfs`` provider beside the mouse would count every tap twice, so it is removed.
    """
    if "kivy" not in sys.modules:
        for key in ("KIVY_NO_ARGS", "KIVY_NO_FILELOG"):
            os.environ[key] = "1"
        os.environ.setdefault("KIVY_LOG_MODE", "PYTHON")  # our logging, nothing captured from stderr
        os.environ["KIVY_HOME"] = str(folder / "kivy")
        Path(os.environ["KIVY_HOME"]).mkdir(exist_ok=True)
    from kivy.config import Config

    for key, value in _GRAPHICS.items():
        Config.set("graphics", key, value)
    Config.set("graphics", "show_cursor", str(int(show_cursor)))
    Config.set("graphics", "borderless", str(int(fullscreen)))
    Config.set("graphics", "fullscreen", "auto" if fullscreen else "0")
    Config.set("kivy", "exit_on_escape", "0")
    Config.set("kivy", "log_level", "warning")
    Config.remove_section("input")
    Config.add_section("input")
    Config.set("input", "mouse", "mouse,disable_multitouch")
