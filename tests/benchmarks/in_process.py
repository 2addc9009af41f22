"""Parts of a plan without the start of the command: the median of its processor seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

from reconciler.documents.loader import load_text
from reconciler.market.faults import HEALTHY
from reconciler.market.world import World
from reconciler.model.observation import Complete, ObservedState
from reconciler.model.offer import OfferBook
from reconciler.model.plan import Mode, PlanRequest
from reconciler.model.quantity import GIB
from reconciler.model.record import RecordedState
from reconciler.planning.planner import compute_plan
from reconciler.providers.simulated.translation import as_listing
from tests.benchmarks.workspaces import MARKET, MODELS, REGIONS, market_offers, open_market

if TYPE_CHECKING:
    from reconciler.market.offer import MarketOffer
    from reconciler.model.fleet import DesiredState
    from reconciler.model.plan import Plan

RUNS = 5
_HEAD = "version: 1\nworkspace: bench\nproviders: {simulated: {}}\nfleets:\n"
_GANG = """\
  train:
    nodes: 8
    gang: true
    placement: same_region
    resources: {gpu: 'H100-SXM:8'}
"""
_ONE = _HEAD + "  one: {resources: {gpu: H100-SXM}}\n"


def one_request(directory: Path) -> float:
    """The best offer for one fleet, out of a market file of 100 000 offers, reading included."""
    open_market(directory, market_offers(100_000))
    desired = load_text("fleets.yaml", _ONE.encode())
    models = frozenset(desired.fleets["one"].resources.gpu[0].models)
    return _seconds(lambda: _plan(desired, _read(directory, models)), creates=1)


def hundred_fleets(directory: Path) -> float:
    """A hundred fleets of one node, each the cheapest that is left, over 100 000 offers."""
    open_market(directory, market_offers(100_000))
    book = _read(directory, frozenset())
    blocks = [f"  f{n}: {{resources: {{gpu: {MODELS[n % len(MODELS)][0]}}}}}" for n in range(100)]
    desired = load_text("fleets.yaml", (_HEAD + "\n".join(blocks)).encode())
    return _seconds(lambda: _plan(desired, book), creates=100)


def gang_in_one_region(directory: Path) -> float:
    """Eight nodes of eight H100 in one region, or none, out of 5 000 offers in six regions."""
    open_market(directory, _eight_gpu_offers(5_000))
    book = _read(directory, frozenset())
    desired = load_text("fleets.yaml", (_HEAD + _GANG).encode())
    return _seconds(lambda: _plan(desired, book), creates=8)


def eight_gangs_in_one_region_each(directory: Path) -> float:
    """Eight such gangs that differ in their disk, so that they compete and the solver decides."""
    open_market(directory, _eight_gpu_offers(5_000))
    book = _read(directory, frozenset())
    blocks = [
        _GANG.replace("train:", f"train{n}:").replace("gpu:", f"disk: {100 + n}GB, gpu:")
        for n in range(8)
    ]
    desired = load_text("fleets.yaml", (_HEAD + "".join(blocks)).encode())
    return _seconds(lambda: _plan(desired, book), creates=64)


def _eight_gpu_offers(number: int) -> Iterator[MarketOffer]:
    for place, offer in enumerate(market_offers(number)):
        yield offer._replace(
            gpu="H100-SXM",
            gpu_count=8,
            gpu_memory_bytes=80 * GIB,
            base_microusd=20_000_000 + 997 * place % 5_000_000,
            region=REGIONS[place % len(REGIONS)][0],
        )


CASES: dict[str, Callable[[Path], float]] = {
    "one_request": one_request,
    "hundred_fleets": hundred_fleets,
    "gang_in_one_region": gang_in_one_region,
    "eight_gangs": eight_gangs_in_one_region_each,
}


def _read(directory: Path, models: frozenset[str]) -> OfferBook:
    with World.open(directory / MARKET) as world:
        now = world.clock().now()
        return OfferBook((as_listing("simulated", world.list_offers(now, models), now, HEALTHY),))


def _plan(desired: DesiredState, book: OfferBook) -> Plan:
    now = book.listings[0].read_at
    observed = ObservedState({"simulated": Complete("simulated", "bench", now, ())}, {}, {})
    state = RecordedState(workspace=desired.workspace, lineage="0" * 32)
    return compute_plan(desired, state, observed, book, now, PlanRequest(Mode.APPLY))


def _seconds(plan: Callable[[], Plan], *, creates: int) -> float:
    seconds = []
    for _ in range(RUNS):
        begun = process_time()
        made = plan()
        seconds.append(process_time() - begun)
        assert len(made.creates) == creates, made.findings
        assert not any("not proven" in finding.message for finding in made.findings)
    return median(seconds)
