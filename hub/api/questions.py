"""Live questions, sealed in both directions."""

from __future__ import annotations

from litestar import Request, Response, get, post

from hub import question_log
from hub.answers import KINDS, answer, progress
from hub.api.caller import Caller
from hub.api.problems import Problem
from hub.context import Hub
from kiosk.messages.encoding import typed
from kiosk.messages.questions import (
    VERSION,
    ProgressAnswer,
    ProgressQuestion,
    open_question,
    seal_answer,
    suite_of_question,
)
from kiosk.messages.requests import MESSAGES


@post("/v1/questions/{kind:str}", status_code=200, description="live questions of every kind")
async def ask(kind: str, request: Request, caller: Caller, hub: Hub) -> Response[bytes]:
    """Answers a live question; question and answer are sealed."""
    if kind not in KINDS:
        raise Problem(422, "invalid", f"known questions are {', '.join(KINDS)}", field="kind")
    asked = hub.keys.open_with(
        suite_of_question(caller.body), lambda private: open_question(kind, caller.body, private)
    )
    if asked.kiosk_id != caller.kiosk_id:
        raise Problem(422, "invalid", "not the machine that signed the request", field="kiosk_id")
    await question_log.admit(hub, caller, asked)
    version = _version_read(request.headers.get(MESSAGES, ""))
    said = await answer(hub, kind, asked.question, caller.kiosk_id, version)
    body = seal_answer(asked, said, hub.keys.sign_private(asked.suite, caller.stamp.hub_key), version)
    return Response(body, media_type="application/json")


def _version_read(header: str) -> int:
    """Of answers, by the asker: one of before says nothing, one of later reads ours too."""
    return min(int(header), VERSION) if header.isdecimal() and len(header) < 4 else 1


@get("/v1/progress/{receipt_number:str}")
async def get_progress(receipt_number: str, caller: Caller, hub: Hub) -> ProgressAnswer:
    """Whether a case is known; a path is no place for the code of its slip, which opens more."""
    return await progress(hub, typed({"receipt_number": receipt_number}, ProgressQuestion), caller.kiosk_id)
