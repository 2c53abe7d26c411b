"""Kills and disk errors at every system call of a whole filing: ``python -m tests.matrix.store.syscalls``.

strace strikes the child; a kill leaves the page cache, so this shows crashes, and power_cut.py shows power. A short
write needs a disk that is really full: a tmpfs (``pwrite64:retval=`` would be a disk that lies).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kiosk.clock import Clock
from kiosk.hub_link.filing import PRIORITIES
from kiosk.messages.seal import KeyPair, new_seal_key, unseal
from offline_cache.errors import StoreError
from offline_cache.outbox import Outbox
from offline_cache.store import Store
from tests.matrix.store.filing_child import KIOSK, plain_parts

ROOT = Path(__file__).parents[3]
CASES = 4
# pysqlite3 syncs with fsync; the others stand here in case another build does not.
CALLS = {"sync": "fsync,fdatasync", "write": "pwrite64", "truncate": "ftruncate", "unlink": "unlink,unlinkat",
         "reserve": "fallocate"}  # fmt: skip
FAULTS = {
    "SIGKILL": ("sync", "write", "truncate", "unlink", "reserve"),
    "EIO": ("sync", "write", "truncate", "unlink"),
    "ENOSPC": ("write", "sync", "reserve"),
}


class Strike(NamedTuple):
    """``fault`` at the ``when``-th call of a kind; ``lasting``: and at every one after it."""

    call: str
    fault: str
    when: int
    lasting: bool = False

    @property
    def strace(self) -> list[str]:
        names = CALLS[self.call]
        how = "signal=SIGKILL" if self.fault == "SIGKILL" else f"error={self.fault}"
        when = f"{self.when}{'+' if self.lasting else ''}"
        told = ("strace", "-f", "-qq", "-o", "/dev/null")
        return [*told, "-e", f"trace={names}", "-e", f"inject={names}:{how}:when={when}"]


def missing() -> str | None:
    """Why strace cannot strike here; None when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    told = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return None if told.returncode == 0 else "this system does not allow ptrace"


def child(store: Path, keys: KeyPair, before: list[str]) -> list[str]:
    """What the process said before it ended or was killed."""
    command = [*before, sys.executable, "-m", "tests.matrix.store.filing_child", str(store), keys.public, str(CASES)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment, timeout=60, check=False)
    return ended.stdout.decode().splitlines()


def counted(folder: Path, keys: KeyPair) -> dict[str, int]:
    """How often an undisturbed filing makes each kind of call."""
    log = folder / "calls"
    names = ",".join(CALLS.values())
    told = child(folder / "store.db", keys, ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={names}"])
    assert told[-1] == "end"
    found = Counter(re.findall(r"^\d+\s+(\w+)\(", log.read_text(), re.MULTILINE))
    return {kind: sum(found[name] for name in names.split(",")) for kind, names in CALLS.items()}


def faulty(store: Path, keys: KeyPair, told: list[str]) -> Iterator[str]:
    """What is not as it was promised, after a new start on the same files."""
    said = [line.split() for line in told]
    kept = {words[1]: int(words[2]) for words in said if words[0] == "kept" and len(words) == 3}
    delivered = {words[1] for words in said if words[0] == "delivered" and len(words) == 3}
    try:
        opened = Store.open(store, now=Clock().now, ballast_mb=0, free_floor_mb=0)
    except StoreError as error:
        yield f"corrupt: {error}"
        return
    try:
        outbox = Outbox(opened, priorities=PRIORITIES)
        rows = {row.key: row for row in outbox.rows()}
        if opened.query("PRAGMA integrity_check") != [{"integrity_check": "ok"}]:
            yield "corrupt: integrity_check"
        if [row.seq for row in rows.values()] != list(range(1, len(rows) + 1)) or outbox.verify_chain() is not None:
            yield "corrupt: the chain is broken"
        yield from (f"lost: {key}" for key, seq in kept.items() if key not in rows or rows[key].seq != seq)
        yield from (f"lost: delivery of {key}" for key in delivered if rows[key].state != "delivered")
        yield from _drained(outbox, keys)
        if outbox.depth() or outbox.held() or outbox.quarantined():
            yield "corrupt: not everything could be sent"
    finally:
        opened.close()


def _drained(outbox: Outbox, keys: KeyPair) -> Iterator[str]:
    while claimed := outbox.claim(0.0):
        for name, plain in plain_parts(claimed.key).items():
            sealed = outbox.parcel(claimed, name)
            if unseal(sealed, keys.private, kiosk_id=KIOSK, key=claimed.key, part=name) != plain:
                yield f"corrupt: {name} of {claimed.key}"
        outbox.delivered(claimed.seq, b"receipt")


def strike(folder: Path, keys: KeyPair, strike: Strike) -> list[str]:
    """The findings of one run."""
    store = folder / f"{strike.call}-{strike.fault}-{strike.when}{strike.lasting}" / "store.db"
    told = child(store, keys, strike.strace)
    try:
        if not store.exists():
            return ["lost: the store"] if any(line.startswith("kept") for line in told) else []
        return list(faulty(store, keys, told))
    finally:
        shutil.rmtree(store.parent, ignore_errors=True)


def full_disk(folder: Path, keys: KeyPair, kilobytes: int) -> list[str] | None:
    """A filing on a disk of that size; the findings after it was given more. None where nothing can be mounted."""
    disk = folder / f"disk{kilobytes}"
    disk.mkdir()
    options = f"size={kilobytes}k,mode=700"
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, check=False
    ).returncode:
        return None
    try:
        told = child(disk / "store.db", keys, [])
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        return list(faulty(disk / "store.db", keys, told))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def sweep(folder: Path, keys: KeyPair, step: int) -> Iterator[tuple[str, int, list[str]]]:
    """For each fault and kind of call: its name, the runs, what was found."""
    calls = counted(folder, keys)
    for fault, kinds in FAULTS.items():
        for kind in kinds:
            found: list[str] = []
            strikes = [Strike(kind, fault, when) for when in range(1, calls[kind] + 1, step)]
            if fault != "SIGKILL":
                strikes += [Strike(kind, fault, when, lasting=True) for when in range(1, calls[kind] + 1, 5 * step)]
            for each in strikes:
                found += [f"{each.when}: {what}" for what in strike(folder, keys, each)]
            yield f"{fault} at {kind} (1..{calls[kind]})", len(strikes), found
    sizes = range(256, 3072, 64 * step)
    findings = [full_disk(folder, keys, size) for size in sizes]
    if None not in findings:
        yield "short write: full disk of 256 KB..3 MB", len(sizes), [what for each in findings for what in each or ()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="every so many calls")
    options = parser.parse_args()
    reason = missing()
    if reason:
        sys.stdout.write(f"not run: {reason}\n")
        return 2
    bad = 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        sys.stdout.write(f"{'':<48}{'runs':>6}{'lost':>6}{'corrupt':>9}\n")
        for what, runs, found in sweep(Path(name), new_seal_key(), options.step):
            kinds = Counter(line.split(": ")[1] for line in found)
            sys.stdout.write(f"{what:<48}{runs:>6}{kinds['lost']:>6}{kinds['corrupt']:>9}\n")
            sys.stdout.writelines(f"    {line}\n" for line in found[:5])
            sys.stdout.flush()
            bad += len(found)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
