"""TOML files that would hold or end whoever reads them: refused in one line, quickly."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.toml_file import LIMIT_BYTES, TomlTrouble, read_toml

pytestmark = pytest.mark.attack(12)
HOSTILE = {
    "key of many parts": ("a." * (LIMIT_BYTES // 2 - 10) + "a = 1", "nested"),
    "table of many parts": ("[" + "a." * (LIMIT_BYTES // 2 - 10) + "a]", "nested"),
    "quoted parts": ('"a".' * (LIMIT_BYTES // 4 - 10) + "a = 1", "nested"),
    "parts behind a quote": ("""a = { b = \"\"\" " ' \"\"\", """ + "a." * 100_000 + "a = 1 }", "nested"),
    "parts with blanks": ("1.5 . " * 100_000 + "a = 1", "nested"),
    "quotes without end": ("a = " + '\\" ' * (LIMIT_BYTES // 3 - 10), "not TOML"),
    "number of 5000 digits": ("a = " + "1" * 5000, "not TOML"),
    "number of 400 digits": ("a = [{b = " + "1" * 400 + "}]", "64 bits"),
    "hexadecimal number": ("a = 0x" + "f" * 50_000, "64 bits"),
    "deep array": ("a = " + "[" * 100_000, "nested too deeply"),
    "deep table": ("a = " + "{a=" * 100_000, "nested too deeply"),
    "no text": ("a = \x00", "not TOML"),
    "day that is none": ("a = 2027-02-30", "not TOML"),
    "half a surrogate": ('a = "\\ud800"', "not TOML"),
}


@pytest.mark.parametrize(("text", "named"), HOSTILE.values(), ids=HOSTILE.keys())
def test_file_that_would_hold_the_parser_is_refused(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(TomlTrouble, match=named) as error:
        read_toml(path)
    assert len(str(error.value)) < 1000


def test_file_with_what_toml_may_hold_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    strokes = [[0.25, -1.5e-3]] * 2000
    path.write_text(f"strokes = {strokes}\na = {2**63 - 1}\nb.c.d = [{-(2**63)}, 1.5e300, inf]\ne = 2027-01-12\n")
    assert read_toml(path)["b"]["c"]["d"][0] == -(2**63)
