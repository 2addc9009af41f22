"""The door to a provider's JSON API: paced, bounded in time and size, and never sent twice blindly.

One deadline holds for each call in all, redirects are refused, a body is capped after decoding,
and the key stands in one header only. Reads and destroys are tried again; a create never is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import anyio

from reconciler import __version__
from reconciler.model.errors import GpuShopperError
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.transport.api_base import ApiBase, path_segment
from reconciler.transport.http_dates import date_of
from reconciler.transport.json_text import NotJson, read_json
from reconciler.transport.pacing import Pace, Pacer
from reconciler.transport.redaction import without_secrets
from reconciler.transport.retrying import Patience, asked_pause, pause_before_retry

if TYPE_CHECKING:
    import httpx

    from reconciler.clock import Clock
    from reconciler.transport.shared_turns import SharedTurns

BODY_BYTES_MAX = 16 * 2**20
CONNECT_SECONDS = 5.0
EXCERPT_LENGTH = 80
_TRIED_AGAIN = frozenset({429, 500, 502, 503, 504})


class CallFailed(GpuShopperError):
    """No answer that can be used. ``sent`` is False only when nothing left this machine."""

    def __init__(self, what: str, *, sent: bool) -> None:
        super().__init__(what)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of call. ``path`` has ``{}`` for each id; ``patience`` of one try for a create.

    ``shared``: the pace that all endpoints of the API keep together, where it has one.
    """

    method: str
    path: str
    pace: Pace
    patience: Patience = field(default_factory=Patience)
    deadline_seconds: float = 30.0
    shared: Pace | None = None

    @property
    def name(self) -> str:
        """What the pace counts and what errors show: no id, no query."""
        return f"{self.method} {self.path.replace('{}', '{id}')}"


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What came back. ``value`` is None where ``not_json`` says why the body is no JSON.

    ``excerpt`` is the beginning of the body, fit to print. ``asked_seconds``: how long the answer
    asks to wait. The key and the other secrets of the call are nowhere in it.
    """

    status: int
    value: object
    not_json: str
    excerpt: str
    asked_seconds: float | None = None

    @property
    def page(self) -> str:
        """``excerpt`` of a page or of plain text. What begins as JSON may go on with what a machine
        was given: its environment, a key of its own (I10).
        """
        return "" if self.excerpt[:1] in '{["' else self.excerpt


def _worth_another_try(answer: ApiAnswer) -> bool:
    return answer.status in _TRIED_AGAIN


class JsonApi:
    """One account at one provider's API. Close it at the end.

    ``chance`` draws from 0 to 1. ``turns`` are shared with other processes; ``clock`` is then this
    machine's. ``transport`` replaces the network in tests.
    """

    def __init__(
        self,
        base: ApiBase,
        key: str,
        clock: Clock,
        chance: Callable[[], float],
        *,
        turns: SharedTurns | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = base
        self._key = key
        self._clock = clock
        self._chance = chance
        self._transport = transport
        self._pacer = Pacer(clock, turns)
        self._client: httpx.AsyncClient | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port of the API."""
        return self._base.origin

    async def call(
        self,
        endpoint: Endpoint,
        *ids: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        secrets: Sequence[str] = (),
        again: Callable[[ApiAnswer], bool] = _worth_another_try,
    ) -> ApiAnswer:
        """Any answer with a status, or ``CallFailed``.

        ``ids`` fill the path, one percent-encoded segment each. ``secrets`` are cut out of the
        answer like the key. ``again``: whether an answer is worth another try, within the
        endpoint's patience.
        """
        target = endpoint.path.format(*map(path_segment, ids))
        url = self._base.origin + self._base.prefix + target
        if query:
            url += "?" + urlencode(query)
        tried = 0
        self._opened()  # loading the library takes longer than some paces: not within a turn
        while True:
            await self._pacer.turn(endpoint.name, endpoint.pace, endpoint.shared)
            tried += 1
            failure: CallFailed | None = None
            answer: ApiAnswer | None = None
            try:
                answer = await self._once(endpoint, url, body, secrets)
            except CallFailed as error:
                failure = error
            pause = pause_before_retry(
                endpoint.patience,
                tried,
                self._chance(),
                answer.asked_seconds if answer else None,
            )
            if answer is not None and (pause is None or not again(answer)):
                return answer
            if failure is not None and pause is None:
                raise failure
            await self._clock.sleep(pause or 0.0)

    async def close(self) -> None:
        """Let go of all connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _once(
        self, endpoint: Endpoint, url: str, body: object, secrets: Sequence[str]
    ) -> ApiAnswer:
        """One request and its answer, within one deadline."""
        import httpx

        client = self._opened()
        try:
            with anyio.fail_after(endpoint.deadline_seconds):
                async with client.stream(
                    endpoint.method, url, headers=self._headers(body), content=_encoded(body)
                ) as response:
                    if response.is_redirect:
                        raise self._redirected(endpoint, response)
                    self._hear_date(response)
                    text = await self._text(endpoint, response)
        except TimeoutError:
            seconds = endpoint.deadline_seconds
            raise self._failed(endpoint, f"no answer within {seconds:g} seconds", True) from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            # The text of these errors is made elsewhere: name the kind only.
            why = f"the connection failed ({type(error).__name__})"
            raise self._failed(endpoint, why, sent=False) from None
        except (httpx.HTTPError, OSError) as error:
            why = f"the connection broke ({type(error).__name__})"
            raise self._failed(endpoint, why, sent=True) from None
        retry_after = response.headers.get("Retry-After")
        asked = asked_pause(retry_after, self._clock.now())
        return _answer(response.status_code, without_secrets(text, (self._key, *secrets)), asked)

    def _hear_date(self, response: httpx.Response) -> None:
        """What time it is at the provider: of a host whose certificate is good, whatever else it
        answers. A date that a cache kept is none.
        """
        said = date_of(response.headers.get("Date"), response.headers.get("Age"))
        if said is not None:
            self._clock.hear(urlsplit(self._base.origin).hostname or self._base.origin, said)

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            self._client = httpx.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
                # A kept connection that dies as it is used again leaves a create in doubt.
                limits=httpx.Limits(max_keepalive_connections=0),
                transport=self._transport,
            )
        return self._client

    def _headers(self, body: object) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "User-Agent": f"gpu-shopper/{__version__}",
            "Accept": "application/json",
            # Nothing packed: what is read is what was sent, and the cap below holds for both.
            "Accept-Encoding": "identity",
        }
        return headers if body is None else {**headers, "Content-Type": "application/json"}

    async def _text(self, endpoint: Endpoint, response: httpx.Response) -> str:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._failed(endpoint, "the answer is packed, which nobody asked for", True)
        data = bytearray()
        async for piece in response.aiter_raw():
            data += piece
            if len(data) > BODY_BYTES_MAX:
                limit = BODY_BYTES_MAX // 2**20
                raise self._failed(endpoint, f"the answer is larger than {limit} MiB", True)
        return data.decode("utf-8", "replace")

    def _redirected(self, endpoint: Endpoint, response: httpx.Response) -> CallFailed:
        try:
            host = urlsplit(response.headers.get("Location", "")).hostname or "?"
        except ValueError:
            host = "?"
        return self._failed(endpoint, f"a redirect to {printable(host, 60)} is refused", True)

    def _failed(self, endpoint: Endpoint, why: str, sent: bool) -> CallFailed:
        return CallFailed(f"{self._base.origin}: {endpoint.name}: {why}", sent=sent)


def _encoded(body: object) -> bytes | None:
    return None if body is None else json.dumps(body, allow_nan=False).encode()


def _answer(status: int, text: str, asked_seconds: float | None) -> ApiAnswer:
    excerpt = printable(text.strip(), EXCERPT_LENGTH)
    try:
        return ApiAnswer(status, read_json(text), "", excerpt, asked_seconds)
    except NotJson as error:
        return ApiAnswer(status, None, str(error), excerpt, asked_seconds)
