"""Paper, toner, cover and the queue of a simulated A4 printer; its pages land as files in a folder."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PENDING, HELD, PROCESSING, STOPPED, CANCELED, ABORTED, COMPLETED = range(3, 10)
IDLE, PRINTING, STANDING = 3, 4, 5
PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")
PAPERS = ("full", "low", "out")


@dataclass
class Job:
    """One job of the queue."""

    id: int
    name: str
    user: str
    pdf: bytes
    pages: int
    state: int = PENDING
    reasons: list[str] = field(default_factory=lambda: ["none"])
    sheets: int = 0
    began: bool = False
    path: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state >= CANCELED


class Mechanism:
    """Prints one job after the other in a thread of its own. ``changed`` guards everything."""

    def __init__(self, folder: Path, sheet_s: float) -> None:
        self.folder, self.sheet_s = folder, sheet_s
        self.changed = threading.Condition()
        self.jobs: list[Job] = []
        self.paper, self.toner = "full", "full"
        self.cover_open = self.jammed = self.paused = self.offline = self.tray_full = False
        self.accepting = True
        self.out_after: int | None = None
        self.hold_next = False
        self.abort_next = ""
        self.errors_next = False
        self._numbers = 0
        folder.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._work, name="paper", daemon=True).start()

    # -- what is asked -------------------------------------------------------------------------------------------

    @property
    def stops(self) -> list[str]:
        """Why it stands, as printer-state-reasons."""
        found = {
            "media-jam-error": self.jammed,
            "door-open-error": self.cover_open,
            "media-empty-error": self.paper == "out",
            "toner-empty-error": self.toner == "out",
            "output-area-full-error": self.tray_full,
            "offline-error": self.offline,
            "paused": self.paused,
        }
        return [reason for reason, is_so in found.items() if is_so]

    @property
    def reasons(self) -> list[str]:
        """printer-state-reasons."""
        low = {"media-low-warning": self.paper == "low", "toner-low-warning": self.toner == "low"}
        return [*self.stops, *(reason for reason, is_so in low.items() if is_so)] or ["none"]

    @property
    def state(self) -> int:
        """printer-state."""
        if self.stops:
            return STANDING
        return PRINTING if any(job.state == PROCESSING for job in self.jobs) else IDLE

    def add(self, name: str, user: str, pdf: bytes, copies: int) -> Job:
        """A new job at the end of the queue."""
        with self.changed:
            self._numbers += 1
            pages = max(1, len(PAGE.findall(pdf))) * copies
            job = Job(self._numbers, name, user, pdf, pages)
            if self.hold_next:
                self.hold_next, job.state, job.reasons = False, HELD, ["job-hold-until-specified"]
            self.jobs.append(job)
            self.changed.notify_all()
            return job

    def cancel(self, job: Job) -> bool:
        """Take it out of the queue; False when it has ended already."""
        with self.changed:
            if job.is_over:
                return False
            job.state, job.reasons = CANCELED, ["job-canceled-by-user"]
            self.changed.notify_all()
            return True

    def set(self, **values: Any) -> None:
        """Change something about the machine."""
        with self.changed:
            for name, value in values.items():
                setattr(self, name, value)
            self.changed.notify_all()

    def release(self) -> None:
        """Let held jobs print."""
        with self.changed:
            for job in self.jobs:
                if job.state == HELD:
                    job.state, job.reasons = PENDING, ["none"]
            self.changed.notify_all()

    def forget(self) -> None:
        """Lose all memory of jobs, as a printer does that was switched off."""
        with self.changed:
            for job in self.jobs:
                job.state = job.state if job.is_over else CANCELED
            self.jobs = []
            self.changed.notify_all()

    # -- the paper path ------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self._next() is not None)
                job = self._next()
                assert job is not None
                job.state, job.began = PROCESSING, True
            self._print(job)

    def _next(self) -> Job | None:
        if self.stops:
            return None
        return next((job for job in self.jobs if job.state == PENDING), None)

    def _print(self, job: Job) -> None:
        for _ in range(job.pages):
            time.sleep(self.sheet_s)
            with self.changed:
                self._stand(job)
                if job.is_over:
                    return
                if self.abort_next:
                    job.state, job.reasons, self.abort_next = ABORTED, [self.abort_next], ""
                    return
                job.sheets += 1
                self._use_sheet()
        with self.changed:
            if not job.is_over:
                self._put_out(job)

    def _stand(self, job: Job) -> None:
        """Wait until nothing stops the printer, or the job is canceled."""
        while self.stops and not job.is_over:
            job.state, job.reasons = STOPPED, ["printer-stopped"]
            self.changed.wait(1.0)
        if not job.is_over:
            job.state, job.reasons = PROCESSING, ["job-printing"]

    def _use_sheet(self) -> None:
        if self.out_after is not None:
            self.out_after -= 1
            if self.out_after <= 0:
                self.paper, self.out_after = "out", None

    def _put_out(self, job: Job) -> None:
        path = self.folder / f"page-{job.id:04d}.pdf"
        path.write_bytes(job.pdf)
        job.path, job.pdf = str(path), b""
        ending = "job-completed-with-errors" if self.errors_next else "job-completed-successfully"
        job.state, job.reasons, self.errors_next = COMPLETED, [ending], False
