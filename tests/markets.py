"""Small markets for tests: calm, in memory, with offers that the test chooses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.market.machine import Order
from reconciler.market.offer import MarketOffer
from reconciler.market.settings import CALM, MarketSettings
from reconciler.market.world import World

GIB = 2**30
START = datetime(2026, 7, 1, 12, tzinfo=UTC)
_RTX4090 = MarketOffer(
    id="o1",
    gpu="RTX4090",
    gpu_count=1,
    gpu_memory_bytes=24 * GIB,
    base_microusd=400_000,
    disk_microusd_per_gib=137,
    vcpus=12,
    memory_bytes=48 * GIB,
    disk_bytes_max=1000 * GIB,
    cuda="12.4",
    region="nl-amsterdam",
    country="NL",
    host="host-1",
    spot=False,
    reliability="0.990",
    verified=True,
    hosting="datacenter",
    stock=1,
    capacity_key="host-1",
)


def market_offer(offer_id: str = "o1", **changes: Any) -> MarketOffer:
    """One RTX 4090 at 0.40 $/h; a capacity of its own unless ``changes`` names one."""
    return _RTX4090._replace(**{"id": offer_id, "capacity_key": f"host of {offer_id}", **changes})


def small_world(
    *offers: MarketOffer,
    path: Path | None = None,
    seed: int = 7,
    settings: MarketSettings = CALM,
    speed: float = 1.0,
) -> World:
    """A calm world with one RTX 4090, or with ``offers``, whose clock starts at ``START``."""
    return World.create(
        path,
        seed=seed,
        started_at=START,
        wall_origin=START,
        speed=speed,
        offers=offers or (market_offer(),),
        settings=settings,
    )


def order(offer_id: str = "o1", label: str | None = "a-label", gib: int = 50) -> Order:
    return Order(offer_id, label, gib * GIB)
