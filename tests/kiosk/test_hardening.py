"""Whether freed memory is overwritten is measured: what was asked for in the environment proves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from kiosk import hardening

_MEASURE = "import json; from kiosk import hardening; print(json.dumps(hardening.overwrites()))"
_CLAIMS = {"MALLOC_CONF": "junk:free", "TONGBAN_HARDENED": "1"}
_LIBRARY = hardening.environment().get("LD_PRELOAD", "")


def measured(**environment: str) -> dict[str, bool]:
    """What a fresh interpreter finds under ``environment``."""
    plain = {key: value for key, value in os.environ.items() if key not in hardening.environment()}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE], env=plain | environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_the_library_is_built() -> None:
    assert _LIBRARY, "kiosk/erasing.c is not built: start ./run or ./test once (it needs gcc and libc6-dev)"


def test_a_hardened_process_overwrites_on_every_path() -> None:
    assert measured(**hardening.environment()) == {"freed": True, "grown": True, "shrunk": True}


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="nothing"),
        pytest.param(_CLAIMS, id="only the claims"),
        pytest.param({**_CLAIMS, "PYTHONMALLOC": "malloc"}, id="no library"),
    ],
)
def test_a_process_that_only_claims_it_is_found_out(environment: dict[str, str]) -> None:
    assert measured(**environment) == {"freed": False, "grown": False, "shrunk": False}


def test_the_library_alone_leaves_what_pythons_own_allocator_keeps() -> None:
    assert measured(LD_PRELOAD=_LIBRARY) == {"freed": False, "grown": True, "shrunk": True}


def test_glibcs_own_overwriting_is_found_out_where_its_thread_cache_keeps_blocks() -> None:
    assert measured(PYTHONMALLOC="malloc", GLIBC_TUNABLES="glibc.malloc.perturb=165")["freed"] is False


_RESTART = """
import os, sys
def told(program, arguments, environment):
    large = [each for each in ("structlog", "trio", "kiosk.config") if each in sys.modules]
    print(arguments[1:], environment["LD_PRELOAD"] != "", large)
    os._exit(0)
os.execve = told
from kiosk.__main__ import main
main()
"""


@pytest.mark.parametrize("command", ["run", "walk"])
def test_what_will_know_persons_is_restarted_before_anything_large_is_loaded(command: str) -> None:
    plain = {key: value for key, value in os.environ.items() if key not in hardening.environment()}
    asked = ["--config", "kiosk.toml", command]
    done = subprocess.run(
        [sys.executable, "-c", _RESTART, *asked], env=plain, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{['-m', 'kiosk', *asked]} True []\n"
