from __future__ import annotations

from types import SimpleNamespace

import pytest

from screens import repaint
from tests.screens.gallery import Portrait
from tests.screens.harness import KivyPresenter


@pytest.fixture(scope="session")
def presenter() -> KivyPresenter:
    """One window for the whole session: opening one costs half a second.

    Open from the start: a part that is drawn before would open one of another size.
    """
    presenter = KivyPresenter(open_frames=lambda _name: Portrait())
    presenter._open()
    return presenter


@pytest.fixture(autouse=True)
def _forgotten(request, monkeypatch):
    """Each test begins with nothing on the page; that buffers and freed memory forget it too matters to none."""
    yield
    if "presenter" in request.fixturenames:
        monkeypatch.setattr(repaint, "every_buffer", lambda _window: None)
        monkeypatch.setattr("screens.wipe.gc", SimpleNamespace(collect=lambda: 0))
        request.getfixturevalue("presenter").forget()
