"""What holds for every test: the secrets of its machines are sealed with a host key of the session's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def host_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Real systemd-creds, and nothing of it in /var/lib/systemd."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(tmp_path_factory.mktemp("host") / "credential.secret"))
        patch.delenv("CREDENTIALS_DIRECTORY", raising=False)
        yield
