"""Every parser that touches foreign bytes: valid samples, one call, and the exceptions that its docstring names."""

from __future__ import annotations

import bz2
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import segno

from devices.contract import TryAgain
from devices.id_card_reader import codec
from devices.id_card_reader.card import UnknownKind, added_addresses, parse_card
from devices.id_card_reader.photo import PhotoDecoder
from devices.page_printer.codec import IppError
from devices.receipt_printer import status as printer
from hub import photographs
from hub.department import card_reasons
from hub.payments.acquirer import AcquirerAway
from kiosk import citizen, config, status_lines
from kiosk.catalogue import loader
from kiosk.catalogue.check import require_clean
from kiosk.catalogue.loader import parse as parse_catalogue
from kiosk.catalogue.loader import read_folder
from kiosk.hub_link.http import Answer
from kiosk.hub_link.outcome import outcome_of, retry_after_s
from kiosk.messages import batch, content, envelope, fleet, paper, questions, receipts, requests, seal
from kiosk.messages.encoding import BadSignature, InvalidMessage, decode
from kiosk.messages.masking import mask_name
from kiosk.messages.receipts import refusal_in
from tests.catalogues import PLAIN
from tests.fuzz import device_parsers
from tests.kiosk import conftest

NOW = datetime(2027, 1, 12, tzinfo=UTC)
Run = Callable[[bytes], object]


@dataclass(frozen=True)
class Parser:
    """``make`` gives the samples and the call, ``door`` is the number in docs/security.md."""

    door: int
    make: Callable[[Path], tuple[list[bytes], Run]]
    raises: tuple[type[Exception], ...] = ()

    @contextmanager
    def ready(self) -> Iterator[tuple[list[bytes], Run]]:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            yield self.make(Path(folder))


@cache
def keys() -> tuple[Any, Any]:
    return seal.new_sign_key(), seal.new_seal_key()


def header(**more: Any) -> envelope.Header:
    parts = [("form", b"x" * 60), ("face", b"y" * 90)]
    case = {"kiosk_id": "hall-0001", "seq": 7, "key": envelope.new_key(), "kind": "case", "case_id": "c-1"}
    return envelope.make_header(**{**case, "created_at": NOW, "parts": parts, "prev_sha256": "a" * 64, **more})


def wire(**more: Any) -> bytes:
    raw = envelope.canonical(header(**more))
    return envelope.wire(raw, envelope.sign_header(raw, keys()[0].private))


def form() -> content.CaseForm:
    person = content.Applicant("resident", "王𠮷䶮", "1", "19850506", "990102198505060310", address="测试市一号")
    return content.CaseForm(
        service="E13",
        catalogue_version="2027.01",
        receipt_number="9" * 24,
        applicant=person,
        answers={"phone": "13900000000", "strokes": [[[0.1, 0.2], [0.3, 0.4]]], "n": 3},
        identity=content.Identity("face", "passed", 0.3, "test"),
        filed_at=NOW,
    )


def _envelopes(_: Path) -> tuple[list[bytes], Run]:
    def run(raw: bytes) -> object:
        envelope.digest_of_wire(raw)
        sent = envelope.parse(raw)
        return sent.digest, envelope.verify_header(sent.header_bytes, sent.signature, keys()[0].public)

    return [wire(), wire(kind="rating", case_id=None), wire(seq=1, prev_sha256="0" * 64)], run


def _contents(_: Path) -> tuple[list[bytes], Run]:
    rating = content.Rating("9" * 24, "E13", 2, ["slow"])
    words = content.Complaint("等了很久\n真的", "complaint", "13900000000")
    samples = {"case": form(), "rating": rating, "complaint": words}
    tagged = [kind.encode() + b"|" + content.encode_content(each) for kind, each in samples.items()]

    service = loader.load().services["E13"]

    def run(raw: bytes) -> object:
        kind, _, plain = raw.partition(b"|")
        read = content.decode_content(next((k for k in samples if k.encode() == kind), "case"), plain)
        if isinstance(read, content.CaseForm):
            # What the hub and a department make of it at once.
            mask_name(read.applicant.shown_name)
            return card_reasons(service, read.applicant, NOW.date())
        return read

    return tagged, run


def _batches(folder: Path) -> tuple[list[bytes], Run]:
    parcel = b"x" * 300
    members = [
        batch.Member("envelopes", "a.json", wire()),
        batch.Member("parcels", "b", parcel),
        batch.Member("receipts", "c.json", b"{}"),
    ]
    path = folder / "hall-0001-1-2.tbz"
    samples = []
    for count in (1, 3):
        batch.write_batch(path, members[:count])
        samples.append(path.read_bytes())
        path.unlink()

    # What is inside is changed too: a changed bzip2 stream seldom lets anything through.
    inside = [bytes(512), *(bz2.decompress(sample) for sample in samples)]

    def run(raw: bytes) -> object:
        path.write_bytes(bz2.compress(raw, 1) if raw[:3] != b"BZh" else raw)
        return list(batch.read_batch(path, lambda _: None))

    return [*samples, *inside], run


def _papers(_: Path) -> tuple[list[bytes], Run]:
    sign, sealed = keys()
    key = envelope.new_key()
    facts = paper.PaperFacts("hall-0001", 7, "a" * 64, key, key, "9" * 24, NOW, "std")
    payload = paper.make_paper(content.encode_content(form()), facts, seal_key=sealed.public, private_key=sign.private)

    def run(raw: bytes) -> object:
        if raw[:3] != b"TB1":
            copy = paper.read_paper(raw)
            copy.check(sign.public)
            return copy.form(sealed.private)
        return paper.read_code(raw.decode("latin-1"))

    return [payload, *(code.encode() for code in paper.to_codes(payload))], run


def _questions(_: Path) -> tuple[list[bytes], Run]:
    sealed = keys()[1]
    asked = questions.ProgressQuestion(receipt_numbers=["1", "2"])
    body, _opener = questions.seal_question("progress", asked, sealed.public, "hall-0001")
    state = questions.ProgressState("accepted", "2027-01-12T00:00:00Z", "traffic", reasons=["a"])
    answers = {
        "progress": questions.ProgressAnswer([questions.CaseProgress("1", "E13", "王*", [state], NOW.date())]),
        "due": questions.DueAnswer([questions.DueFact("E13", {"trips_left": "1"}, NOW.date())], ["traffic"]),
        "eligibility": questions.EligibilityAnswer({"points": 3}, ["points"]),
        "documents": questions.DocumentsAnswer([]),
    }
    said = [kind.encode() + b"|" + questions.write_answer(answer) for kind, answer in answers.items()]

    def run(raw: bytes) -> object:
        kind, _, plain = raw.partition(b"|")
        if raw[:1] == b"{":
            return questions.open_question("progress", raw, sealed.private)
        return questions.read_answer(next((k for k in answers if k.encode() == kind), "due"), plain)

    return [body, *said], run


def _answers(_: Path) -> tuple[list[bytes], Run]:
    sign = keys()[0].private
    refusal = receipts.sign_refusal(envelope.new_key(), "a" * 64, status=422, reason="no", private_key=sign)
    problem = {"type": "urn:tongban:problem:invalid", "title": "No", "status": 422, "field": "header.seq"}
    samples = [
        msgspec.json.encode({**problem, "refusal": msgspec.to_builtins(refusal)}),
        msgspec.json.encode({**problem, "missing": ["a" * 64, "b" * 64]}),
        b"Fri, 31 Dec 2027 23:59:59 GMT",
    ]
    statuses = (201, 400, 401, 409, 413, 422, 424, 429, 503, 302)

    def run(raw: bytes) -> object:
        retry = raw[:60].decode("latin-1")
        told = {"content-type": "application/problem+json", "retry-after": retry}
        answer = Answer(statuses[len(raw) % len(statuses)], told, raw)
        return answer.problem, answer.problem_type, answer.is_page, outcome_of(answer, NOW), retry_after_s(retry, NOW)

    return samples, run


def _hub_says(_: Path) -> tuple[list[bytes], Run]:
    sign, sealed = keys()
    receipt = receipts.sign_receipt(
        envelope.new_key(), "a" * 64, hub_seq=3, received_at="2027-01-12T00:00:00Z", private_key=sign.private
    )
    said = fleet.sign_hub_keys("hall-0001", sealed.public, sign.public, sign.private)
    beat = fleet.HeartbeatAnswer(
        [fleet.Command("1", "reboot", {"when": [1, 2]})], "2027-01-12T00:00:00Z", said, fleet.Numbering(7, 3)
    )
    enrolled = fleet.Enrolled("hall-0001", sealed.public, sign.public, fleet.Numbering(1))
    kinds = {
        b"A": (fleet.HeartbeatAnswer, beat),
        b"E": (fleet.Enrolled, enrolled),
        b"H": (fleet.Heartbeat, fleet.Heartbeat(3)),
        b"W": (fleet.Enrolment, fleet.Enrolment("GOOD", "hall-0001", sign.public)),
        b"R": (receipts.Receipt, receipt),
    }

    def run(raw: bytes) -> object:
        refusal_in(raw[1:])
        read = decode(raw[1:], kinds.get(raw[:1], kinds[b"A"])[0])
        if isinstance(read, fleet.HeartbeatAnswer) and read.hub_keys:
            return fleet.is_stated(read.hub_keys, "hall-0001")
        if isinstance(read, receipts.Receipt):
            receipts.verify_receipt(read, sign.public, key=read.key, sha256=read.sha256)
        return read

    return [tag + msgspec.json.encode(said) for tag, (_, said) in kinds.items()], run


def _requests(_: Path) -> tuple[list[bytes], Run]:
    signed = requests.sign_request(
        "POST",
        "/v1/heartbeats",
        b"{}",
        host="hub",
        kiosk_id="hall-0001",
        private_key=keys()[0].private,
        time_s=1_800_000_000,
    )
    sample = "\n".join(f"{name}: {value}" for name, value in signed.items()).encode()

    def run(raw: bytes) -> object:
        pairs = [line.partition(": ") for line in raw.decode("latin-1").split("\n")]
        return requests.read_stamp({name: value for name, _, value in pairs})

    return [sample], run


def _cards(_: Path) -> tuple[list[bytes], Run]:
    def block(*fields: tuple[int, str]) -> bytes:
        made = bytearray(" ".encode("utf-16-le") * 128)
        for at, text in fields:
            raw = text.encode("utf-16-le")
            made[at : at + len(raw)] = raw
        return bytes(made)

    person = (0, "王𠮷䶮"), (30, "101"), (36, "19850506"), (52, "测试市一号"), (122, "990102198505060310")
    dates = (188, "20200101"), (204, "20400101")
    texts = [block(*person, *dates), block(*person, *dates, (248, "J")), block((0, "SMITH"), *dates, (248, "I"))]
    frames = [_frame(bytes([1, 0, 4, 0]) + text + bytes(1024)) for text in texts]
    picture = cv2.imencode(".webp", np.zeros((126, 102, 3), np.uint8))[1].tobytes()
    decoder = PhotoDecoder("auto")

    def run(raw: bytes) -> object:
        if raw[:4] == b"RIFF":
            return decoder.decode(raw)
        stream = codec.Decoder()
        found = stream.feed(raw) + stream.stalled()
        blocks = [split for frame in found if (split := codec.split_read(frame.data))]
        for text, photo, finger in blocks:
            parse_card(text, photo, finger)
        added_addresses(raw[:280])
        return parse_card(raw[:256].ljust(256, b"\0"))

    return [*texts, *frames, picture], run


def _frame(data: bytes) -> bytes:
    body = (len(data) + 4).to_bytes(2, "big") + b"\0\0\x90" + data
    return codec.PREAMBLE + body + bytes([codec.checksum(body)])


def _status_lines(_: Path) -> tuple[list[bytes], Run]:
    def run(raw: bytes) -> object:
        cutter = status_lines.LineCutter()
        lines = [*cutter.feed(raw[:777]), *cutter.feed(raw[777:]), *cutter.rest()]
        for line in lines:
            if line is None:
                continue
            try:
                kind, request = status_lines.read_request(line)
            except status_lines.NotALine:
                continue
            parts = list(status_lines.lines_of({"type": "answer", "ask": kind}, request))
            assert max(map(len, parts)) <= status_lines.LINE_BYTES
        assert len(status_lines.line_of({"reason": raw.decode("utf-8", "surrogateescape")})) <= status_lines.LINE_BYTES
        return lines

    return [b'{"ask":"doctor"}\n{"ask":"queue","seq":3}\n', b'{"ask":"staff_remove","ref":"g-1"}\n', b"\n\n{}\n"], run


def _printer_status(_: Path) -> tuple[list[bytes], Run]:
    def run(raw: bytes) -> object:
        sense = printer.Sense()
        for at, byte in enumerate(raw[:64]):
            printer.is_auto_status_start(byte), printer.is_barrier_reply(byte)
            if printer.is_dle_reply(byte):
                sense = printer.with_dle_reply(sense, at % 4 + 1, byte)
        return sense.status(), printer.from_auto_status(raw[:4].ljust(4, b"\0")).status()

    return [b"\x12\x12\x12\x12", b"\x10\0\0\x0f", b"\x16\x1e\x72\x5f\x14\0\0\x0f"], run


def _toml(folder: Path, name: str, samples: list[bytes], load: Callable[[Path], object]) -> tuple[list[bytes], Run]:
    path = folder / name

    def run(raw: bytes) -> object:
        path.write_bytes(raw)
        return load(path)

    return samples, run


def _catalogues(folder: Path) -> tuple[list[bytes], Run]:
    # The smallest catalogue, one line and one service: every input costs the check of the whole.
    others = shutil.ignore_patterns("household", "exit_entry", "common")
    shutil.copytree(PLAIN, folder, dirs_exist_ok=True, ignore=others)
    for name in ("lines.toml", "departments.toml"):
        (folder / name).write_text((PLAIN / name).read_text("utf-8").partition("[household]")[0], "utf-8")
    plain = (folder / "traffic" / "T01.toml").read_text("utf-8")
    parts = folder / "parts"
    parts.mkdir()
    last = plain.index('[[steps]]\nkind = "file"')
    (parts / "common.toml").write_text(plain[last:].replace("[[steps]]", "[[steps.hand_in]]"), "utf-8")
    sample = plain[:last] + '[[steps]]\nuse = "hand_in"\n'
    return _toml(folder / "traffic", "T01.toml", [sample.encode()], lambda _: _judged_and_read(folder))


def _judged_and_read(folder: Path) -> None:
    files = read_folder(folder)
    require_clean(folder, files)
    parse_catalogue(folder, files)


def _scripts(folder: Path) -> tuple[list[bytes], Run]:
    samples = [
        b'services = ["T01", "H13"]\n[values]\nphone = "13900000000"\n[actions]\nrate = "grade:5"\n',
        b'turn = "/run/x"\n[[control]]\npage = "home"\nsocket = "/run/r"\ndo = "place"\nwith = { card = "zhao" }\n',
    ]
    return _toml(folder, "script.toml", samples, citizen.read_script)


def _configurations(folder: Path) -> tuple[list[bytes], Run]:
    printer_table = '[devices.receipt_printer]\ndriver = "escpos"\ntransport = "tcp"\nhost = "h"\n'
    sample = (conftest.toml(folder) + "\n" + printer_table).encode()
    return _toml(folder, "kiosk.toml", [sample], lambda path: config.load(path).device_settings())


def _photographs(folder: Path) -> tuple[list[bytes], Run]:
    code = segno.make_qr("TB1:" + "0" * 60, error="m")
    dots = 255 - 255 * np.kron(np.array(list(code.matrix_iter(border=4)), np.uint8), np.ones((3, 3), np.uint8))
    samples = [cv2.imencode(kind, dots)[1].tobytes() for kind in (".png", ".jpg", ".bmp", ".webp", ".tiff")]
    path = folder / "photo"

    def run(raw: bytes) -> object:
        path.write_bytes(raw)
        return photographs.codes_in(path)

    return samples, run


def _json(_: Path) -> tuple[list[bytes], Run]:
    values = {"a": [1, 2.5, "x", None, True, {"b": [[]]}], "文": "字\n"}
    return [json.dumps(values).encode(), json.dumps(values, ensure_ascii=False).encode()], lambda raw: decode(raw, dict)


PARSERS: dict[str, Parser] = {
    "batch": Parser(2, _batches, (OSError,)),
    "envelope": Parser(3, _envelopes, (InvalidMessage, BadSignature)),
    "sealed content": Parser(3, _contents, (InvalidMessage,)),
    "paper": Parser(1, _papers, (InvalidMessage, BadSignature, seal.SealBroken)),
    "question": Parser(3, _questions, (InvalidMessage, seal.SealBroken)),
    "request headers": Parser(4, _requests, (BadSignature,)),
    "problem+json": Parser(5, _answers),
    "what the hub says": Parser(5, _hub_says, (InvalidMessage, BadSignature)),
    "JSON": Parser(5, _json, (InvalidMessage,)),
    "status socket": Parser(6, _status_lines),
    "card": Parser(1, _cards, (UnknownKind,)),
    "printer status": Parser(1, _printer_status),
    "kiosk.toml": Parser(12, _configurations, (config.ConfigError,)),
    "catalogue": Parser(12, _catalogues, (loader.CatalogueError,)),
    "walk script": Parser(12, _scripts, (ValueError,)),
    "frames": Parser(1, device_parsers.frames),
    "document zones": Parser(1, device_parsers.document_zones),
    "IPP": Parser(5, device_parsers.ipp_answers, (IppError,)),
    "bridge": Parser(5, device_parsers.bridge_lines, (TryAgain,)),
    "bill": Parser(3, device_parsers.bills, (AcquirerAway,)),
    "certificate": Parser(5, device_parsers.certificates),
    "photograph": Parser(1, _photographs, (photographs.NoPicture, OSError)),
}
