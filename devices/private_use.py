"""Private-use code points that GB 18030 once stood characters in, and the code points that Unicode gave them since.

GBK and GB 18030-2000 had characters that Unicode lacked then; fonts, registers and cards of that time hold them at
U+E76C..U+E864. Later editions name their true places: 2000 most, 2005 U+1E3F, 2022 the last 18; six more (U+20087 …)
are named by the standard's own annex and are what every current converter decodes their two bytes to.
"""

from __future__ import annotations

_GBK = ((0xA2E3, 0xE76C, 1), (0xA8BF, 0xE7C8, 1), (0xA989, 0xE7E7, 13), (0xFE50, 0xE815, 47), (0xFE80, 0xE844, 33))
"""Two-byte code, private-use code point, how many follow in both: where GBK kept what GB 18030-2000 could name."""

_LATER = {
    **dict(zip(range(0xE78D, 0xE797), (0xFE10, 0xFE12, 0xFE11, *range(0xFE13, 0xFE1A)), strict=True)),
    0xE7C7: 0x1E3F,
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE832: 0x9FB8,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE864: 0x9FBB,
    0xE816: 0x20087,
    0xE817: 0x20089,
    0xE818: 0x200CC,
    0xE831: 0x215D7,
    0xE83B: 0x2298F,
    0xE855: 0x241FE,
}
"""What Python's codec, made from the edition of 2000, still leaves in the private-use area."""

PUBLISHED = {
    private + i: ord((code + i).to_bytes(2).decode("gb18030")) for code, private, count in _GBK for i in range(count)
} | _LATER


def published(text: str) -> str:
    """``text`` with every private-use code point that GB 18030 names at its true place; others stay as they are."""
    return text.translate(PUBLISHED)
