"""What a new world starts with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from reconciler.market.chance import drawn_bytes
from reconciler.market.market_clock import Pace
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import MarketSettings
from reconciler.market.units import microseconds


def first_facts_of(
    seed: int, started_at: datetime, settings: MarketSettings, pace: Pace
) -> dict[str, str]:
    """All that a world remembers of its making; the account's id tells two markets apart."""
    drawn = drawn_bytes(seed, "account", microseconds(started_at)).hex()
    return {
        "seed": str(seed),
        "account": f"sim-{drawn[:6]}",
        "settings": settings.to_json(),
        **pace.to_facts(),
    }


def or_default(
    offers: Iterable[MarketOffer] | None, facts: Mapping[str, str]
) -> Iterable[MarketOffer]:
    """``offers``, or those that the world's seed makes."""
    if offers is not None:
        return offers
    from reconciler.market.default_world import default_offers  # only a new world needs it

    return default_offers(int(facts["seed"]))
