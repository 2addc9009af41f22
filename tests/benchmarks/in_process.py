"""Parts of a plan without the start of the command: the median of its processor seconds."""

from __future__ import annotations

from collections.abc import Callable
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
from reconciler.model.record import RecordedState
from reconciler.planning.planner import compute_plan
from reconciler.providers.simulated.translation import as_listing
from tests.benchmarks.workspaces import MARKET, MODELS, market_offers, open_market

if TYPE_CHECKING:
    from reconciler.model.fleet import DesiredState
    from reconciler.model.plan import Plan

RUNS = 5
_HEAD = "version: 1\nworkspace: bench\nproviders: {simulated: {}}\nfleets:\n"
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


CASES: dict[str, Callable[[Path], float]] = {
    "one_request": one_request,
    "hundred_fleets": hundred_fleets,
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
    return median(seconds)
