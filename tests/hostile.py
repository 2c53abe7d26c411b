"""What a stranger can put into a batch file. Each is small; none may kill, hang or fill who reads it."""

from __future__ import annotations

import bz2
import tarfile
from collections.abc import Callable
from pathlib import Path

MB = 1024 * 1024


def listed(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(path.name for path in folder.iterdir())


_END = bytes(1024)


def header(name: bytes, size: int | bytes = 0, kind: bytes = b"0", magic: bytes = b"ustar\x0000") -> bytes:
    """One header block with a right sum; ``size`` as a number or as the twelve bytes of the field."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[124:136] = field.ljust(12, b"\0")
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = magic
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name: bytes, content: bytes, kind: bytes = b"0") -> bytes:
    return header(name, len(content), kind) + content + bytes(-len(content) % 512)


def packed(*pieces: bytes) -> bytes:
    """One bzip2 stream."""
    return bz2.compress(b"".join(pieces), 9)


def chained(kind: bytes, count: int = 5000) -> bytes:
    """A long name, or a record of extended facts, that is followed by one, and so on."""
    return packed(member(b"././@LongLink", b"envelopes/a\0", kind) * count, _END)


def zeros(size: int) -> bytes:
    """So many zeros as a row of streams: 45 bytes for 16 MB."""
    return bz2.compress(bytes(16 * MB), 9) * (size // (16 * MB))


def pax(records: dict[str, str]) -> bytes:
    info = tarfile.TarInfo("envelopes/a.json")
    info.size, info.pax_headers = 2, records
    return packed(info.tobuf(tarfile.PAX_FORMAT), b"{}".ljust(512, b"\0"), _END)


def no_regular_file(kind: bytes) -> bytes:
    block = bytearray(header(b"envelopes/a.json", 0, kind))
    block[157:169] = b"/etc/passwd\0"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return packed(bytes(block), _END)


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "chained GNU long names": lambda: chained(b"L"),
    "chained GNU long links": lambda: chained(b"K"),
    "chained pax headers": lambda: chained(b"x"),
    "chained global pax headers": lambda: chained(b"g"),
    "chained headers of Solaris": lambda: chained(b"X"),
    "a member of 2^70 bytes": lambda: packed(header(b"parcels/a", b"\x80\0\0" + (2**70).to_bytes(9, "big"))),
    "a member of less than nothing": lambda: packed(header(b"parcels/a", b"\xff" * 12), _END),
    "a member of 8 GiB": lambda: packed(header(b"parcels/a", b"777777777777")),
    "a pax header of 1 GiB": lambda: packed(header(b"pax", 1024 * MB, b"x")) + zeros(1024 * MB),
    "a long name of 1 GiB": lambda: packed(header(b"././@LongLink", 1024 * MB, b"L")) + zeros(1024 * MB),
    "a name that pax makes longer": lambda: pax({"path": "envelopes/" + "a" * 100_000}),
    "a size that pax makes larger": lambda: pax({"size": str(2**63)}),
    "a sparse file of GNU": lambda: packed(header(b"parcels/a", 0, b"S"), _END),
    "a sparse file by pax": lambda: pax({"GNU.sparse.major": "1", "GNU.sparse.realsize": str(2**50)}),
    "a name in GBK": lambda: packed(member("envelopes/张三.json".encode("gbk"), b"{}"), _END),
    "a name that climbs": lambda: packed(member(b"envelopes/../../../etc/cron.d/a", b"{}"), _END),
    "a name with a line break": lambda: packed(member(b"envelopes/a\n\x1b[2J.json", b"{}"), _END),
    "a symbolic link": lambda: no_regular_file(b"2"),
    "a hard link": lambda: no_regular_file(b"1"),
    "a pipe": lambda: no_regular_file(b"6"),
    "a character device": lambda: no_regular_file(b"3"),
    "a block device": lambda: no_regular_file(b"4"),
    "a header with a wrong sum": lambda: packed(b"b" + header(b"envelopes/a.json")[1:], _END),
    "a number that is none": lambda: packed(header(b"envelopes/a.json", b"0x10"), _END),
    "half a header": lambda: packed(header(b"envelopes/a.json")[:300]),
    "half a member": lambda: packed(header(b"envelopes/a.json", 4096), b"{}"),
    "a thousand times what it could hold": lambda: packed(member(b"parcels/a", bytes(60 * MB))) * 500,
    "zeros without end": lambda: zeros(4096 * MB),
    "101,000 members": lambda: packed(header(b"parcels/a") * 1000) * 101 + packed(_END),
    "a quarter of a million streams": lambda: bz2.compress(b"") * 250_000,
    "ten thousand begins of streams": lambda: b"BZh91AY&SY" * 10_000,
    "an envelope of 2 MB": lambda: packed(member(b"envelopes/a.json", bytes(2 * MB)), _END),
    "an envelope that is nested 100,000 deep": lambda: packed(member(b"envelopes/a", b"[" * 100_000), _END),
    "an envelope with a name of zeros": lambda: packed(
        member(b"envelopes/a", b'{"header":{"\\u0000":1},"signature":"a"}'), _END
    ),
    "a header nested 900 deep": lambda: packed(
        member(b"envelopes/a", b'{"header":{"a":' + b"[" * 900 + b"]" * 900 + b'},"signature":"a"}'), _END
    ),
    "a receipt nested 100,000 deep": lambda: packed(member(b"receipts/a", b'{"a":' * 60_000), _END),
    "a plain tar": lambda: member(b"envelopes/a.json", b"{}") + _END,
    "a gzip": lambda: b"\x1f\x8b\x08" + bytes(500),
    "nothing": lambda: b"",
}
