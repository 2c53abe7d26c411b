"""The PostgreSQL of demo and tests: closed to every other account, without rights, and its superuser to everybody."""

from __future__ import annotations

import getpass
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from hub.postgres import OwnPostgres

pytestmark = pytest.mark.attack(12)
STRANGERS = (12345, 65534)
"""Accounts that are neither root's nor ours; the second is ``nobody``, as which root's server runs."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    """One whose folders above are closed to others, as pytest and the demo make them."""
    with OwnPostgres(tmp_path_factory.mktemp("private") / "data", durable=False) as postgres:
        yield postgres


def folders(own: OwnPostgres) -> list[Path]:
    sockets = Path(conninfo_to_dict(own.dsn)["host"])  # type: ignore[arg-type]
    return [sockets, sockets.parent if sockets.name == "sockets" else own._folder]


def test_socket_and_data_are_closed_to_everybody_else(own: OwnPostgres) -> None:
    for folder in folders(own):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for socket in folders(own)[0].iterdir():
        if socket.is_socket():
            assert not stat.S_IMODE(socket.stat().st_mode) & 0o077


def test_it_has_no_capability_and_gains_none(own: OwnPostgres) -> None:
    if os.geteuid() != 0:
        assert Path(f"/proc/{own.pid}").owner() == getpass.getuser()
    status = Path(f"/proc/{own.pid}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(facts[kind], 16) == 0, kind
    assert facts["NoNewPrivs"] == "1"
    assert "0" not in facts["Uid"].split(), "never root"


def test_no_account_is_trusted_and_no_port_is_open(own: OwnPostgres) -> None:
    rules = (folders(own)[1] / "pg_hba.conf").read_text().split("\n")
    assert [rule.split()[:4] for rule in rules if rule] == [["local", "all", "tongban", "peer"]]
    with psycopg.connect(own.dsn) as conn:
        assert conn.execute("show listen_addresses").fetchone() == ("",)


@pytest.mark.parametrize("role", ["postgres", "root", "nobody", getpass.getuser()])
def test_the_superuser_and_other_roles_cannot_log_in(own: OwnPostgres, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba.conf entry|does not exist|rejects|failed"):
        psycopg.connect(own.dsn, user=role).close()


@pytest.mark.parametrize(
    "statement",
    [
        "create role thief superuser",
        "alter role tongban superuser",
        "copy (select 1) to program 'true'",
        "select pg_read_file('/etc/passwd')",
        "alter system set archive_command = 'true'",
        "set role postgres",
        "create function f() returns int language c as 'libc', 'getpid'",
    ],
)
def test_who_is_let_in_owns_the_databases_and_nothing_else(own: OwnPostgres, statement: str) -> None:
    with psycopg.connect(own.dsn) as conn, pytest.raises(psycopg.Error):
        conn.execute(statement.encode())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("uid", STRANGERS)
@pytest.mark.parametrize("role", ["tongban", "postgres"])
def test_another_account_is_not_let_in(own: OwnPostgres, uid: int, role: str) -> None:
    """By a handle it may even stand in the folder, as if its mode did not close it."""
    code = f"""
import os, socket
handle = os.open({str(folders(own)[0])!r}, os.O_RDONLY | os.O_DIRECTORY)
peer = socket.socket(socket.AF_UNIX)
os.setgroups([]); os.setgid({uid}); os.setuid({uid})
try:
    peer.connect(f"/proc/self/fd/{{handle}}/.s.PGSQL.5432")
except PermissionError:
    print("closed")
else:
    start = b"user\\0{role}\\0database\\0tongban\\0\\0"
    peer.sendall((8 + len(start)).to_bytes(4, "big") + (196608).to_bytes(4, "big") + start)
    answer = peer.recv(200)
    print("let in" if answer[:1] == b"R" and answer[5:9] == b"\\0\\0\\0\\0" else "refused")
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, cwd="/")
    assert done.stdout.strip() in ("closed", "refused"), done.stderr


def test_a_cluster_of_before_that_trusted_everybody_is_closed_at_its_next_start(tmp_path: Path) -> None:
    postgres = OwnPostgres(tmp_path / "data", durable=False)
    with postgres:
        pass
    rules = tmp_path / "data/pg_hba.conf"
    rules.write_text("local all all trust\n")
    (tmp_path / "data/pg_ident.conf").write_text("")
    for _ in range(2):
        with postgres, psycopg.connect(postgres.dsn) as conn:
            assert conninfo_to_dict(postgres.dsn)["user"] == "postgres", "such a cluster has no other role"
            assert conn.execute("select 1").fetchone() == (1,)
            assert "trust" not in rules.read_text()
