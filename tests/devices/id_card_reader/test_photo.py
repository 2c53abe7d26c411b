from __future__ import annotations

import io

import pytest
from PIL import Image

from devices.contract import Permanent
from devices.id_card_reader import photo
from devices.id_card_reader.photo import PhotoDecoder, kind_of

WLT = bytes.fromhex("574C66007E00320000FF85").ljust(1024, b"\x55")


def picture(form: str) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (102, 126), (255, 0, 0)).save(packed, form, quality=5)
    return packed.getvalue()


class Installed:
    """Entry points as they would be with a vendor's package installed."""

    def __init__(self, name: str, decoder: object) -> None:
        self.name, self._decoder = name, decoder

    def load(self) -> object:
        return self._decoder


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> object:
    def install(name: str, decoder: object) -> None:
        found = [Installed(name, decoder)]
        monkeypatch.setattr(photo, "entry_points", lambda group, name: [entry for entry in found if entry.name == name])

    return install


@pytest.mark.parametrize("form", ["WEBP", "JPEG"])
def test_open_formats_by_magic_padded_as_on_the_chip(form: str) -> None:
    portrait = PhotoDecoder("auto").decode(picture(form).ljust(1024, b"\0"))
    assert (portrait.width_px, portrait.height_px, len(portrait.bgr)) == (102, 126, 102 * 126 * 3)
    blue, _, red = portrait.bgr[:3]
    assert red > 200 > 60 > blue
    assert Image.open(io.BytesIO(portrait.png())).getpixel((5, 5))[0] > 200


def test_wlt_without_a_vendor_library_is_no_portrait() -> None:
    assert kind_of(WLT) == "wlt"
    assert PhotoDecoder("auto").decode(WLT) is None


def test_none_decodes_nothing_and_rubbish_never_fails() -> None:
    assert PhotoDecoder("none").decode(picture("JPEG")) is None
    for raw in (b"", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff", picture("WEBP")[:40], bytes(1024)):
        assert PhotoDecoder("auto").decode(raw) is None


def test_wlt_through_a_vendor_library(install: object) -> None:
    install("acme", lambda raw: picture("JPEG") if raw == WLT else b"")
    assert PhotoDecoder("entry-point:acme").decode(WLT).width_px == 102


def test_auto_takes_the_library_called_wlt_and_survives_its_failure(install: object) -> None:
    install("wlt", lambda raw: 1 / 0)
    assert PhotoDecoder("auto").decode(WLT) is None


def test_a_named_library_that_is_not_there_is_permanent() -> None:
    with pytest.raises(Permanent) as refused:
        PhotoDecoder("entry-point:nothing")
    assert "tongban.photo_decoders" in refused.value.detail
