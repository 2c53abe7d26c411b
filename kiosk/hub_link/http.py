"""Signed requests to the hub and what came back; every expected fault is ``NoAnswer`` with its reason."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import httpx
import structlog
import trio

from kiosk.clock import Clock
from kiosk.hub_link.address import address_fault
from kiosk.hub_link.identity import Identity
from kiosk.logs import place_of
from kiosk.messages import requests
from kiosk.messages.authorities import trusting
from kiosk.messages.encoding import BadSignature, InvalidMessage, decode_json
from kiosk.messages.short_heads import with_short_heads

log = structlog.get_logger()

ANSWER_LIMIT_BYTES = 1024 * 1024
"""Of an answer that says little; whoever expects a long one says so."""
LONG_ANSWER_BYTES = 16 * 1024 * 1024
_AS_IT_IS = ("", "identity")
# Servers commonly close idle connections after 5 s; a request on one that is just closing would count as an outage.
_KEEPALIVE_S = 3.0


REPLAYED = "replayed"
NO_KEY = "none"
"""Who enrols has no key of the hub yet."""
_SIGNINGS = 5


class NoAnswer(Exception):
    """No hub answered, and why.

    ``no_connection``, ``timeout``, ``broken``, ``too_long`` · ``untrusted``: nobody vouches for its certificate ·
    ``packed``: compressed, which nobody asked for · ``replayed``: to every signing anew.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Answer(NamedTuple):
    """A whole HTTP answer; header names are lower case. ``nonce`` is its request's."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    nonce: str = ""

    @property
    def is_page(self) -> bool:
        """Something for a browser, whatever it is called: gateways and portals answer so."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @property
    def signature(self) -> str:
        """The hub's signature; "" from a hub that is one version older, and from whoever is none."""
        return self.headers.get(requests.ANSWER.lower(), "")

    def is_said_by(self, verify_key: str | Sequence[str], identity: Identity) -> bool:
        """Whether the hub with this key has said exactly this to exactly this request."""
        who = {"kiosk_id": identity.kiosk_id, "suite": identity.suite}
        try:
            requests.verify_answer(
                self.signature, self.status, self.body, nonce=self.nonce, verify_key=verify_key, **who
            )
        except BadSignature:
            return False
        return True

    @property
    def is_problem(self) -> bool:
        return "problem+json" in self.headers.get("content-type", "")

    @property
    def problem(self) -> str:
        """The status and, from ``application/problem+json``, the rule that was broken; for logs and technicians."""
        told = self._told()
        words = [str(told[name])[:200] for name in ("title", "field", "detail") if told.get(name)]
        return " ".join([str(self.status), *words])

    @property
    def problem_type(self) -> str:
        """The last word of the problem's ``type``, such as ``replayed``; "" for an answer that is no problem."""
        return str(self._told().get("type", "")).rpartition(":")[2]

    def _told(self) -> dict[str, Any]:
        try:
            told = decode_json(self.body) if self.is_problem else {}
        except InvalidMessage:
            return {}
        return told if isinstance(told, dict) else {}


class HubHttp:
    """One connection pool to one hub. ``transport`` replaces the network in tests."""

    def __init__(
        self,
        url: str,
        identity: Identity,
        clock: Clock,
        *,
        ca_file: str = "",
        timeout_s: float = 15,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        require_safe(url)
        self._identity = identity
        self._clock = clock
        self._timeout_s = timeout_s
        self._hub_told: tuple[int, float] | None = None
        self._prefix = urlsplit(url).path.rstrip("/")
        self._form = requests.NEWEST_FORM
        self.hub_key: Callable[[], str] = lambda: NO_KEY
        """The id of the key by which we check what the hub says."""
        self.on_outcome: Callable[[str | None], None] = lambda _reason: None
        """Told after every request: None, or why no hub answered."""
        client = httpx.AsyncClient(
            base_url=url,
            # Reading the system's authorities takes 30 ms; plain http is loopback.
            verify=_authorities(ca_file) if url.startswith("https") else False,
            timeout=None,  # noqa: S113 - one limit over the whole request, below
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=_KEEPALIVE_S),
            # Unpacked, a few bytes can be gigabytes; and nothing that answers is remembered.
            headers={"Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            transport=transport,
        )
        self._client = with_short_heads(client)

    @property
    def hub_knows_visits(self) -> bool:
        """Whether the hub, as far as it was heard, reads the key of a visit: one of before refuses it."""
        return self._form >= requests.NEWEST_FORM

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        limit_bytes: int = ANSWER_LIMIT_BYTES,
    ) -> Answer:
        """One signed request. Raises NoAnswer. A wrong wall clock is made up for by the hub's own time.

        The limits are those of the whole answer: of its time, however slowly it drips, and of its body.

        That a shorter limit than the configured one has passed is for its caller to judge: ``on_outcome`` is not told.
        """
        try:
            limits = timeout_s or self._timeout_s, limit_bytes
            answer = await self._accepted(method, path, body, headers or {}, limits)
        except NoAnswer as error:
            if error.reason != "timeout" or timeout_s is None:
                self.on_outcome(error.reason)
            raise
        # A 5xx in the hub's own words (a department is down) is still a hub that is there; a gateway's is not.
        self.on_outcome(None if answer.status < 500 or answer.is_problem else "server_error")
        return answer

    async def aclose(self) -> None:
        with trio.CancelScope(shield=True):
            await self._client.aclose()

    async def _accepted(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], limits: tuple[float, int]
    ) -> Answer:
        """Signs anew where only the stamp was not taken: a wrong clock, a hub of before, a gateway that repeats.

        Neither is a refusal of this machine. Raises NoAnswer.
        """
        for _ in range(_SIGNINGS):
            answer = await self._send(method, path, body, headers, limits)
            learned = self._learn_form(answer) or self._learn_time(answer)
            if answer.status != 401 or not (learned or answer.problem_type == REPLAYED):
                return answer
        raise NoAnswer(REPLAYED)

    async def _send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], limits: tuple[float, int]
    ) -> Answer:
        timeout_s, limit_bytes = limits
        signed = requests.sign_request(
            method,
            self._prefix + path,
            body,
            kiosk_id=self._identity.kiosk_id,
            private_key=self._identity.private_key,
            time_s=self._unix_s(),
            host=self._client.base_url.netloc.decode("ascii"),
            content_range=headers.get("Content-Range", ""),
            suite=self._identity.suite,
            form=self._form,
        )
        kind = {"Content-Type": "application/json"} if body else {}
        signed[requests.HUB_KEY] = self.hub_key()
        try:
            with trio.fail_after(timeout_s):
                return await self._exchange(method, path, body, {**kind, **headers, **signed}, limit_bytes)
        except trio.TooSlowError:
            raise NoAnswer("timeout") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoAnswer("untrusted" if _is_untrusted(error) else "no_connection") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NoAnswer("broken") from error
        except NoAnswer:
            raise
        except Exception as error:
            # The boundary of foreign bytes: no answer, whatever a library makes of it, ends the machine.
            log.error("hub.answer_not_understood", error=type(error).__name__, where=place_of(error))
            raise NoAnswer("broken") from error

    async def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str], limit_bytes: int) -> Answer:
        # A machine that stops closes its link: who is told to stop, too, has no answer that is not understood.
        await trio.lowlevel.checkpoint_if_cancelled()
        async with self._client.stream(method, path, content=body, headers=headers) as response:
            if response.headers.get("content-encoding", "").strip().lower() not in _AS_IT_IS:
                raise NoAnswer("packed")
            received = bytearray()
            async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_raw())) as chunks:
                async for chunk in chunks:
                    # Thousands of chunks of a byte are one reading of the network: others have their turn in between.
                    await trio.lowlevel.checkpoint()
                    received += chunk
                    if len(received) > limit_bytes:
                        raise NoAnswer("too_long")
            nonce = headers[requests.NONCE]
            return Answer(response.status_code, dict(response.headers), bytes(received), nonce)

    def _unix_s(self) -> int:
        """The time to sign with. What the hub told goes on by the monotonic clock, whatever the wall clock does."""
        if self._hub_told is None:
            return int(self._clock.now().timestamp())
        told_s, at_s = self._hub_told
        return told_s + int(self._clock.monotonic() - at_s)

    def _learn_form(self, answer: Answer) -> bool:
        """True when the hub reads another form of signatures than we write: one that names none is of before.

        Who makes us sign in the older form gains nothing: a hub that has seen the newer one of us refuses the older.
        """
        named = requests.FORM.lower() in answer.headers
        form = requests.NEWEST_FORM if named else 1 if answer.status == 401 else self._form
        learned, self._form = form != self._form, form
        return learned

    def _learn_time(self, answer: Answer) -> bool:
        """True when the hub's clock is far from ours: the request is worth a second try with the hub's time."""
        told = answer.headers.get(requests.TIME.lower(), "")
        if not (told.isascii() and told.isdigit() and len(told) <= 12):
            return False
        offset_s = int(told) - self._unix_s()
        if abs(offset_s) <= requests.WINDOW_S // 2:
            return False
        log.warning("hub.clock_differs", offset_s=offset_s)
        self._hub_told = int(told), self._clock.monotonic()
        return True


def _is_untrusted(error: BaseException | None) -> bool:
    """Whether a certificate was the cause, however deep it lies."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _authorities(ca_file: str) -> ssl.SSLContext:
    """Raises OSError that names the key of the configuration."""
    try:
        return trusting(ca_file)
    except OSError as error:
        why = f"holds no certificates of authorities ({error.strerror or error})"
        raise OSError(error.errno, why, f"[hub] ca_file {ca_file}") from error


def require_safe(url: str) -> None:
    """Raises ValueError for anything but ``https://``, or ``http://`` to loopback."""
    if fault := address_fault(url):
        raise ValueError(f"{url}: {fault}")
