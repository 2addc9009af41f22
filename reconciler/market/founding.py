"""What a new world starts with, and which of two processes makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from reconciler.market.chance import drawn_bytes
from reconciler.market.errors import MarketError
from reconciler.market.market_clock import Pace
from reconciler.market.offer import MarketOffer
from reconciler.market.rows import fill, read_facts
from reconciler.market.settings import MarketSettings
from reconciler.market.storage import Storage
from reconciler.market.units import microseconds


def first_facts_of(
    seed: int, started_at: datetime, settings: MarketSettings, pace: Pace
) -> dict[str, str]:
    """All that a world remembers of its making; the account's id tells two markets apart."""
    return {
        "seed": str(seed),
        "account": account_of(seed, started_at),
        "settings": settings.to_json(),
        **pace.to_facts(),
    }


def account_of(seed: int, started_at: datetime) -> str:
    """The id of the account in a world that was made with these."""
    drawn = drawn_bytes(seed, "account", microseconds(started_at)).hex()
    return f"sim-{drawn[:6]}"


def facts_of(
    storage: Storage,
    first_facts: Mapping[str, str] | None,
    offers: Iterable[MarketOffer] | None,
    *,
    may_exist: bool,
) -> dict[str, str]:
    """The facts of the world in ``storage``, which is made of ``first_facts`` where there is none.

    Raises ``MarketError`` where there is none to be, or one that must not be.
    """
    with storage.transaction() as connection:
        if storage.is_empty(connection):
            if first_facts is None:
                raise MarketError(f"there is no simulated market in {storage.path}")
            storage.make_tables(connection)
            fill(connection, first_facts, _or_default(offers, first_facts))
        elif not may_exist:
            raise MarketError(f"a simulated market already exists in {storage.path}")
        return read_facts(connection)


def _or_default(
    offers: Iterable[MarketOffer] | None, facts: Mapping[str, str]
) -> Iterable[MarketOffer]:
    """``offers``, or those that the world's seed makes."""
    if offers is not None:
        return offers
    from reconciler.market.default_world import default_offers  # only a new world needs it

    return default_offers(int(facts["seed"]))
