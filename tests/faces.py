"""Accounts at the faces of the simulated market, without a socket: httpx talks to the face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Protocol

import httpx

from reconciler.clock import Clock
from reconciler.market.faces import lambda_cloud, runpod, tensordock, vast
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.world import World
from reconciler.providers.lambda_cloud.api import DEFAULT_URL as LAMBDA_URL
from reconciler.providers.lambda_cloud.api import LambdaApi
from reconciler.providers.lambda_cloud.provider import LambdaProvider
from reconciler.providers.runpod.api import DEFAULT_URL as RUNPOD_URL
from reconciler.providers.runpod.api import GRAPHQL_PATH, RunpodApi
from reconciler.providers.runpod.provider import RunpodProvider
from reconciler.providers.tensordock.api import DEFAULT_URL as TENSORDOCK_URL
from reconciler.providers.tensordock.api import TensorDockApi
from reconciler.providers.tensordock.opening import account_of
from reconciler.providers.tensordock.provider import TensorDockProvider
from reconciler.providers.vastai.api import VastApi
from reconciler.providers.vastai.provider import VastProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi
from tests.canaries import KEY_MARK
from tests.canary_watch import WATCH

URL = "https://console.vast.ai"
Change = Callable[[FaceRequest, FaceAnswer], FaceAnswer]


class Face(Protocol):
    def handle_at(self, world: World, request: FaceRequest, now: datetime) -> FaceAnswer: ...


@dataclass
class FaceWire(httpx.AsyncBaseTransport):
    """Carries requests to the face in the clock's time. ``sent``: what went over it, in order.

    ``change`` may replace an answer on its way back. ``latency`` is the whole way, there and back.
    Answers have a `Date`, unless ``dates`` is False, ``clock_off`` from the market's time.
    """

    world: World
    clock: Clock
    latency: timedelta = timedelta(milliseconds=200)
    change: Change | None = None
    sent: list[FaceRequest] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    face: Face = field(default_factory=vast.VastFace)
    dates: bool = True
    clock_off: timedelta = timedelta(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = FaceRequest.of(
            request.method, request.url.raw_path.decode(), request.headers, request.content
        )
        self.sent.append(asked)
        self.headers.append(request.headers)
        _keeps_its_key(request)
        await self.clock.sleep(self.latency.total_seconds() / 2)
        answer = self.face.handle_at(self.world, asked, self.clock.now())
        if self.change is not None:
            answer = self.change(asked, answer)
        await self.clock.sleep((answer.after + self.latency / 2).total_seconds())
        body = httpx.ByteStream(answer.body)
        headers = dict(answer.headers)
        if self.dates:
            said = self.clock.now() + self.clock_off
            headers.setdefault("Date", format_datetime(said, usegmt=True))
        return httpx.Response(answer.status, headers=headers, stream=body)

    def count(self, method: str, path_part: str) -> int:
        """How many requests of one kind went out."""
        return sum(
            one.method == method and path_part in "/".join(one.segments) for one in self.sent
        )


def _keeps_its_key(request: httpx.Request) -> None:
    """I10: it stands in one header, and those of other providers nowhere."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    said = [request.url.raw_path, request.content, scheme.encode()]
    said += [value for name, value in request.headers.raw if name.lower() != b"authorization"]
    WATCH.search("a request", b"\n".join(said), (KEY_MARK, key) if key else (KEY_MARK,))


class VastWire(FaceWire):
    """The wire to Vast.ai."""


@dataclass
class LambdaWire(FaceWire):
    """The wire to Lambda."""

    face: Face = field(default_factory=lambda_cloud.LambdaFace)


@dataclass
class RunpodWire(FaceWire):
    """The wire to RunPod, to both of its APIs."""

    face: Face = field(default_factory=runpod.RunpodFace)


@dataclass
class TensorDockWire(FaceWire):
    """The wire to TensorDock."""

    face: Face = field(default_factory=tensordock.TensorDockFace)


def vast_provider(
    wire: FaceWire,
    *,
    name: str = "vastai",
    key: str | None = None,
    chance: float = 0.5,
    clock: Clock | None = None,
) -> VastProvider:
    """The adapter over ``wire``, with the market's own key. ``clock``: that of the machine it runs
    on, where it is not the market's.
    """
    own = vast.key_of(wire.world) if key is None else key
    here = clock or wire.clock
    return VastProvider(name, VastApi(_door(wire, URL, own, chance, here)), here)


def lambda_provider(
    wire: LambdaWire,
    *,
    name: str = "lambda",
    key: str | None = None,
    chance: float = 0.5,
    clock: Clock | None = None,
) -> LambdaProvider:
    """The adapter over ``wire``, as ``vast_provider``."""
    own = lambda_cloud.key_of(wire.world) if key is None else key
    here = clock or wire.clock
    return LambdaProvider(name, LambdaApi(_door(wire, LAMBDA_URL, own, chance, here)), here)


def runpod_provider(
    wire: RunpodWire,
    *,
    name: str = "runpod",
    key: str | None = None,
    chance: float = 0.5,
    clock: Clock | None = None,
) -> RunpodProvider:
    """The adapter over ``wire``, as ``vast_provider``."""
    own = runpod.key_of(wire.world) if key is None else key
    here = clock or wire.clock
    rest, graph = (
        _door(wire, url, own, chance, here) for url in (RUNPOD_URL, RUNPOD_URL + GRAPHQL_PATH)
    )
    return RunpodProvider(name, RunpodApi(rest, graph), here)


def tensordock_provider(
    wire: TensorDockWire,
    *,
    name: str = "tensordock",
    key: str | None = None,
    chance: float = 0.5,
    clock: Clock | None = None,
) -> TensorDockProvider:
    """The adapter over ``wire``, as ``vast_provider``, with the market's own token."""
    own = tensordock.key_of(wire.world) if key is None else key
    here = clock or wire.clock
    api = TensorDockApi(_door(wire, TENSORDOCK_URL, own, chance, here))
    return TensorDockProvider(name, api, here, account_of(own))


def _door(wire: FaceWire, url: str, key: str, chance: float, clock: Clock) -> JsonApi:
    return JsonApi(parse_api_base(url), key, clock, lambda: chance, transport=wire)
