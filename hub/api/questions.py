"""Live questions, sealed in both directions."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

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

AT_ONCE = 4
"""So many questions of one machine are answered at a time in this process; its others wait for these, and no other
machine does: a department takes a few at a time from all."""
_rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()


def room_of(kiosk_id: str) -> asyncio.Semaphore:
    """One machine's room, for as long as somebody is in it or waits for it."""
    room = _rooms.get(kiosk_id)
    if room is None:
        room = _rooms[kiosk_id] = asyncio.Semaphore(AT_ONCE)
    return room


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
    version = _version_read(request.headers.get(MESSAGES, ""))
    async with room_of(caller.kiosk_id):
        await question_log.admit(hub, caller, asked)
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
