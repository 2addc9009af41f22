"""Three providers that differ in what they show, how fast they answer and what they allow."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from reconciler.market.machine import Machine
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import MarketSettings
from reconciler.market.units import microseconds
from reconciler.model.value import dataclass
from reconciler.providers.base import ProviderCapabilities
from tests.markets import market_offer
from tests.simulation.simulator.book import Book

_SECOND = timedelta(seconds=1)
OFFERS = 10
_CHEAP_CENTS = 24


@dataclass(frozen=True, slots=True)
class Place:
    """A provider: how its market behaves, and what its adapter says of itself beyond that."""

    name: str
    cents: int
    settings: MarketSettings
    truth: dict[str, Any]

    def capabilities(self, usual: ProviderCapabilities) -> ProviderCapabilities:
        """What its adapter says of itself; ``usual``: what that of such a market says."""
        known = _CAPABILITIES.get(self.name)
        if known is None or known[0] is not usual:
            known = _CAPABILITIES[self.name] = usual, replace(usual, **self.truth)
        return known[1]

    def offers(self) -> tuple[MarketOffer, ...]:
        """Like machines on hosts of their own, each a little dearer than the one before."""
        return _offers(self.name, self.cents)


@cache
def _offers(name: str, cents: int) -> tuple[MarketOffer, ...]:
    return tuple(
        market_offer(
            f"{name}-{number}",
            base_microusd=10_000 * cents + 5_000 * number,
            host=f"host-{name}-{number}",
            region=f"{name}-{number % 2}",
        )
        for number in range(OFFERS)
    )


_CAPABILITIES: dict[str, tuple[ProviderCapabilities, ProviderCapabilities]] = {}
"""By a place's name: the usual ones, of one market the same value each time, and its own."""


_BOOT: dict[str, Any] = {
    "placed_stage": _SECOND,
    "created_stage": 2 * _SECOND,
    "booting_stage": 5 * _SECOND,
}
PLACES = (
    # Shows each change at once, and takes any number of calls.
    Place(
        "alpha",
        40,
        MarketSettings(
            price_swing_percent=0,
            others_rent_percent=0,
            spot_life=None,
            list_lag=timedelta(0),
            destroy_time=4 * _SECOND,
            **_BOOT,
        ),
        {},
    ),
    # Slow and strict: its listings are ten seconds old, its calls go one after another.
    Place(
        "beta",
        41,
        MarketSettings(
            price_swing_percent=0,
            others_rent_percent=0,
            spot_life=None,
            list_lag=10 * _SECOND,
            destroy_time=15 * _SECOND,
            call_latency=2 * _SECOND,
            **_BOOT,
        ),
        {
            "parallel_calls": 1,
            "create_interval": 5 * _SECOND,
            "destroy_interval": 2 * _SECOND,
            "read_interval": _SECOND,
            "slow_answer": 2 * _SECOND,
        },
    ),
    # Lively: prices move, hosts fail while booting, others rent what was shown.
    Place(
        "gamma",
        39,
        MarketSettings(
            price_swing_percent=4,
            others_rent_percent=10,
            boot_failure_percent=15,
            spot_life=None,
            call_latency=_SECOND / 2,
            **_BOOT,
        ),
        {"parallel_calls": 4},
    ),
)


class Market:
    """The three worlds of one run, and the ledger that only a judge reads.

    ``busiest``: the place that is far cheaper than the others, if there is one.
    """

    def __init__(self, seed: int, busiest: str = "") -> None:
        self.worlds = {}
        for one in PLACES:
            place = replace(one, cents=_CHEAP_CENTS) if one.name == busiest else one
            world = Book.opened(place.name, seed, place.offers(), place.settings)
            self.worlds[place.name] = world

        self.rises: dict[tuple[str, str], list[tuple[int, int]]] = {}
        """By (provider, id): when each rate rose, and what it was before, in micro-dollars."""

    def raise_rate(self, place: str, machine: Machine, percent: int, now: datetime) -> None:
        before = (microseconds(now), machine.gpu_microusd)
        self.rises.setdefault((place, machine.id), []).append(before)
        self.worlds[place].raise_rate(machine.id, percent)

    def close(self) -> None:
        for world in self.worlds.values():
            world.close()

    def billed(self, now: datetime) -> list[tuple[str, Machine]]:
        """Whatever listings say: (provider, machine) of all that are charged for at ``now``."""
        at = microseconds(now)
        return [
            (name, one)
            for name, world in self.worlds.items()
            for one in world.machines()
            if one.created <= at and (one.gone is None or at < one.gone)
        ]
