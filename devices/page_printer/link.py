"""HTTP to a printer: one request, one answer, one connection (RFC 8010 §4); own deadlines, limits on the answer."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from urllib.parse import SplitResult, urlsplit

import h11

from devices.contract import Deadline, Permanent, TryAgain
from devices.page_printer.codec import LONGEST

IPP_PORT = 631
SEND_BYTES = 1 << 16
STEP_S = 0.1
LAST_BREATH_S = 0.5
"""How long an answer is still waited for when its command has been canceled: without it nobody knows what was begun."""


class NoAnswer(TryAgain):
    """The printer gave no answer; ``may_have_arrived`` is whether the whole request had left."""

    def __init__(self, error: str, detail: str, *, may_have_arrived: bool) -> None:
        super().__init__(error, detail)
        self.may_have_arrived = may_have_arrived


class IppLink:
    """A printer by its URI. ``ask`` is the one way to it."""

    def __init__(self, uri: str, timeout_s: float, ca_file: str = "") -> None:
        self._uri, self._timeout_s = _parsed(uri), timeout_s
        self._tls = _tls(ca_file) if self._uri.scheme in ("ipps", "https") else None

    def ask(self, message: bytes, deadline: Deadline) -> bytes:
        """Send an IPP message and return the answer's bytes. NoAnswer for everything that is not HTTP 200 in time."""
        exchange = _Exchange(time.monotonic() + self._timeout_s, deadline)
        try:
            with self._connected() as peer:
                return exchange.run(peer, self._request(len(message)), message)
        except NoAnswer:
            raise
        except TimeoutError:
            raise self._lost("silent", exchange) from None
        except ConnectionRefusedError:
            raise NoAnswer("no_device", "nothing listens there", may_have_arrived=False) from None
        except (OSError, ValueError):
            raise self._lost("unplugged" if exchange.connected else "no_device", exchange) from None
        except h11.RemoteProtocolError:
            raise self._lost("garbled", exchange) from None

    @staticmethod
    def _lost(error: str, exchange: _Exchange) -> NoAnswer:
        return NoAnswer(error, "no sound answer to a request", may_have_arrived=exchange.all_left)

    def _connected(self) -> socket.socket:
        assert self._uri.hostname
        port = self._uri.port or (443 if self._uri.scheme == "https" else IPP_PORT)
        peer = socket.create_connection((self._uri.hostname, port), min(self._timeout_s, 3.0))
        return self._tls.wrap_socket(peer, server_hostname=self._uri.hostname) if self._tls else peer

    def _request(self, length: int) -> h11.Request:
        host = self._uri.netloc.rpartition("@")[2]
        headers = [("Host", host), ("Content-Type", "application/ipp"), ("Content-Length", str(length))]
        return h11.Request(method="POST", target=self._uri.path or "/", headers=[*headers, ("Connection", "close")])


class _Exchange:
    """One request and its answer on an open connection."""

    def __init__(self, ends: float, deadline: Deadline) -> None:
        self._ends, self._deadline = ends, deadline
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=16 * 1024)
        self.connected = self.all_left = False

    def run(self, peer: socket.socket, request: h11.Request, message: bytes) -> bytes:
        self.connected = True
        peer.setblocking(False)
        self._send(peer, self._http.send(request) or b"")
        self._send(peer, self._http.send(h11.Data(data=message)) or b"")
        self._http.send(h11.EndOfMessage())
        self.all_left = True
        return self._receive(peer)

    def _left_s(self) -> float:
        """Seconds until something must have moved; TimeoutError when nothing is waited for any more."""
        if self._deadline.over:
            self._ends = min(self._ends, time.monotonic() + LAST_BREATH_S)
        left_s = self._ends - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return min(left_s, STEP_S)

    def _send(self, peer: socket.socket, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            # An answer before the end of the request is a refusal: read it instead of sending on.
            readable, writable, _ = select.select([peer], [peer], [], self._left_s())
            if readable and not writable and self._has_answer(peer):
                return
            if writable:
                with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
                    rest = rest[peer.send(rest[:SEND_BYTES]) :]

    def _has_answer(self, peer: socket.socket) -> bool:
        """Whether what is readable was meant for us: after its handshake TLS has tickets of its own to tell."""
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            self._http.receive_data(peer.recv(SEND_BYTES))
            return True
        return False

    def _receive(self, peer: socket.socket) -> bytes:
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(self._some(peer))
            elif isinstance(event, h11.Response) and event.status_code != 200:
                raise NoAnswer(_refusal(event.status_code), f"HTTP {event.status_code}", may_have_arrived=False)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > LONGEST:
                    raise h11.RemoteProtocolError("an answer without end")
            elif isinstance(event, h11.EndOfMessage):
                return bytes(body)
            elif isinstance(event, h11.ConnectionClosed):
                raise OSError("hung up")

    def _some(self, peer: socket.socket) -> bytes:
        while True:
            left_s = self._left_s()
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                return peer.recv(SEND_BYTES)
            select.select([peer], [], [], left_s)


def _refusal(status: int) -> str:
    return "refused" if status in (401, 403, 404, 405, 426) else "silent"


def _parsed(uri: str) -> SplitResult:
    parts = urlsplit(uri)
    if parts.scheme not in ("ipp", "ipps", "http", "https") or not parts.hostname:
        raise Permanent("bad_settings", "page_printer needs uri = ipp://host[:port]/path")
    return parts


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        # Not the default one, which writes the line's secrets into the file that SSLKEYLOGFILE names.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca_file) if ca_file else context.load_default_certs()
        return context
    except OSError as fault:
        raise Permanent("bad_settings", f"page_printer ca_file: {fault.strerror}") from None
