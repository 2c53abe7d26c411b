"""What one hub process takes in from many machines at once, in CPU and in cases a second.

A case is what a machine sends of it: each sealed part, then the envelope that names it, every request signed. The
client does nothing but send what was prepared and read the answers. Beside it, in the same run: a bare signed route
(the signature's check and one question to the database), one pgbench client that inserts the same rows, and two hub
processes on one database. CPU is the hub's own, by the operating system's account, and steady on a busy computer.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import structlog

from benchmarks.drain import Hub, Machine, prepare, signed
from hub.postgres import OwnPostgres, binaries
from kiosk.messages.envelope import Kind

MACHINES = 4
CONNECTIONS = 4
"""Of each machine."""
ROW_BYTES = 1500
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PGBENCH = """\\set n random(1, 2000000000)
begin;
insert into bench_parcel (sealed) values (decode(repeat('ab', {part_bytes}), 'hex'));
insert into bench_row (body) values (repeat('x', {row_bytes}));
insert into bench_event (body) values ('received');
commit;
"""


class Taken(NamedTuple):
    """One turn: how many cases, in what time, and what CPU the hub used for it."""

    cases: int
    seconds: float
    cpu_s: float

    @property
    def cpu_ms(self) -> float:
        """CPU of the hub for each case, in milliseconds."""
        return 1000 * self.cpu_s / self.cases

    @property
    def per_second(self) -> float:
        return self.cases / self.seconds


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


class Client:
    """Connections that each send their requests one after the other, all at the same time."""

    def __init__(self, url: str, scripts: list[list[bytes]]) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._selector = selectors.DefaultSelector()
        self._heads: set[object] = set()
        """Connections whose request is a HEAD: its answer has the length of a body and no body (RFC 9110 §9.3.2)."""
        for script in scripts:
            connection = socket.create_connection((host, int(port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ, (iter(script), bytearray()))

    def run(self) -> None:
        """Until every request was answered well."""
        for key in list(self._selector.get_map().values()):
            self._next(key)
        while self._selector.get_map():
            ready = self._selector.select(timeout=60)
            assert ready, "the hub does not answer"
            for key, _ in ready:
                self._read(key)

    def _read(self, key: selectors.SelectorKey) -> None:
        pending: bytearray = key.data[1]
        came = key.fileobj.recv(65536)  # type: ignore[union-attr]
        assert came, "the hub closed the connection"
        pending += came
        head, blank, rest = bytes(pending).partition(b"\r\n\r\n")
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        length = 0 if key.fileobj in self._heads else length
        if blank and len(rest) >= length:
            assert head.split()[1] in (b"200", b"201"), bytes(pending)
            pending.clear()
            self._next(key)

    def _next(self, key: selectors.SelectorKey) -> None:
        request = next(key.data[0], None)
        if request is None:
            self._selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]
        else:
            (self._heads.add if request.startswith(b"HEAD ") else self._heads.discard)(key.fileobj)
            key.fileobj.sendall(request)  # type: ignore[union-attr]


def turn(hubs: list[Hub], scripts: list[list[bytes]], cases: int) -> Taken:
    """Sends the scripts, shared out among the hubs."""
    started = [cpu_s(hub.pid) for hub in hubs]
    began = time.perf_counter()
    clients = [Client(hub.url, scripts[i :: len(hubs)]) for i, hub in enumerate(hubs)]
    with ExitStack() as stack:
        for client in clients[1:]:
            stack.enter_context(_in_child(client.run))
        clients[0].run()
    seconds = time.perf_counter() - began
    return Taken(cases, seconds, sum(cpu_s(hub.pid) - before for hub, before in zip(hubs, started, strict=True)))


@contextmanager
def _in_child(work: Callable[[], None]) -> Iterator[None]:
    pid = os.fork()
    if not pid:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    yield
    assert os.waitpid(pid, 0)[1] == 0


def case_scripts(machines: list[Machine], cases: int, kind: Kind) -> list[list[bytes]]:
    """Prepared requests of ``cases`` cases, one script a connection."""
    share = cases // (len(machines) * CONNECTIONS)
    scripts = []
    for machine in machines:
        machine.file(share * CONNECTIONS, 0, kind)
        machine.outbox.left = share * CONNECTIONS
        scripts += [prepare(machine, share) for _ in range(CONNECTIONS)]
    return scripts


def bare_scripts(machines: list[Machine], count: int) -> list[list[bytes]]:
    """Signed requests that are answered after one look into the database."""
    path = f"/v1/parcels/{'9' * 64}"
    each = count // (len(machines) * CONNECTIONS)
    return [[signed(m, path, b"", "HEAD") for _ in range(each)] for m in machines for _ in range(CONNECTIONS)]


def pgbench(postgres: OwnPostgres, folder: Path, part_bytes: int, seconds: int) -> Taken:
    """Transactions a second of one pgbench client with prepared statements that inserts what a case leaves behind."""
    script = folder / "case.sql"
    script.write_text(PGBENCH.format(part_bytes=part_bytes, row_bytes=ROW_BYTES), "ascii")
    tables = "create table if not exists bench_{} (id bigserial primary key, {} {} not null)"
    made = [("parcel", "sealed", "bytea"), ("row", "body", "text"), ("event", "body", "text")]
    with psycopg.connect(postgres.dsn, autocommit=True) as conn:
        for each in made:
            conn.execute(tables.format(*each).encode())
    command = ["-n", "-M", "prepared", "-c", "1", "-T", str(seconds), "-f", str(script), postgres.dsn]
    said = subprocess.run([str(binaries() / "pgbench"), *command], capture_output=True, text=True, check=True).stdout
    tps = float(next(line.split("=")[1].split()[0] for line in said.splitlines() if line.startswith("tps")))
    return Taken(int(tps * seconds), seconds, 0.0)


def measure(folder: Path, cases: int, turns: int) -> list[dict[str, Any]]:
    """The rows of the table."""
    with OwnPostgres(folder / "postgres") as postgres, ExitStack() as stack:
        hubs = [Hub(folder, postgres.dsn) for _ in range(2)]
        for hub in hubs:
            stack.callback(hub.stop)
        machines = [Machine(folder, hubs[0], f"bench-{i:02}") for i in range(MACHINES)]
        taken: dict[str, list[Taken]] = {name: [] for name in ("intake", "case", "bare", "two", "pgbench")}
        for _ in range(turns + 1):
            taken["pgbench"].append(pgbench(postgres, folder, 4200, 2))
            taken["bare"].append(turn(hubs[:1], bare_scripts(machines, 2 * cases), cases))
            taken["intake"].append(turn(hubs[:1], case_scripts(machines, cases, "finding"), cases))
            taken["two"].append(turn(hubs, case_scripts(machines, cases, "finding"), cases))
            taken["case"].append(turn(hubs[:1], case_scripts(machines, cases, "case"), cases))
    warm = {name: found[1:] for name, found in taken.items()}
    bare_ms = statistics.median(each.cpu_ms for each in warm["bare"])
    raw = statistics.median(each.per_second for each in warm["pgbench"])
    return [
        _row("CPU, two bare signed requests", "ms", [each.cpu_ms for each in warm["bare"]]),
        _row("CPU, intake of one case", "ms", (ms := [each.cpu_ms for each in warm["intake"]]))
        | {"ratio": round(statistics.median(ms) / bare_ms, 2)},
        _row("CPU, the same with its opening", "ms", [each.cpu_ms for each in warm["case"]]),
        _row("pgbench, one client", "1/s", [each.per_second for each in warm["pgbench"]]),
        _row("one hub process", "1/s", (one := [each.per_second for each in warm["intake"]]))
        | {"ratio": round(raw / statistics.median(one), 2)},
        _row("two hub processes", "1/s", [each.per_second for each in warm["two"]]),
    ]


def _row(case: str, unit: str, values: list[float]) -> dict[str, Any]:
    found = sorted(values)
    p95 = found[min(len(found) - 1, int(len(found) * 0.95))]
    return {
        "benchmark": "hub_load",
        "case": case,
        "unit": unit,
        "min": found[0],
        "median": statistics.median(found),
        "p95": p95,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=640)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="rows are printed as JSON in any case")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        for row in measure(Path(name), options.cases, options.turns):
            print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
