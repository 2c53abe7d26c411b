"""An A4 printer for those who have none: an IPP server on loopback; printed pages lie as PDF in a folder."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from devices.page_printer.sim import wire
from devices.page_printer.sim.mechanism import PAPERS, Job, Mechanism
from devices.simulation import SimError, SimServer, control_path

PATH = "/ipp/print"
PRINT_JOB, VALIDATE_JOB, CANCEL_JOB, GET_JOB, GET_JOBS, GET_PRINTER = 0x02, 0x04, 0x08, 0x09, 0x0A, 0x0B
OK, NOT_POSSIBLE, NOT_FOUND, BAD_FORMAT, UNSUPPORTED, NOT_ACCEPTING = 0x0000, 0x0404, 0x0406, 0x040A, 0x0501, 0x0506


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sim: PagePrinterSim

    def do_POST(self) -> None:
        """One IPP exchange."""
        with contextlib.suppress(OSError):
            body = self._body()
            reply = self.sim.reply(body) if len(body) >= 9 else None
            if reply is None:
                self.close_connection = True
                return
            self.send_response(self.sim.http_status)
            self.send_header("Content-Type", "application/ipp")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

    def _body(self) -> bytes:
        if length := int(self.headers.get("Content-Length") or 0):
            return self.rfile.read(length)
        body = b""
        while "chunked" in self.headers.get("Transfer-Encoding", "") and (size := int(self.rfile.readline(), 16)):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to log."""


class PagePrinterSim:
    """The printer's answers and the verbs of the control socket."""

    def __init__(self, folder: Path, sheet_s: float, port: int = 0) -> None:
        self.machine = Mechanism(folder, sheet_s)
        self.port, self.http_status = port, 200
        self._sheet_s = sheet_s
        self._server: ThreadingHTTPServer | None = None
        self._handler = type("Handler", (_Handler,), {"sim": self})
        self._silent = False
        self._delay_s = 0.0
        self._garble_left = self._lose_left = 0
        self.asked: list[int] = []
        self.replug()

    @property
    def uri(self) -> str:
        """What the machine is configured with."""
        return f"ipp://127.0.0.1:{self.port}{PATH}"

    @property
    def verbs(self) -> dict[str, Any]:
        """Every verb of the control socket."""
        return {
            verb.__name__: verb
            for verb in (
                *(self.paper, self.out_after, self.toner, self.cover, self.jam, self.clear_jam, self.tray),
                *(self.pause, self.resume, self.offline, self.accept, self.hold, self.release, self.abort),
                *(
                    self.errors,
                    self.cancel_all,
                    self.forget_jobs,
                    self.slow,
                    self.silent,
                    self.garble,
                    self.lose_answer,
                ),
                *(self.http, self.unplug, self.replug, self.reset, self.pages),
            )
        }

    # -- what a person does to it, and what can break --------------------------------------------------------------

    def paper(self, state: str) -> None:
        """Paper ``full``, ``low`` or ``out``."""
        if state not in PAPERS:
            raise SimError(f"paper is one of {', '.join(PAPERS)}")
        self.machine.set(paper=state)

    def out_after(self, sheets: int) -> None:
        """Run out of paper after so many more sheets."""
        self.machine.set(out_after=sheets)

    def toner(self, state: str) -> None:
        """Toner ``full``, ``low`` or ``out``."""
        if state not in PAPERS:
            raise SimError(f"toner is one of {', '.join(PAPERS)}")
        self.machine.set(toner=state)

    def cover(self, state: str) -> None:
        """Cover ``open`` or ``closed``."""
        if state not in ("open", "closed"):
            raise SimError("cover is open or closed")
        self.machine.set(cover_open=state == "open")

    def jam(self) -> None:
        """A sheet jams."""
        self.machine.set(jammed=True)

    def clear_jam(self) -> None:
        """Somebody takes the jammed sheet out."""
        self.machine.set(jammed=False)

    def tray(self, full: bool = True) -> None:
        """The output tray is full, or emptied."""
        self.machine.set(tray_full=full)

    def pause(self) -> None:
        """An operator stops it; it stays so until ``resume``."""
        self.machine.set(paused=True)

    def resume(self) -> None:
        """An operator lets it go on."""
        self.machine.set(paused=False)

    def offline(self, on: bool = True) -> None:
        """The queue's printer does not answer it (as CUPS tells it)."""
        self.machine.set(offline=on)

    def accept(self, on: bool = True) -> None:
        """Take new jobs, or none."""
        self.machine.set(accepting=on)

    def hold(self) -> None:
        """Hold the next job."""
        self.machine.set(hold_next=True)

    def release(self) -> None:
        """Release held jobs."""
        self.machine.release()

    def abort(self, reason: str = "aborted-by-system") -> None:
        """The printer aborts the next job for this job-state-reason."""
        self.machine.set(abort_next=reason)

    def errors(self) -> None:
        """The next job is completed with errors."""
        self.machine.set(errors_next=True)

    def cancel_all(self) -> None:
        """Somebody presses the cancel key of the printer."""
        for job in list(self.machine.jobs):
            self.machine.cancel(job)

    def forget_jobs(self) -> None:
        """Switched off and on: no memory of any job."""
        self.machine.forget()

    def slow(self, reply_ms: float = 0, sheet_s: float | None = None) -> None:
        """Answer so much later; so many seconds for a sheet."""
        self._delay_s = reply_ms / 1000
        if sheet_s is not None:
            self.machine.sheet_s = sheet_s

    def silent(self, on: bool = True) -> None:
        """Take requests, answer nothing."""
        self._silent = on

    def garble(self, count: int = 1) -> None:
        """Damage the next answers."""
        self._garble_left = count

    def lose_answer(self, count: int = 1) -> None:
        """Do what is asked, but hang up before the answer."""
        self._lose_left = count

    def http(self, status: int = 200) -> None:
        """Answer with this HTTP status."""
        self.http_status = status

    def unplug(self) -> None:
        """Vanish from the network; what it has taken it prints on."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def replug(self) -> None:
        """Come back at the same address."""
        if self._server is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
            self._server.daemon_threads, self._server.block_on_close = True, False
            self.port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http", daemon=True).start()

    def reset(self) -> None:
        """As good as new: plugged in, full, no jobs (files of printed pages stay)."""
        self._silent, self._delay_s, self._garble_left, self._lose_left, self.http_status = False, 0.0, 0, 0, 200
        self.machine.forget()
        self.machine.set(paper="full", toner="full", cover_open=False, jammed=False, paused=False, offline=False)
        self.machine.set(tray_full=False, accepting=True, out_after=None, hold_next=False, abort_next="")
        self.machine.set(errors_next=False, sheet_s=self._sheet_s)
        self.asked.clear()
        self.replug()

    def pages(self) -> Mapping[str, Any]:
        """Paths of what was printed, in order."""
        return {"pages": [job.path for job in self.machine.jobs if job.path]}

    def state(self) -> Mapping[str, Any]:
        """Everything as it is now."""
        machine = self.machine
        jobs = [
            {"id": job.id, "name": job.name, "state": job.state, "sheets": job.sheets, "pages": job.pages}
            for job in machine.jobs
        ]
        return {
            "paper": machine.paper,
            "toner": machine.toner,
            "reasons": machine.reasons,
            "accepting": machine.accepting,
            "plugged": self._server is not None,
            "asked": list(self.asked),
            "jobs": jobs,
            "uri": self.uri,
        }

    # -- what the machine asks -------------------------------------------------------------------------------------

    def reply(self, body: bytes) -> bytes | None:
        """The answer to an IPP request; None: hang up."""
        request = wire.Request(body)
        self.asked.append(request.operation)
        answers = {
            PRINT_JOB: self._print_job,
            VALIDATE_JOB: lambda asked: wire.answer(asked, OK),
            CANCEL_JOB: self._cancel_job,
            GET_JOB: self._get_job,
            GET_JOBS: self._get_jobs,
            GET_PRINTER: self._get_printer,
        }
        if self._silent:
            time.sleep(30.0)
            return None
        done = answers.get(request.operation, lambda asked: wire.answer(asked, UNSUPPORTED))(request)
        time.sleep(self._delay_s)
        if self._lose_left:
            self._lose_left -= 1
            return None
        if self._garble_left:
            self._garble_left -= 1
            return bytes(byte ^ 0xA5 for byte in done)
        return done

    def _print_job(self, request: wire.Request) -> bytes:
        if not self.machine.accepting:
            return wire.answer(request, NOT_ACCEPTING)
        if request.one("document-format") != "application/pdf" or not request.document.startswith(b"%PDF-"):
            return wire.answer(request, BAD_FORMAT)
        job = self.machine.add(
            request.one("job-name", ""),
            request.one("requesting-user-name", ""),
            request.document,
            request.one("copies", 1),
        )
        return wire.answer(request, OK, (wire.JOB_GROUP, self._about(job)))

    def _cancel_job(self, request: wire.Request) -> bytes:
        job = self._job(request)
        if job is None:
            return wire.answer(request, NOT_FOUND)
        return wire.answer(request, OK if self.machine.cancel(job) else NOT_POSSIBLE)

    def _get_job(self, request: wire.Request) -> bytes:
        job = self._job(request)
        if job is None:
            return wire.answer(request, NOT_FOUND)
        return wire.answer(request, OK, (wire.JOB_GROUP, self._about(job)))

    def _get_jobs(self, request: wire.Request) -> bytes:
        wants_over = request.one("which-jobs", "not-completed") == "completed"
        jobs = [job for job in self.machine.jobs if job.is_over == wants_over]
        return wire.answer(request, OK, *((wire.JOB_GROUP, self._about(job)) for job in jobs))

    def _get_printer(self, request: wire.Request) -> bytes:
        with self.machine.changed:
            about = {
                "printer-name": (wire.NAME, "sim"),
                "printer-state": (wire.ENUM, self.machine.state),
                "printer-state-reasons": (wire.KEYWORD, self.machine.reasons),
                "printer-is-accepting-jobs": (wire.BOOLEAN, self.machine.accepting),
                "document-format-supported": (wire.MIME, ["application/octet-stream", "application/pdf"]),
                "operations-supported": (
                    wire.ENUM,
                    [PRINT_JOB, VALIDATE_JOB, CANCEL_JOB, GET_JOB, GET_JOBS, GET_PRINTER],
                ),
            }
        return wire.answer(request, OK, (wire.PRINTER_GROUP, about))

    def _job(self, request: wire.Request) -> Job | None:
        return next((job for job in self.machine.jobs if job.id == request.one("job-id")), None)

    def _about(self, job: Job) -> dict[str, tuple[int, Any]]:
        return {
            "job-id": (wire.INTEGER, job.id),
            "job-uri": (wire.URI, f"{self.uri}/{job.id}"),
            "job-name": (wire.NAME, job.name),
            "job-originating-user-name": (wire.NAME, job.user),
            "job-state": (wire.ENUM, job.state),
            "job-state-reasons": (wire.KEYWORD, job.reasons),
            "job-media-sheets-completed": (wire.INTEGER, job.sheets),
            "time-at-processing": (wire.INTEGER, job.id) if job.began else (wire.NO_VALUE, None),
        }


def started(argv: list[str]) -> tuple[SimServer, dict[str, Any]]:
    """The printer at work, its control socket, and what its ready line says besides."""
    parser = argparse.ArgumentParser(prog="kiosk sim page_printer", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port on loopback, 0 for a free one")
    parser.add_argument("--pages", type=Path, help="folder for page-0001.pdf …")
    parser.add_argument("--sheet-s", type=float, default=2.0, help="seconds for a sheet")
    parser.add_argument("--control", help="path of the control socket")
    options = parser.parse_args(argv)
    sim = PagePrinterSim(
        options.pages or Path(tempfile.mkdtemp(prefix="tongban-pages-")), options.sheet_s, options.port
    )
    return SimServer(control_path(options.control, "page_printer"), sim.verbs, sim.state), {"uri": sim.uri}


def main(argv: list[str]) -> int:
    """Run until SIGTERM; prints one JSON line when ready."""
    server, where = started(argv)
    return server.run("page_printer", **where)
