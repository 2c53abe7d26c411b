"""The demo bench: a page on loopback where a visitor operates the emulated hardware and sees the slips come out."""

from __future__ import annotations

import html
import json
import re
import socket
import threading
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.exceptions import NotFoundException, PermissionDeniedException
from litestar.params import FromPath, JSONBody
from litestar.response import File

from devices.simulation import SimError
from kiosk.catalogue.loader import load
from kiosk.demo.people import Person, people_of
from kiosk.demo.stage import Stage
from kiosk.demo.watch import MachineWatch
from kiosk.messages.address import is_loopback_host
from kiosk.messages.authorities import trusting
from kiosk.text import Text, text

PAGE = Path(__file__).parent / "static" / "bench.html"
_WORD = re.compile(r"\{\{([a-z0-9_.]+)\}\}")
_SCRIPT_WORD = re.compile(r"""["'](bench\.[a-z0-9_.]*[a-z0-9])["']""")
_BUILT_KEYS = (
    *(f"bench.state.{name}" for name in ("open", "cut", "silent", "slow", "nonsense", "full", "low", "out")),
    *("bench.staff.guide", "bench.staff.technician"),
)
"""Keys that the page's script puts together itself."""
_DEPARTMENT = """<div><b>{name}</b><div class="row" data-device="{key}">
          <button data-verb="restore" data-on="{key}=true">{{{{bench.line.up}}}}</button>
          <button data-verb="stop" class="harm" data-on="{key}=false">{{{{bench.line.down}}}}</button></div></div>"""


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """One press on the bench: a verb of one device's control socket."""

    device: str
    verb: str
    arguments: dict[str, Any] = {}


class Bench:
    """What the page asks for. ``stage`` is operated through its control sockets, never directly."""

    def __init__(self, stage: Stage, watch: MachineWatch) -> None:
        self.stage, self.watch = stage, watch
        self.people: dict[str, Person] = {p.id: p for p in people_of(stage.people)}
        self.departments = load().departments
        self._unplugged: set[str] = set()
        self._hub = httpx.Client(base_url=stage.ready["hub"]["url"], timeout=1.0, verify=trusting())

    def state(self) -> dict[str, Any]:
        """Every device's own state, the hub's readiness, the machine's last page, the slips newest first."""
        devices = {name: self._device_state(name) for name in self.stage.controls}
        slips = sorted(self.stage.slips.glob("*.png"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
        return {
            "devices": devices,
            "hub": self._hub_state(),
            "machine": self.watch.facts(),
            "slips": [p.name for p in slips[:24]],
            "messages": self._messages(),
        }

    def do(self, order: Order) -> dict[str, Any]:
        """Carry out a press; the answer says whether the device did it."""
        control = self.stage.controls.get(order.device)
        if control is None and order.device not in self.departments:
            raise NotFoundException(order.device)
        try:
            if control is None:
                return self._department(order.device, up=order.verb == "restore")
            answer = {"ok": True, **control.do(order.verb, **order.arguments)}
            (self._unplugged.add if order.verb == "unplug" else self._unplugged.discard)(order.device)
            return answer
        except (SimError, OSError, TypeError, httpx.HTTPError) as fault:
            return {"ok": False, "error": str(fault)}

    def slip(self, name: str) -> Path:
        """The picture of a slip. Raises NotFoundException for any other name."""
        if name not in {p.name for p in self.stage.slips.glob("*.png")}:
            raise NotFoundException(name)
        return self.stage.slips / name

    def _device_state(self, name: str) -> dict[str, Any]:
        try:
            return {"plugged": name not in self._unplugged, **self.stage.controls[name].do("state")}
        except (SimError, OSError) as fault:
            return {"gone": True, "error": str(fault)}

    def _hub_state(self) -> dict[str, Any]:
        try:
            faults = self._hub.get("/demo/faults")
            down = faults.json()["down"] if faults.is_success else []
            return {"ready": self._hub.get("/readyz").is_success, **{key: key not in down for key in self.departments}}
        except httpx.HTTPError:
            return {"ready": False}

    def _messages(self) -> list[dict[str, str]]:
        """The text messages that the hub has sent, the newest first."""
        try:
            found = self._hub.get("/demo/messages").json()
        except (httpx.HTTPError, ValueError):
            return []
        return [{"phone": phone, "words": words} for phone, words in reversed(found.items())][:3]

    def _department(self, line: str, *, up: bool) -> dict[str, Any]:
        faults = self._hub.get("/demo/faults").json()
        down = {*faults["down"]} - {line} if up else {*faults["down"], line}
        answer = self._hub.post("/demo/faults", json=faults | {"down": sorted(down)})
        return {"ok": answer.is_success, "error": "" if answer.is_success else f"HTTP {answer.status_code}"}


def page_html() -> str:
    """The page with its words filled in, both languages."""
    source = PAGE.read_text(encoding="utf-8")
    keys = sorted({*_SCRIPT_WORD.findall(source), *_BUILT_KEYS})
    words = {key: {"zh": text(key).zh, "en": text(key).en} for key in keys}
    departments = (_DEPARTMENT.format(key=key, name=_spans(each.name)) for key, each in load().departments.items())
    source = source.replace("<!--departments-->", "\n        ".join(departments))
    source = source.replace("/*words*/{}", json.dumps(words, ensure_ascii=False).replace("<", "\\u003c"))
    return _WORD.sub(lambda found: _spans(text(found[1])), source)


def _spans(words: Text) -> str:
    return f'<span class="zh">{html.escape(words.zh)}</span> <span class="en" lang="en">{html.escape(words.en)}</span>'


def application(bench: Bench) -> Litestar:
    """The bench as a web application."""

    @get("/", media_type=MediaType.HTML, sync_to_thread=False)
    def page() -> Response[str]:
        return Response(page_html(), media_type=MediaType.HTML, headers={"Cache-Control": "no-store"})

    @get("/people", sync_to_thread=False)
    def people() -> list[Person]:
        return list(bench.people.values())

    @get("/people/{person:str}/photo", sync_to_thread=True)
    def photo(person: FromPath[str]) -> File:
        found = bench.people.get(person)
        if found is None or not found.portrait.is_file():
            raise NotFoundException(person)
        return File(found.portrait, content_disposition_type="inline", media_type="image/webp")

    @get("/slips/{name:str}", sync_to_thread=True)
    def slip(name: FromPath[str]) -> File:
        return File(bench.slip(name), content_disposition_type="inline", media_type="image/png")

    @get("/state", sync_to_thread=True)
    def state() -> dict[str, Any]:
        return bench.state()

    @post("/do", status_code=200, sync_to_thread=True)
    def do(data: JSONBody[Order]) -> dict[str, Any]:
        return bench.do(data)

    handlers = [page, people, photo, slip, state, do]
    return Litestar(handlers, before_request=_only_from_here, openapi_config=None, logging_config=None)


def _only_from_here(request: Request[Any, Any, Any]) -> None:
    # Another site's page in the same browser must not operate the bench, nor a name that points here.
    if not is_loopback_host(request.url.hostname or ""):
        raise PermissionDeniedException("the bench is served on loopback only")
    origin = request.headers.get("origin")
    if origin and origin != f"http://{request.headers.get('host', '')}":
        raise PermissionDeniedException("the bench takes presses from its own page only")


class BenchServer:
    """The bench in a thread of its own, on a free port of loopback."""

    def __init__(self, stage: Stage, watch: MachineWatch) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(application(Bench(stage, watch)), log_level="warning", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="bench", daemon=True)

    @property
    def url(self) -> str:
        """What a browser opens."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; open connections are dropped."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(0.3)
