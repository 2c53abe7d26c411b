"""The list of services, their guides on paper and on the page, and what differs between two catalogues."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from fpdf import FPDF

from kiosk import pdf_font
from kiosk.catalogue.compare import differences
from kiosk.catalogue.export import _broken, as_csv, as_pdf
from kiosk.catalogue.loader import load
from kiosk.cli import main
from kiosk.messages.seal import new_sign_key
from tests.catalogues import PLAIN, copied, write
from tests.kiosk.journey.conftest import Counter, counter, words
from tests.waiting import HANG_S

__all__ = ["counter"]


def test_the_list_has_every_service_with_its_public_facts() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(load()))))
    assert {row["事项编码"] for row in rows} == load().services.keys()
    (t01,) = (row for row in rows if row["事项编码"] == "T01")
    assert "发改价格〔2004〕2831号" in t01["收费标准和依据"]
    assert "居民身份证（读卡代替）" in t01["所需材料"].splitlines()
    assert "承诺时限：" in t01["办理时限"]


def test_the_list_has_everybody_s_limit_what_stops_it_and_the_form() -> None:
    rows = {row["事项编码"]: row for row in csv.DictReader(io.StringIO(as_csv(load())))}
    assert "外省户籍的：法定 30 天，承诺 20 天" in rows["E01"]["办理时限"].splitlines()
    assert "资料需要核实时，核实的时间不算在内。" in rows["H01"]["不计入时限"].splitlines()
    assert "表单：机动车驾驶证申请表" in rows["T01"]["所需材料"].splitlines()


def test_who_has_the_age_needs_no_guardian_and_a_complaint_takes_its_time() -> None:
    rows = {row["事项编码"]: row for row in csv.DictReader(io.StringIO(as_csv(load())))}
    assert "未满 16 周岁的须由监护人陪同" in rows["E01"]["办理方式"].splitlines()
    assert "监护人陪同" not in rows["H04"]["办理方式"], "it is the guardian who asks"
    assert "当场办结" not in rows["C03"]["办理时限"]


def test_who_is_too_young_for_a_machine_reads_so_before_they_come() -> None:
    """A mother of 17 (H16), an owner of 17 (T13): nobody learns of it only when the card is read."""
    services = load().services
    for row in csv.DictReader(io.StringIO(as_csv(load()))):
        service, told = services[row["事项编码"]], row["办理方式"].splitlines()
        age = service.applicant.min_age if service.reads_card else 0
        said = [line for line in told if line.startswith("自助机为年满")]
        assert said == ([f"自助机为年满 {age} 周岁的人办理；年龄不到的请和监护人到窗口"] if age else []), service.key
    assert services["H16"].applicant.min_age == 18


def test_a_cell_is_no_formula(tmp_path: Path) -> None:
    folder = copied(tmp_path / "city")
    path = folder / "common" / "C01.toml"
    write(path, path.read_text("utf-8").replace('zh = "进度查询"', 'zh = "=1+1进度"'))
    assert "'=1+1进度" in as_csv(load(folder))


def test_no_line_of_a_printed_guide_begins_with_a_closing_sign() -> None:
    pdf = FPDF(format="A4")
    pdf.add_page()
    pdf_font.add(pdf, "sans", "字，您不用带纸。")
    pdf.set_font("sans", "", 11)
    for before in range(30, 42):
        said = "字" * before + "，您不用带纸。"
        lines = list(_broken(pdf, said))
        assert "".join(lines) == said
        assert not [line for line in lines if line[0] in "，。"]


@pytest.mark.parametrize("key", ["T09", "H13", "E06", "C05"])
def test_a_guide_has_the_forms_of_all_its_words(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    found, fonts = load(), []
    monkeypatch.setattr(FPDF, "output", lambda pdf: fonts.append(pdf.fonts["sans"]) or b"")
    as_pdf(found.services[key], found)
    (font,) = fonts
    assert font.missing_glyphs == []


def test_two_machines_of_one_version_print_the_same_bytes(tmp_path: Path) -> None:
    for name, zone in (("a", "Asia/Shanghai"), ("b", "America/Lima")):
        line = [sys.executable, "-m", "kiosk", "catalogue", "export", "--to", str(tmp_path / name), "--only", "C05"]
        around = {**os.environ, "TZ": zone, "PYTHONHASHSEED": str(len(zone))}
        done = subprocess.run(line, capture_output=True, text=True, env=around, check=False, timeout=HANG_S)
        assert done.returncode == 0, done.stderr
    for name in ("C05.pdf", "services.csv"):
        first, second = ((tmp_path / folder / name).read_bytes() for folder in "ab")
        assert first == second
        assert first.startswith(b"%PDF" if name.endswith("pdf") else b"\xef\xbb\xbf")


def test_what_differs_is_one_line_each(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    old = load(PLAIN)
    copied(folder)
    for path in PLAIN.rglob("*.toml"):
        write(folder / path.relative_to(PLAIN), path.read_text("utf-8"))
    (folder / "common" / "C02.toml").unlink()
    path = folder / "traffic" / "T01.toml"
    text = (
        path.read_text("utf-8")
        .replace("amount_fen = 1000", "amount_fen = 1500")
        .replace('kind = "sign"', 'kind = "pay"')
    )
    write(path, text)
    said = [line for line in differences(old, load(folder)) if line.startswith(("C02", "T01"))]
    assert said == ["C02: is gone", "T01 fees[0].amount_fen: 1000 → 1500", "T01 steps[6].kind: sign → pay"]
    done = CliRunner().invoke(main, ["catalogue", "diff", str(PLAIN), str(PLAIN)])
    assert (done.exit_code, done.output) == (0, "no difference\n")


async def test_a_guide_is_read_without_a_card_and_the_way_back_is_the_same(counter: Counter) -> None:
    async with counter.doing("C05"):
        await counter.first("guide_list")
        await counter.touch("guide_line:traffic", "guide_list")
        page = await counter.touch("guide_of:T01", "guide_page")
        assert "换发新的机动车驾驶证" in words(page)
        assert "By law: 1 day" in words(page, "en")
        await counter.touch("back", "guide_list")
        await counter.touch("back", "guide_list")
        await counter.touch("guide_line:household", "guide_list")
        await counter.touch("guide_of:H13", "guide_page")
        counter.last("next")
    assert counter.visit.card is None


def test_an_export_takes_the_place_of_an_earlier_one_only(tmp_path: Path) -> None:
    line = ["catalogue", "export", "--to", str(tmp_path), "--only", "C05"]
    for _ in range(2):
        assert CliRunner().invoke(main, line).exit_code == 0
    for name in ("services.csv", "C05.pdf"):
        kept = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(b"somebody's own")
        done = CliRunner().invoke(main, line)
        assert (done.exit_code, f"{name}: there is a file already" in done.stderr) == (1, True)
        assert (tmp_path / name).read_bytes() == b"somebody's own"
        (tmp_path / name).write_bytes(kept)


def test_no_signature_takes_the_place_of_what_is_no_manifest(tmp_path: Path) -> None:
    folder = copied(tmp_path / "city")
    (tmp_path / "key").write_text(new_sign_key().private)
    (tmp_path / "key").chmod(0o600)
    line = ["catalogue", "sign", str(folder), "--key", str(tmp_path / "key")]
    for _ in range(2):
        assert CliRunner().invoke(main, line).exit_code == 0
    (folder / "manifest.json").write_text('{"name": "an app"}')
    done = CliRunner().invoke(main, line)
    assert (done.exit_code, "is no manifest of a catalogue" in done.stderr) == (1, True)
    assert (folder / "manifest.json").read_text() == '{"name": "an app"}'
