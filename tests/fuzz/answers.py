"""Answers of the real providers, broken: each wire shape of each endpoint of all four.

The good answers are those of the market's faces, taken down while every verb of every adapter is
asked once. An input names the verb, the endpoint and the status, and holds what that endpoint
answers instead; whatever else the verb asks is answered as it was.
"""

from __future__ import annotations

import asyncio
import atexit
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from reconciler.clock import Clock, LoopClock
from reconciler.market.faces import lambda_cloud, runpod, tensordock, vast
from reconciler.model.errors import GpuShopperError
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.value import dataclass
from reconciler.providers.base import CreateRequest, OfferQuery, Provider
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
from reconciler.transport.json_api import ApiAnswer, JsonApi, _answer
from reconciler.transport.redaction import without_secrets
from tests.faces import (
    URL,
    FaceWire,
    LambdaWire,
    RunpodWire,
    TensorDockWire,
    VastWire,
)
from tests.markets import GIB, START, market_offer, small_world
from tests.virtual_time import run_virtual

STATUSES = (200, 200, 200, 200, 200, 200, 201, 400, 401, 403, 404, 409, 410, 429, 500, 503)
LONGEST_WORDS = 2000
"""Of one refusal: what an answer of a megabyte on one line may add to it is little (C13.9)."""
_PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG" + "A" * 43
_KEY = "key-of-the-fuzzed-account-0123456789"
_MARK = Mark(workspace_part("demo", "l"), "dev", 0, START + timedelta(hours=4), "abcd1234")


@dataclass(frozen=True, slots=True)
class Told:
    """What one endpoint answered."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One endpoint, asked by one verb. ``good``: all that the verb is answered, and what it may
    ask beside that when an answer is odd.
    """

    provider: str
    verb: str
    endpoint: str
    good: Mapping[str, Told]

    @property
    def name(self) -> str:
        return f"{self.provider} {self.verb} {self.endpoint}"


class _Recorder(JsonApi):
    """``heard`` is told each answer with its endpoint."""

    heard: Callable[[str, Told], None]

    def _text(self, endpoint: Any, response: Any) -> Any:
        async def read() -> str:
            text: str = await JsonApi._text(self, endpoint, response)
            self.heard(endpoint.name, Told(response.status_code, text))
            return text

        return read()


class _Teller(JsonApi):
    """Answers without a wire."""

    answers: Mapping[str, Told]

    async def call(self, endpoint: Any, *ids: str, **_: Any) -> ApiAnswer:
        told = self.answers[endpoint.name]
        return _answer(told.status, without_secrets(told.text, (self._key,)), None)


class _Still(Clock):
    """Every wait is over at once."""

    def now(self) -> datetime:
        return START

    def elapsed_seconds(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Nothing to wait for."""


Door = Callable[[str], JsonApi]


def _vastai(door: Door, clock: Clock) -> Provider:
    return VastProvider("vastai", VastApi(door(URL)), clock)


def _lambda(door: Door, clock: Clock) -> Provider:
    return LambdaProvider("lambda", LambdaApi(door(LAMBDA_URL)), clock)


def _runpod(door: Door, clock: Clock) -> Provider:
    graph = door(RUNPOD_URL + GRAPHQL_PATH)
    return RunpodProvider("runpod", RunpodApi(door(RUNPOD_URL), graph), clock)


def _tensordock(door: Door, clock: Clock) -> Provider:
    api = TensorDockApi(door(TENSORDOCK_URL))
    return TensorDockProvider("tensordock", api, clock, account_of(_KEY))


_PROVIDERS: Mapping[str, tuple[type[FaceWire], Any, Callable[[Door, Clock], Provider]]] = {
    "vastai": (VastWire, vast, _vastai),
    "lambda": (LambdaWire, lambda_cloud, _lambda),
    "runpod": (RunpodWire, runpod, _runpod),
    "tensordock": (TensorDockWire, tensordock, _tensordock),
}


@dataclass(frozen=True, slots=True)
class _Life:
    """What is asked of one provider: its best offer, and the id of the machine made of it."""

    request: CreateRequest
    machine: str

    def ask(self, provider: Provider, verb: str) -> Awaitable[object]:
        match verb:
            case "list_offers":
                return provider.list_offers(OfferQuery())
            case "create_instance":
                return provider.create_instance(self.request)
            case "get_instance":
                return provider.get_instance(self.machine)
            case "destroy_instance":
                return provider.destroy_instance(self.machine)
        without_arguments: Awaitable[object] = getattr(provider, verb)()
        return without_arguments


VERBS = (
    "list_offers",
    "create_instance",
    "list_instances",
    "get_instance",
    "balance",
    "list_volumes",
    "destroy_instance",
)


@cache
def recorded(name: str) -> tuple[_Life, tuple[Shape, ...]]:
    """One life of a machine at a provider, and every shape of answer that it met."""
    return run_virtual(lambda: _lived(name))


async def _lived(name: str) -> tuple[_Life, tuple[Shape, ...]]:
    wire_of, face, made = _PROVIDERS[name]
    told: dict[str, Told] = {}
    ever: dict[str, Told] = {}
    met: list[tuple[str, dict[str, Told]]] = []
    with small_world(market_offer(), market_offer("o2", spot=True)) as world:
        clock = LoopClock(START)
        wire = wire_of(world, clock)

        def door(url: str) -> JsonApi:
            api = _Recorder(
                parse_api_base(url), face.key_of(world), clock, lambda: 0.5, transport=wire
            )
            api.heard = told.__setitem__
            return api

        life = _Life(await _request(made(door, clock)), "")
        for verb in VERBS:
            told.clear()
            provider = made(door, clock)
            answered = await life.ask(provider, verb)
            life = _Life(life.request, getattr(answered, "instance_id", life.machine))
            met.append((verb, dict(told)))
            ever.update(told)
            await provider.close()
            await clock.sleep(600)
    return life, tuple(
        Shape(name, verb, endpoint, {**ever, **good}) for verb, good in met for endpoint in good
    )


async def _request(provider: Provider) -> CreateRequest:
    offers = (await provider.list_offers(OfferQuery())).offers
    await provider.close()
    on_demand = next(one for one in offers if not one.spot)
    return CreateRequest(
        str(_MARK), on_demand, 50 * GIB, None, {}, START + timedelta(hours=4), (_PUBLIC_KEY,)
    )


@cache
def shapes() -> Mapping[str, Shape]:
    """Every shape of every provider, by its name."""
    return {one.name: one for name in _PROVIDERS for one in recorded(name)[1]}


def some_answer(chance: random.Random, spoil: Callable[[bytes, random.Random], bytes]) -> bytes:
    """A good answer of one endpoint, broken by ``spoil``."""
    shape = shapes()[chance.choice(list(shapes()))]
    status = chance.choice(STATUSES)
    good = shape.good[shape.endpoint].text.encode()
    return f"{shape.name}\n{status}\n".encode() + spoil(good, chance)


def read_answer(data: bytes) -> None:
    """Ask the verb over. Raises a ``GpuShopperError`` where the answer is refused, in few words
    that any terminal may be shown.
    """
    name, status, text = data.split(b"\n", 2)  # a body of one that was broken may have more
    shape = shapes()[name.decode()]
    said = Told(int(status), text.decode("utf-8", "replace"))
    answers = {**shape.good, shape.endpoint: said}

    def door(url: str) -> JsonApi:
        api = _Teller(parse_api_base(url), _KEY, _STILL, lambda: 0.5)
        api.answers = answers
        return api

    life = recorded(shape.provider)[0]
    provider = _PROVIDERS[shape.provider][2](door, _STILL)
    try:
        _loop().run_until_complete(_waited_for(life.ask(provider, shape.verb)))
    except GpuShopperError as error:
        words = "\n".join(error.lines())
        if len(words) > LONGEST_WORDS or not words.replace("\n", "").isprintable():
            raise AssertionError(f"words that nobody can print: {words!r}") from error
        raise


_STILL = _Still()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all inputs: making it takes longer than an input."""
    made = asyncio.new_event_loop()
    atexit.register(made.close)
    return made


async def _waited_for(question: Awaitable[object]) -> object:
    return await question
