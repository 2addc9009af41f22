"""Records the cassettes: `python -m tests.cassettes.recording vastai`, or `make cassettes`.

Without a key the life is recorded from the provider's face of the simulated market, in virtual
time. With the provider's key in the environment it is recorded from the provider itself: it rents
the cheapest machine for some minutes, which costs some cents, never above
GPU_SHOPPER_CASSETTE_USD_PER_HOUR (0.30), and destroys it. A cassette says which of the two it is.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx
import vcr
from pydantic import BaseModel

from reconciler.clock import Clock, LoopClock, SystemClock
from reconciler.market.faces import lambda_cloud, runpod, tensordock, vast
from reconciler.market.faces.exchange import FaceRequest
from reconciler.market.settings import CALM
from reconciler.market.world import World
from reconciler.providers.base import Provider
from reconciler.providers.lambda_cloud import api as lambda_api
from reconciler.providers.lambda_cloud import wire as lambda_wire
from reconciler.providers.lambda_cloud.opening import open_lambda
from reconciler.providers.lambda_cloud.provider import LambdaProvider
from reconciler.providers.provider_type import Opening
from reconciler.providers.runpod import api as runpod_api
from reconciler.providers.runpod import wire as runpod_wire
from reconciler.providers.runpod.opening import open_runpod
from reconciler.providers.runpod.provider import RunpodProvider
from reconciler.providers.tensordock import api as tensordock_api
from reconciler.providers.tensordock import wire as tensordock_wire
from reconciler.providers.tensordock.opening import account_of, open_tensordock
from reconciler.providers.tensordock.provider import TensorDockProvider
from reconciler.providers.vastai import api as vast_api
from reconciler.providers.vastai import wire as vast_wire
from reconciler.providers.vastai.opening import open_vastai
from reconciler.providers.vastai.provider import VastProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi
from tests.cassettes.life import Life, live
from tests.cassettes.scrubbing import Scrubber, secrets_in
from tests.markets import START, small_world
from tests.simulation.shop import several_offers
from tests.virtual_time import run_virtual

DATA = Path(__file__).with_name("data")
MATCH_ON = ("method", "scheme", "host", "path", "query", "body")


@dataclass(frozen=True)
class Recorded:
    """How one provider is recorded and played: a provider joins by one of these.

    ``door`` makes its adapter over a transport; None is the network. ``face`` answers as it does.
    ``key_variable``: where a real key is, and ``open_real`` what it opens.
    """

    name: str
    key_variable: str
    door: Callable[[str, Clock, httpx.AsyncBaseTransport | None], Provider]
    face: Callable[[], Any]
    face_key: Callable[[World], str]
    open_real: Callable[[Opening], Provider]
    fields: frozenset[str]
    origin: str
    pattern: str = ""
    account: tuple[str, str, Any] | None = None
    keys: tuple[str, ...] = ()
    """Who may log in, where an order without a key would look for those of the account."""

    @property
    def path(self) -> Path:
        return DATA / f"{self.name}.json"


def _door(url: str, key: str, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> JsonApi:
    return JsonApi(parse_api_base(url), key, clock, lambda: 0.5, transport=transport)


def _vast(key: str, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> Provider:
    door = _door(vast_api.DEFAULT_URL, key, clock, transport)
    return VastProvider("vastai", vast_api.VastApi(door), clock)


def _lambda(key: str, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> Provider:
    door = _door(lambda_api.DEFAULT_URL, key, clock, transport)
    return LambdaProvider("lambda", lambda_api.LambdaApi(door), clock)


def _runpod(key: str, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> Provider:
    url = runpod_api.DEFAULT_URL
    doors = (_door(one, key, clock, transport) for one in (url, url + runpod_api.GRAPHQL_PATH))
    return RunpodProvider("runpod", runpod_api.RunpodApi(*doors), clock)


def _tensordock(key: str, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> Provider:
    door = _door(tensordock_api.DEFAULT_URL, key, clock, transport)
    return TensorDockProvider(
        "tensordock", tensordock_api.TensorDockApi(door), clock, account_of(key)
    )


def _names(wire: ModuleType) -> frozenset[str]:
    """What the adapter reads, of every kind of row."""
    models = [one for one in vars(wire).values() if isinstance(one, type)]
    return frozenset(
        name for one in models if issubclass(one, BaseModel) for name in one.model_fields
    )


_ERRORS = frozenset({"success", "error", "msg", "message", "code", "data", "errors"})
RECORDED = {
    "lambda": Recorded(
        "lambda",
        "LAMBDA_API_KEY",
        _lambda,
        lambda_cloud.LambdaFace,
        lambda_cloud.key_of,
        open_lambda,
        _names(lambda_wire) | _ERRORS | {"gpus", "key", "value"},
        "https://cloud.lambda.ai",
        pattern="gpu_[a-z0-9_]+",
        account=("resource_owner_lrn", "resource_owner_lrn", "lrn:cloud:account:of-somebody-else"),
    ),
    "runpod": Recorded(
        "runpod",
        "RUNPOD_API_KEY",
        _runpod,
        runpod.RunpodFace,
        runpod.key_of,
        open_runpod,
        _names(runpod_wire)
        | _ERRORS
        | {"pods", "gpus", "myself", "direct", "proxy", "ports", "secure", "community", "cloud"}
        | {"GPU_SHOPPER_NODE", "pool", "available", "title", "detail"},
        runpod_api.DEFAULT_URL,
        account=("myself", "myself", {"id": "user_somebody", "clientBalance": 25.0}),
    ),
    "tensordock": Recorded(
        "tensordock",
        "TENSORDOCK_API_TOKEN",
        _tensordock,
        tensordock.TensorDockFace,
        tensordock.key_of,
        open_tensordock,
        _names(tensordock_wire)
        | _ERRORS
        | {"attributes", "count", "hostnodes", "instances", "ip_address", "port_forwards"}
        | {"internal_port", "external_port", "price_per_hour", "type"},
        "https://dashboard.tensordock.com",
        pattern="[a-z0-9]+-[a-z0-9]+-[0-9]+gb",
        keys=("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPv3mJ8mC1rYvH4qJ3b7e2pYk0x4p6r1q8s9t0u1v2w3",),
    ),
    "vastai": Recorded(
        "vastai",
        "VAST_API_KEY",
        _vast,
        vast.VastFace,
        vast.key_of,
        open_vastai,
        _names(vast_wire) | _ERRORS | {"new_contract", "offers", "22/tcp", "HostIp", "HostPort"},
        vast_api.DEFAULT_URL,
        account=("email", "id", 1),
    ),
}


@contextmanager
def _recording(one: Recorded, path: Path) -> Iterator[None]:
    path.unlink(missing_ok=True)  # else what is recorded is added to what was
    scrubber = Scrubber(one.fields, one.pattern, one.account)
    recorder = vcr.VCR(
        serializer="json",
        record_mode="all",
        match_on=MATCH_ON,
        before_record_request=scrubber.request,
        before_record_response=scrubber.answer,
    )
    with recorder.use_cassette(str(path)):
        yield


def record_from_face(one: Recorded, path: Path) -> Life:
    """One life at the provider's face, in virtual time; always the same bytes."""

    async def told() -> Life:
        settings = replace(CALM, list_lag=timedelta(seconds=20), placed_stage=timedelta(0))
        with small_world(*several_offers(), settings=settings) as world:
            clock = LoopClock(START)
            app = _app(one.face(), world, clock)
            provider = one.door(one.face_key(world), clock, httpx.ASGITransport(app=app))
            try:
                with _recording(one, path):
                    return await live(provider, clock, Decimal(1), one.keys)
            finally:
                await provider.close()

    life = run_virtual(told)
    _label(path, "recorded from the face of the simulated market, not from the provider")
    return life


def record_from_provider(
    one: Recorded, path: Path, environ: Mapping[str, str], most: Decimal
) -> Life:
    """One life at the provider itself, in wall time. Costs money.

    Where ``environ`` names another address, the cassette says so. What was recorded before stays
    until a whole life without a secret takes its place.
    """

    origins: list[str] = []

    async def told(path: Path) -> Life:
        clock = SystemClock()
        provider = one.open_real(Opening(one.name, environ, clock))
        origins.append(provider.origin)
        try:
            with _recording(one, path):
                return await live(provider, clock, most, one.keys)
        finally:
            await provider.close()

    fresh = path.with_suffix(".new")
    try:
        life = anyio.run(told, fresh)
        found = secrets_in(fresh.read_text(), [environ[one.key_variable]])
        if found:
            raise SystemExit(f"the cassette was thrown away: it holds {found[0]}")
        where = "the provider itself" if origins == [one.origin] else f"a server at {origins[0]}"
        _label(fresh, f"recorded from {where}, scrubbed by a list of what may be kept")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return life


def play(one: Recorded, path: Path) -> Life:
    """The recorded life through the adapter of today; a request that was not recorded fails."""

    async def told() -> Life:
        clock = LoopClock(START)
        provider = one.door("k" * 64, clock, None)
        player = vcr.VCR(serializer="json", record_mode="none", match_on=MATCH_ON)
        try:
            with player.use_cassette(str(path)) as cassette:
                life = await live(provider, clock, Decimal(1000), one.keys)
                assert cassette.all_played, "the adapter asks less than it did"
                return life
        finally:
            await provider.close()

    return run_virtual(told)


def _label(path: Path, where: str) -> None:
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({"recorded": where, **kept}, indent=1, sort_keys=True) + "\n")


def _app(face: Any, world: World, clock: Clock) -> Any:
    """The face as an ASGI application, which is what vcrpy can listen to without a socket."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        target = scope["raw_path"].decode()
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        request = FaceRequest.of(scope["method"], target, headers, body)
        answer = face.handle_at(world, request, clock.now())
        named = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": named})
        await send({"type": "http.response.body", "body": answer.body})

    return app


def main(names: list[str]) -> None:
    for name in names or sorted(RECORDED):
        one = RECORDED[name]
        if os.environ.get(one.key_variable):
            most = Decimal(os.environ.get("GPU_SHOPPER_CASSETTE_USD_PER_HOUR", "0.30"))
            record_from_provider(one, one.path, os.environ, most)
        else:
            record_from_face(one, one.path)
        where = json.loads(one.path.read_text())["recorded"]
        sys.stdout.write(f"{one.path}: {where}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
