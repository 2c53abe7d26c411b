from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest

from screens import repaint
from tests.screens.gallery import Portrait
from tests.screens.harness import KivyPresenter


@cache
def opened() -> KivyPresenter:
    """One window for the whole session: opening one costs half a second."""
    presenter = KivyPresenter(open_frames=lambda _name: Portrait())
    presenter._open()
    return presenter


@pytest.fixture(scope="session")
def presenter() -> KivyPresenter:
    return opened()


@pytest.fixture(scope="session", autouse=True)
def window() -> None:
    """Open before anything is drawn: a part that is drawn without it opens one of another size, for all that follow."""
    opened()


@pytest.fixture(autouse=True)
def _forgotten(request, monkeypatch):
    """Each test begins with nothing on the page; that buffers and freed memory forget it too matters to none."""
    yield
    if "presenter" in request.fixturenames:
        monkeypatch.setattr(repaint, "every_buffer", lambda _window: None)
        monkeypatch.setattr("screens.wipe.gc", SimpleNamespace(collect=lambda: 0))
        request.getfixturevalue("presenter").forget()
