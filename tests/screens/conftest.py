from __future__ import annotations

import pytest

from tests.screens.gallery import Portrait
from tests.screens.harness import KivyPresenter


@pytest.fixture(scope="session")
def presenter() -> KivyPresenter:
    """One window for the whole session: opening one costs half a second."""
    return KivyPresenter(open_frames=lambda _name: Portrait())


@pytest.fixture(autouse=True)
def _forgotten(request):
    yield
    if "presenter" in request.fixturenames:
        request.getfixturevalue("presenter").forget()
