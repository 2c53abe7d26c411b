"""The private-use characters of GB 18030: against the table of the system's own converter, an independent one."""

from __future__ import annotations

import subprocess

import pytest

from devices.private_use import PUBLISHED, published


def converted(code: bytes) -> str:
    """What the C library's iconv makes of GB 18030 bytes."""
    done = subprocess.run(["iconv", "-f", "GB18030", "-t", "UTF-8"], input=code, capture_output=True, check=True)
    return done.stdout.decode()


def test_every_published_code_point_is_what_an_independent_converter_says() -> None:
    """Areas by their two bytes: what GBK had in private use, in the standard's order."""
    codes = [0xA2E3, *range(0xA6D9, 0xA6E0), 0xA6EC, 0xA6ED, 0xA6F3, 0xA8BC, 0xA8BF, *range(0xA989, 0xA996)]
    codes += [*range(0xFE50, 0xFE7F), *range(0xFE80, 0xFEA1)]
    expected = converted(b"".join(code.to_bytes(2) for code in codes))
    assert [chr(point) for _, point in sorted(PUBLISHED.items())] == list(expected)
    assert len(PUBLISHED) == 106
    assert not any("\ue000" <= c <= "\uf8ff" for c in expected)


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("\ue863", "䶮"),
        ("\ue81e", "\u9fb4"),
        ("\ue864", "\u9fbb"),
        ("\ue816", "\U00020087"),
        ("\ue855", "\U000241fe"),
        ("\ue78d", "\ufe10"),
        ("\ue796", "\ufe19"),
        ("\ue7c7", "ḿ"),
        ("王\ue863明", "王䶮明"),
        ("\ue000", "\ue000"),
    ],
)
def test_names_known_from_the_standard(private: str, public: str) -> None:
    assert published(private) == public
