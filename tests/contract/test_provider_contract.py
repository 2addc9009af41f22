"""The one conformance suite (``reconciler/conformance``), run by every provider that there is.

A provider joins by one ``Case`` in ``CASES``: how to open a fresh account on a clock, and how to
let its server misbehave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.clock import Clock
from reconciler.conformance.account import GIB, Account, Case, Check, Misbehaviour, run_check
from reconciler.conformance.suite import CHECKS
from reconciler.market.default_world import default_offers
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_text
from reconciler.market.faults import OPERATIONS, Fault, Operation
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World
from reconciler.providers.simulated.provider import SimulatedProvider
from tests.faces import (
    FaceWire,
    LambdaWire,
    RunpodWire,
    TensorDockWire,
    VastWire,
    lambda_provider,
    runpod_provider,
    tensordock_provider,
    vast_provider,
)

SECOND = timedelta(seconds=1)
_MARKET_FAULTS: dict[Misbehaviour, tuple[Operation, Fault, int | None]] = {
    "list-fails": ("list_instances", Fault(error="unavailable"), None),
    "list-is-cut": ("list_instances", Fault(shape="partial", keep=1), None),
    "read-fails": ("get_instance", Fault(error="unavailable"), None),
    "destroy-fails": ("destroy_instance", Fault(error="unavailable"), None),
    "create-answer-lost": ("create_instance", Fault(error="unavailable", done=True), 1),
    "status-unknown": ("list_instances", Fault(status="zombified"), None),
    "machine-stops": ("create_instance", Fault(stops_after=timedelta(0)), 1),
}


_OPENED: list[World] = []


@pytest.fixture(autouse=True)
def closed_worlds() -> Iterator[None]:
    """A provider closes its connections, not the vendor."""
    yield
    while _OPENED:
        _OPENED.pop().close()


def misbehaving(world: World) -> dict[Misbehaviour, Callable[[], None]]:
    """The simulated market's ways to misbehave, for whoever sells from it."""

    def begin(what: Misbehaviour) -> Callable[[], None]:
        operation, fault, times = _MARKET_FAULTS[what]
        return lambda: world.script_fault(fault, operation, times=times)

    def refuse_the_key() -> None:
        for operation in OPERATIONS:
            world.script_fault(Fault(error="auth-refused"), operation)

    return {**{what: begin(what) for what in _MARKET_FAULTS}, "key-refused": refuse_the_key}


def market(
    clock: Clock, seed: int, settings: MarketSettings, offers: list[MarketOffer] | None = None
) -> World:
    now = clock.now()
    world = World.create(
        None, seed=seed, started_at=now, wall_origin=now, settings=settings, offers=offers
    )
    _OPENED.append(world)
    return world


def simulated(clock: Clock) -> Account:
    world = market(clock, 3, CALM)
    provider = SimulatedProvider("simulated", world, clock)
    return Account(provider, clock, misbehaving(world))


def simulated_slow(clock: Clock) -> Account:
    world = market(clock, 4, replace(CALM, list_lag=40 * SECOND, call_latency=SECOND))
    provider = SimulatedProvider("slow", world, clock)
    return Account(provider, clock, misbehaving(world))


def vastai(clock: Clock) -> Account:
    wire = VastWire(market(clock, 3, CALM), clock)
    return Account(vast_provider(wire), clock, misbehaving_vast(wire))


def vastai_slow(clock: Clock) -> Account:
    world = market(clock, 4, replace(CALM, list_lag=90 * SECOND))
    wire = VastWire(world, clock, latency=5 * SECOND)
    return Account(vast_provider(wire, name="slow"), clock, misbehaving_vast(wire))


def misbehaving_vast(wire: VastWire) -> dict[Misbehaviour, Callable[[], None]]:
    """A page that fails, because their listing is one of pages."""

    def later_pages_fail(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        return as_text(502, "bad gateway") if "after_token" in request.query else answer

    def cut() -> None:
        wire.change = later_pages_fail

    return {**misbehaving(wire.world), "list-is-cut": cut}


def single(seed: int) -> list[MarketOffer]:
    """A provider that does not say how many there are has one of everything."""
    return [offer._replace(stock=1) for offer in default_offers(seed)]


def lambda_account(clock: Clock) -> Account:
    # a machine that is not launched yet cannot be ended there
    world = market(clock, 3, replace(CALM, placed_stage=0 * SECOND), single(3))
    return Account(lambda_provider(LambdaWire(world, clock)), clock, misbehaving(world))


def lambda_slow(clock: Clock) -> Account:
    settings = replace(CALM, placed_stage=0 * SECOND, list_lag=90 * SECOND)
    world = market(clock, 4, settings, single(4))
    wire = LambdaWire(world, clock, latency=5 * SECOND)
    return Account(lambda_provider(wire, name="slow"), clock, misbehaving(world))


def runpod(clock: Clock) -> Account:
    wire = RunpodWire(market(clock, 3, CALM), clock)
    return Account(runpod_provider(wire), clock, misbehaving_in_one_answer(wire, "pods"))


def runpod_slow(clock: Clock) -> Account:
    world = market(clock, 4, replace(CALM, list_lag=90 * SECOND))
    wire = RunpodWire(world, clock, latency=5 * SECOND)
    misbehave = misbehaving_in_one_answer(wire, "pods")
    return Account(runpod_provider(wire, name="slow"), clock, misbehave)


def tensordock(clock: Clock) -> Account:
    # whole nodes of one GPU: of larger ones parts are offered that the market does not sell
    offers = [one for one in single(3) if one.gpu_count == 1]
    wire = TensorDockWire(market(clock, 3, CALM, offers), clock)
    provider = tensordock_provider(wire)
    return Account(provider, clock, misbehaving(wire.world), disk_bytes_min=100 * GIB)


def tensordock_slow(clock: Clock) -> Account:
    offers = [one for one in single(4) if one.gpu_count == 1]
    world = market(clock, 4, replace(CALM, list_lag=90 * SECOND), offers)
    provider = tensordock_provider(TensorDockWire(world, clock, 5 * SECOND), name="slow")
    return Account(provider, clock, misbehaving(world), disk_bytes_min=100 * GIB)


def misbehaving_in_one_answer(
    wire: FaceWire, listing: str
) -> dict[Misbehaviour, Callable[[], None]]:
    """An answer that ends in the middle, because their listing has no pages."""

    def ends_early(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
        whole = request.method != "GET" or request.segments[-1] != listing
        return answer if whole else replace(answer, body=answer.body[:-2])

    def cut() -> None:
        wire.change = ends_early

    return {**misbehaving(wire.world), "list-is-cut": cut}


CASES = [
    Case("simulated", simulated),
    Case("simulated, slow", simulated_slow),
    Case("vastai", vastai),
    Case("vastai, slow", vastai_slow),
    Case("lambda", lambda_account),
    Case("lambda, slow", lambda_slow),
    Case("runpod", runpod),
    Case("runpod, slow", runpod_slow),
    Case("tensordock", tensordock),
    Case("tensordock, slow", tensordock_slow),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_provider_conforms(check: Check, case: Case) -> None:
    """A misbehaviour that a case does not know how to bring about fails here: none is skipped."""
    run_check(check, case)
