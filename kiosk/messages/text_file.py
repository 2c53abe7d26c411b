"""The text of a file as people save it, from whichever editor and system."""

from __future__ import annotations

from pathlib import Path

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_WINDOWS = "in the editor choose UTF-8 when saving"


class NotText(ValueError):
    """The file is no UTF-8: one line that names it, what it is, and what to do."""


def text_of(path: Path | str, raw: bytes) -> str:
    """UTF-8, a byte-order mark allowed; ``path`` names the file. Raises NotText."""
    if raw.startswith(_UTF16) or b"\0" in raw[:4]:
        raise NotText(f"{path}: is UTF-16, not UTF-8; {_WINDOWS}")
    try:
        return raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        if _is_gb18030(raw):
            raise NotText(f"{path}: is GBK or GB 18030, not UTF-8 (line {line}); {_WINDOWS}") from None
        raise NotText(f"{path}: is not UTF-8 (line {line}); {_WINDOWS}") from None


def _is_gb18030(raw: bytes) -> bool:
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True
