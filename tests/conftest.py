"""What holds for every test: secrets are sealed with a host key of the session's own, and files are its user's own."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from _pytest.pathlib import import_path

from kiosk.clock import DAY_BEGAN
from tests import judging, quick
from tests.scheduling import AsCollected, share, turns


@pytest.fixture(scope="session", autouse=True)
def host_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Real systemd-creds, and nothing of it in /var/lib/systemd."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(tmp_path_factory.mktemp("host") / "credential.secret"))
        patch.delenv("CREDENTIALS_DIRECTORY", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_morning() -> Iterator[None]:
    """For all processes of the suite, at whatever hour it runs, the day begins some hours ago: none meets midnight."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DAY_BEGAN, (datetime.now(UTC) - timedelta(hours=9)).isoformat())
        yield


@pytest.fixture(scope="session", autouse=True)
def nobody_else_may_write() -> Iterator[None]:
    """Configuration that a group may write is refused, and some computers let it by their umask."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session", autouse=True)
def quick_digests() -> Iterator[None]:
    """Hundreds of tests know staff and print slips."""
    with quick.digests():
        yield


@pytest.fixture(scope="session", autouse=True)
def judged_once() -> Iterator[None]:
    """Hundreds of tests start a machine with the shipped catalogue."""
    with judging.judged_once():
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """In a fresh checkout no file of tests is compiled, and each process would compile all of them at the same time.

    Thousands of tests are collected, none of them is garbage: to look for it cost a fifth of the time.
    """
    gc.set_threshold(1_000_000)
    if session.config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        for path in share(sorted(session.config.rootpath.glob("tests/**/test_*.py"))):
            import_path(path, mode="importlib", root=session.config.rootpath, consider_namespace_packages=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Once for all processes: each of them collects alike."""
    turn = turns(_file(item) for item in items)
    items.sort(key=lambda item: turn[_file(item)])


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Hundreds of visits are wiped, and a wipe collects all garbage: it need not look through the whole suite.

    Nor need Python by itself after every 700 objects, which cost a third of all that runs in this process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> AsCollected | None:
    """For ``--dist loadfile``; whoever asks for another way gets it."""
    return AsCollected(config, log) if config.getvalue("dist") == "loadfile" else None
