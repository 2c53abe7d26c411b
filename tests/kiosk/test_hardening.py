"""Whether freed memory is overwritten is measured: what was asked for in the environment proves nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from kiosk import hardening
from kiosk.vision.frames import FrameSegment
from tests.waiting import eventually

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


_BOUNDED = """
import resource, sys
from kiosk import hardening
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]),) * 2)
hardening.bound_memory(64 << 20)
fits = bytearray(16 << 20)
try:
    bytearray(256 << 20)
except MemoryError:
    print("bounded", resource.getrlimit(resource.RLIMIT_DATA)[1] == int(sys.argv[1]))
"""


@pytest.mark.parametrize(("allowed", "is_left"), [(-1, False), (1 << 26, True)], ids=["free", "narrower"])
def test_a_process_takes_no_more_memory_than_it_may(allowed: int, is_left: bool) -> None:
    done = subprocess.run([sys.executable, "-c", _BOUNDED, str(allowed)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (f"bounded {is_left}", "")


_WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
"""A stranger of the same user, who is in a test root: without this right even root is one."""
_OPEN = "import sys; print('up', flush=True); sys.stdin.read()"
_CLOSED = "from kiosk import hardening; hardening.no_core_dumps(); " + _OPEN


def reads_memory(pid: int) -> bool:
    """Whether a stranger of the same user opens this process's memory."""
    look = [*_WITHOUT_PTRACE, sys.executable, "-c", f"open('/proc/{pid}/mem', 'rb').close()"]
    return subprocess.run(look, stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.attack(12)
@pytest.mark.parametrize(("program", "is_read"), [(_OPEN, True), (_CLOSED, False)], ids=["as it begins", "closed"])
def test_stranger_of_the_same_user_cannot_look_into_a_closed_process(program: str, is_read: bool) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([*_WITHOUT_PTRACE, sys.executable, "-c", program], stdin=pipe, stdout=pipe) as process:
        assert process.stdout.readline() == b"up\n"
        assert reads_memory(process.pid) is is_read
        process.stdin.close()


@pytest.mark.attack(12)
def test_vision_worker_is_closed_after_exec() -> None:
    ours, theirs = socket.socketpair()
    segment = FrameSegment()
    fds = theirs.fileno(), segment.fd
    words = ["-m", "kiosk.vision.worker", "--socket-fd", str(fds[0]), "--frames-fd", str(fds[1])]
    with ours, subprocess.Popen([*_WITHOUT_PTRACE, sys.executable, *words], pass_fds=fds) as process:
        theirs.close()
        eventually(lambda: not reads_memory(process.pid), "the worker's memory is closed to strangers")
        assert process.poll() is None, "it runs"
        ours.close()
    segment.close()


@pytest.mark.attack(12)
def test_every_command_is_closed_before_it_reads_anything() -> None:
    program = "from kiosk import hardening; import kiosk.__main__ as m; import kiosk.cli\n"
    program += "kiosk.cli.main = lambda: print(hardening.is_closed())\nm.main()"
    done = subprocess.run([sys.executable, "-c", program, "staff"], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


_RESTART = """
import os, sys
def told(program, arguments, environment):
    large = [each for each in ("structlog", "trio", "kiosk.config") if each in sys.modules]
    print(arguments[1:], environment["LD_PRELOAD"] != "", large, flush=True)
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


_START = """
import sys
from types import SimpleNamespace
from kiosk import hardening
hardening.no_core_dumps()
from kiosk.commands.run import serve
sys.modules["kiosk.machine"] = SimpleNamespace(Machine=lambda *_a, **_k: sys.exit("it starts"))
serve(SimpleNamespace(machine=SimpleNamespace(hardening=sys.argv[1])), None, clock=None)
"""


@pytest.mark.parametrize(
    ("wish", "environment", "said"),
    [
        ("required", {}, "freed_memory_overwritten"),
        ("required", {"TONGBAN_HARDENED": "1", "LD_PRELOAD": ""}, "freed_memory_overwritten"),
        ("required", hardening.environment(), "it starts"),
        ("named", {}, "it starts"),
    ],
    ids=["nothing", "only_said", "hardened", "named"],
)
@pytest.mark.attack(12)
def test_a_start_that_requires_hardening_is_refused_without_it(wish: str, environment: dict, said: str) -> None:
    """Measured: an environment that only says so is not believed."""
    plain = {key: value for key, value in os.environ.items() if key not in hardening.environment()}
    command = [sys.executable, "-c", _START, wish]
    done = subprocess.run(command, env=plain | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
