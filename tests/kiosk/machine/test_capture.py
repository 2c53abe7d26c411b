"""Papers at the real machine: laid under the emulated camera, cut out, filed with the case, delivered and accepted."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.citizen import Control
from kiosk.hub_link.filing import Filing
from tests.kiosk.machine.conftest import World


@pytest.mark.usefixtures("wipe_in_proportion")
async def test_a_proof_laid_under_the_camera_is_filed_with_the_case(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed: list[dict[str, bytes]] = []
    file_now = Filing.file_now

    def seen(self: Filing, kind: Any, key: str, case_id: Any, number: Any, parts: Any, *marks: bytes) -> Any:
        filed.append(dict(parts))
        return file_now(self, kind, key, case_id, number, parts, *marks)

    monkeypatch.setattr(Filing, "file_now", seen)
    camera = world.socket("document_camera")
    control = (
        Control(page="capture", socket=camera, do="lay", arguments={"form": "a4"}),
        Control(page="capture_taken", socket=camera, do="remove"),
    )
    values = {"what": "renewal", "reason": "abroad", "years": "1"}
    await world.walk(world.script("wang", "T06", control=control, values=values))
    assert "capture_taken" in world.pages(), world.pages()
    (case,) = [parts for parts in filed if "signature" in parts]
    page = cv2.imdecode(np.frombuffer(case["document_proof"], np.uint8), cv2.IMREAD_COLOR)
    assert page is not None
    assert page.shape[0] / page.shape[1] == pytest.approx(848 / 600, rel=0.02)
    assert [line["state"] for line in world.of("case")] == ["stored", "delivered", "accepted"]
    assert world.of("alarm") == []
    wiped = [line["type"] for line in world.lines]
    assert "wiped" in wiped
