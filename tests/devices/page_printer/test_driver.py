"""The A4 printer's driver against the simulated printer, and against somebody else's where there is one."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.contract import Deadline, Permanent, TryAgain
from devices.page_printer.a4_page import a4_page
from devices.page_printer.driver import PagePrinter, PagePrinterSettings
from devices.page_printer.job import Outcome, PageJob, PageResult, result_of
from devices.page_printer.link import IppLink
from devices.simulation import ControlClient
from devices.vocabulary import Completion, DeviceState, SupplyState
from tests.hub.strangers import certificate
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]
PATIENT_S = 60.0


class Sim:
    def __init__(self, ready: dict[str, Any]) -> None:
        self.uri, self.control = ready["uri"], ControlClient(ready["control"])
        self.driver: PagePrinter

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        return self.control.do(verb, **arguments)

    def made(self, **more: Any) -> PagePrinter:
        values = {"uri": self.uri, "poll_interval_ms": 20, "request_timeout_s": 20.0, **more}
        self.said: list[Any] = []
        self.driver = PagePrinter(PagePrinterSettings(driver="ipp", **values), self.said.append)
        return self.driver

    def jobs(self) -> list[dict[str, Any]]:
        return self.do("state")["jobs"]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    pages = tmp_path_factory.mktemp("pages")
    command = [sys.executable, "-m", "devices.page_printer.sim", "--pages", str(pages), "--sheet-s", "0.02"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as running:
        assert running.stdout
        yield Sim(json.loads(running.stdout.readline()))
        running.terminate()
        assert running.wait(20) == 0


@pytest.fixture
def sim(process: Sim) -> Sim:
    process.do("reset")
    process.made().setup()
    process.driver.idle()
    return process


def printed(driver: PagePrinter, key: str = "k1", deadline: Deadline | None = None, **more: Any) -> PageResult:
    return result_of(driver.print_pages(deadline or Deadline(PATIENT_S), PageJob(key, a4_page(), **more)))


def begun(driver: PagePrinter, key: str = "k1") -> tuple[Deadline, Callable[[], PageResult]]:
    """A job under way in a thread; its deadline, and what waits for its result."""
    deadline, results = Deadline(PATIENT_S), []
    thread = threading.Thread(target=lambda: results.append(printed(driver, key, deadline)))
    thread.start()

    def ended() -> PageResult:
        thread.join(PATIENT_S)
        return results[0]

    return deadline, ended


def test_page_is_printed_when_the_printer_has_ended_the_job(sim: Sim) -> None:
    assert printed(sim.driver, copies=2) == PageResult(Outcome.PRINTED, (), 2)
    (path,) = sim.do("pages")["pages"]
    assert Path(path).read_bytes() == a4_page()
    (job,) = sim.jobs()
    assert job["name"] == "tongban-k1"


def test_self_test_prints_a_page_of_its_own_each_time(sim: Sim) -> None:
    assert sim.driver.self_test(Deadline(PATIENT_S)).ok
    assert sim.driver.self_test(Deadline(PATIENT_S)).ok
    assert len({job["name"] for job in sim.jobs()}) == 2


@pytest.mark.parametrize(
    ("verb", "arguments", "error", "device"),
    [
        ("paper", {"state": "out"}, "paper_out", DeviceState.ONLINE),
        ("cover", {"state": "open"}, "cover_open", DeviceState.USER_ERROR),
        ("toner", {"state": "out"}, "toner_out", DeviceState.HARDWARE_ERROR),
        ("jam", {}, "jammed", DeviceState.HARDWARE_ERROR),
        ("pause", {}, "paused", DeviceState.OFFLINE),
        ("offline", {}, "offline", DeviceState.OFFLINE),
        ("tray", {}, "tray_full", DeviceState.USER_ERROR),
        ("accept", {"on": False}, "not_accepting", DeviceState.OFFLINE),
    ],
)
def test_printer_that_cannot_is_not_sent_anything(
    sim: Sim, verb: str, arguments: dict[str, Any], error: str, device: DeviceState
) -> None:
    sim.do(verb, **arguments)
    assert printed(sim.driver) == PageResult(Outcome.NOT_PRINTED, (error,))
    assert (sim.said[-1].device, sim.said[-1].error) == (device, error)
    assert sim.jobs() == []
    level = PagePrinter.declarations["page_printer"].level(sim.said[-1])
    assert level in ("error", "warn")
    assert not PagePrinter.declarations["page_printer"].is_usable(sim.said[-1])


def test_low_paper_and_toner_are_said_and_print_on(sim: Sim) -> None:
    sim.do("paper", state="low")
    sim.do("toner", state="low")
    assert printed(sim.driver).outcome is Outcome.PRINTED
    assert (sim.said[-1].supply, sim.said[-1].error) == (SupplyState.LOW, "toner_low")


def test_out_of_paper_in_the_middle_waits_for_a_hand_and_goes_on(sim: Sim) -> None:
    sim.do("out_after", sheets=1)
    _, ended = begun(sim.driver, "k1")
    ended()  # one page fits
    sim.said.clear()  # that there is no second one may have been said already
    sim.do("paper", state="full")
    sim.do("out_after", sheets=1)
    two = PageJob("k2", a4_page(), copies=2)
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(sim.driver.print_pages(Deadline(PATIENT_S), two)))
    thread.start()
    eventually(lambda: any(s.supply is SupplyState.OUT for s in sim.said), "paper out to be said")
    sim.do("paper", state="full")
    thread.join(PATIENT_S)
    assert result_of(results[0]) == PageResult(Outcome.PRINTED, (), 2)


def test_stopped_before_the_first_sheet_and_given_up_is_not_printed_and_never_comes_later(sim: Sim) -> None:
    sim.do("slow", sheet_s=0.3)
    deadline, ended = begun(sim.driver)
    eventually(sim.jobs, "the job in the queue")
    sim.do("paper", state="out")
    eventually(lambda: sim.said[-1].supply is SupplyState.OUT, "paper out")
    deadline.canceled.set()
    assert ended() == PageResult(Outcome.NOT_PRINTED, ("paper_out",), 0)
    sim.do("paper", state="full")
    assert printed(sim.driver, "k2").outcome is Outcome.PRINTED
    assert len(sim.do("pages")["pages"]) == 1


def test_half_printed_and_given_up_is_unknown_with_its_sheets(sim: Sim) -> None:
    sim.do("out_after", sheets=1)
    deadline = Deadline(PATIENT_S)
    results: list[Any] = []
    job = PageJob("k1", a4_page(), copies=3)
    thread = threading.Thread(target=lambda: results.append(sim.driver.print_pages(deadline, job)))
    thread.start()
    eventually(lambda: sim.said[-1].supply is SupplyState.OUT, "paper out")
    deadline.canceled.set()
    thread.join(PATIENT_S)
    assert result_of(results[0]) == PageResult(Outcome.UNKNOWN, ("paper_out",), 1)


def test_held_job_is_said_and_goes_on_when_released(sim: Sim) -> None:
    sim.do("hold")
    deadline, ended = begun(sim.driver)
    eventually(lambda: sim.jobs() and sim.jobs()[0]["state"] == 4, "the held job")
    sim.do("release")
    assert ended().outcome is Outcome.PRINTED
    sim.do("hold")
    deadline, ended = begun(sim.driver, "k2")
    eventually(lambda: len(sim.jobs()) == 2 and 9 in sim.do("state")["asked"][-3:], "the held job, looked at")
    deadline.canceled.set()
    assert ended() == PageResult(Outcome.NOT_PRINTED, ("job_held",), 0)


@pytest.mark.parametrize(
    ("verb", "arguments", "expected"),
    [
        ("abort", {}, PageResult(Outcome.NOT_PRINTED, ("aborted",), 0)),
        ("abort", {"reason": "document-format-error"}, PageResult(Outcome.NOT_PRINTED, ("bad_document",), 0)),
        ("errors", {}, PageResult(Outcome.UNKNOWN, ("completed_with_errors",), 1)),
    ],
)
def test_job_that_the_printer_ended_otherwise(
    sim: Sim, verb: str, arguments: dict[str, Any], expected: PageResult
) -> None:
    sim.do(verb, **arguments)
    assert printed(sim.driver) == expected


def test_canceled_at_the_printer(sim: Sim) -> None:
    sim.do("hold")
    _, ended = begun(sim.driver)
    eventually(sim.jobs, "the job in the queue")
    sim.do("cancel_all")
    assert ended() == PageResult(Outcome.NOT_PRINTED, ("job_held",), 0) or ended().reasons == ("canceled_at_printer",)


def test_lost_answer_to_print_job_is_found_by_its_name_and_printed_once(sim: Sim) -> None:
    original = sim.driver._client.print_job

    def losing(*arguments: Any) -> Any:
        sim.do("lose_answer")
        return original(*arguments)

    sim.driver._client.print_job = losing
    assert printed(sim.driver) == PageResult(Outcome.PRINTED, (), 1)
    assert len(sim.jobs()) == 1


def test_unplugged_in_the_middle_and_back_ends_truly(sim: Sim) -> None:
    sim.do("slow", sheet_s=0.5)
    _, ended = begun(sim.driver)
    eventually(sim.jobs, "the job in the queue")
    sim.do("unplug")
    sim.do("replug")
    assert ended() == PageResult(Outcome.PRINTED, (), 1)


def test_unplugged_for_good_is_unknown_and_is_resolved_before_the_next(sim: Sim) -> None:
    sim.do("slow", sheet_s=0.3)
    deadline, ended = begun(sim.driver)
    eventually(sim.jobs, "the job in the queue")
    sim.do("pause")
    sim.do("unplug")
    deadline.canceled.set()
    result = ended()
    assert result.outcome is Outcome.UNKNOWN
    assert result.reasons[-1] == "in_doubt"
    assert printed(sim.driver, "k2").outcome is Outcome.NOT_PRINTED
    with pytest.raises(TryAgain):
        sim.driver.idle()
    sim.do("replug")
    sim.do("resume")
    sim.driver.setup()
    sim.driver.idle()
    states = {job["name"]: job["state"] for job in sim.jobs()}
    assert states["tongban-k1"] in (7, 9)
    known = result_of(sim.driver.find_end(Deadline(PATIENT_S), "k1"))
    assert known.outcome is not Outcome.PRINTED or states["tongban-k1"] == 9
    assert printed(sim.driver, "k3").outcome is Outcome.PRINTED


def test_killed_in_the_middle_the_next_process_cancels_what_was_left_and_can_tell_its_end(sim: Sim) -> None:
    sim.do("hold")
    deadline, ended = begun(sim.driver)
    eventually(sim.jobs, "the job in the queue")
    fresh = sim.made()
    fresh.setup()
    fresh.idle()
    assert sim.jobs()[0]["state"] == 7
    assert result_of(fresh.find_end(Deadline(PATIENT_S), "k1")) == PageResult(
        Outcome.NOT_PRINTED, ("canceled_at_printer",), 0
    )
    assert result_of(fresh.find_end(Deadline(PATIENT_S), "other")).reasons == ("job_vanished",)
    deadline.canceled.set()
    ended()


def test_printer_that_was_switched_off_knows_no_job_and_the_end_is_unknown(sim: Sim) -> None:
    sim.do("hold")
    _, ended = begun(sim.driver)
    eventually(sim.jobs, "the job in the queue")
    sim.do("forget_jobs")
    result = ended()
    assert result.outcome is Outcome.UNKNOWN
    assert "job_vanished" in result.reasons
    assert printed(sim.driver, "k2").outcome is Outcome.PRINTED


@pytest.mark.attack(1)
@pytest.mark.parametrize("verb", ["garble", "silent"])
def test_printer_that_talks_nonsense_or_nothing_is_no_printer(sim: Sim, verb: str) -> None:
    driver = sim.made(request_timeout_s=0.5)
    sim.do(verb)
    with pytest.raises(TryAgain) as lost:
        driver.setup()
    assert lost.value.error == ("garbled" if verb == "garble" else "silent")


@pytest.mark.parametrize(
    "job", [PageJob("k", b"GIF89a"), PageJob("a b", a4_page()), PageJob("", a4_page()), PageJob("k", a4_page(), 0)]
)
def test_what_is_no_job_is_not_sent(sim: Sim, job: PageJob) -> None:
    done = sim.driver.print_pages(Deadline(PATIENT_S), job)
    assert (done.code, result_of(done)) == (Completion.INVALID_DATA, PageResult(Outcome.NOT_PRINTED, ("bad_job",)))


@pytest.mark.parametrize("uri", ["", "lp0", "file:///dev/lp0", "ipp:///x"])
def test_address_that_cannot_be_one_is_permanent(uri: str) -> None:
    with pytest.raises(Permanent):
        PagePrinter(PagePrinterSettings(driver="ipp", uri=uri), lambda _: None)


@pytest.mark.attack(1)
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"\2" * 3_000_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n\2\0\0\0\0\0",
        b"220 mail.example\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_stranger_at_the_printer_s_address_ends_as_no_answer(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                try:
                    peer.sendall(answer)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        uri = f"ipp://127.0.0.1:{listener.getsockname()[1]}/"
        driver = PagePrinter(PagePrinterSettings(driver="ipp", uri=uri, request_timeout_s=5.0), lambda _: None)
        with pytest.raises(TryAgain):
            driver.setup()


@pytest.mark.attack(5)
def test_long_document_goes_whole_by_tls_and_the_secrets_of_the_line_are_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    certificate(tmp_path / "printer.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "printer.pem")
    document = bytes(16 * 2**20)

    def serve() -> None:
        with tls.wrap_socket(listener.accept()[0], server_side=True) as peer, peer.makefile("rwb") as line:
            while line.readline().strip():
                pass
            got = line.read(len(document))
            line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + len(got).to_bytes(4))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        link = IppLink(f"ipps://127.0.0.1:{listener.getsockname()[1]}/", PATIENT_S, str(tmp_path / "printer.pem"))
        assert int.from_bytes(link.ask(document, Deadline(PATIENT_S))) == len(document)
    assert not (tmp_path / "keys").exists()


@pytest.mark.skipif(not shutil.which("ippeveprinter"), reason="Debian's cups-ipp-utils is not installed here")
def test_somebody_else_s_printer_prints_and_is_canceled_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        "ippeveprinter",
        "-r",
        "off",
        "-p",
        str(port),
        "-d",
        str(tmp_path),
        "-k",
        "-f",
        "application/pdf",
        "them",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        settings = PagePrinterSettings(driver="ipp", uri=f"ipp://127.0.0.1:{port}/ipp/print", poll_interval_ms=100)
        said: list[Any] = []
        driver = PagePrinter(settings, said.append)

        def answers() -> bool:
            if running.poll() is not None:
                pytest.skip("ippeveprinter does not start without an avahi-daemon")
            try:
                driver.setup()
            except TryAgain:
                return False
            return True

        eventually(answers, "ippeveprinter to answer")
        driver.idle()
        result = printed(driver, "theirs")
        kept = [path.read_bytes() for path in tmp_path.rglob("*.pdf")]
        running.terminate()
    assert result.outcome is Outcome.PRINTED
    assert kept == [a4_page()]
    assert said[-1].device is DeviceState.ONLINE
