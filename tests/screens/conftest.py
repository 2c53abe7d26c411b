from __future__ import annotations

import pytest

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
def _forgotten(request):
    yield
    if "presenter" in request.fixturenames:
        request.getfixturevalue("presenter").forget()
