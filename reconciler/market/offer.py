"""What the market has to rent."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple


class MarketOffer(NamedTuple):
    """One side (on-demand or spot) of one kind of node; money in micro-dollars an hour.

    A named tuple, in the column order of the table, because a listing makes one for each of up to
    100 000 rows. ``base_microusd`` is the price of the whole node without disk, around which it
    moves; ``stock`` is how many such nodes exist, shared by the offers of one ``capacity_key``.
    """

    id: str
    gpu: str
    gpu_count: int
    gpu_memory_bytes: int
    base_microusd: int
    disk_microusd_per_gib: int
    vcpus: int | None
    memory_bytes: int | None
    disk_bytes_max: int | None
    cuda: str | None
    region: str
    country: str | None
    host: str | None
    spot: int
    reliability: str | None
    verified: int | None
    hosting: str | None
    stock: int
    capacity_key: str


class Quote(NamedTuple):
    """An offer as it stands at one moment."""

    offer: MarketOffer
    microusd_per_hour: int
    available: int


AS_OFFER = partial(tuple.__new__, MarketOffer)
"""As ``MarketOffer._make``, of rows whose length is known: in half the time."""
AS_QUOTE = partial(tuple.__new__, Quote)
"""The same for quotes."""
