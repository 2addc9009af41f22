"""Vast.ai's asks as offers: units, prices, and what cannot be used and why."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Literal

from reconciler.model.gpu import resolve_offered
from reconciler.model.offer import Ability, Offer
from reconciler.model.quantity import GIB
from reconciler.model.text import printable

if TYPE_CHECKING:
    from reconciler.providers.vastai.wire import OfferRow

MIB = 2**20
HOURS_PER_MONTH = 720
"""What a GB-month is: a month of 30 days."""
SEARCH_DISK_GB = 8
"""The disk that searches name, so that ``dph_total`` says what it includes."""
# Between the search and the create lie a person's answer and a few pages.
_ASKING_TAKES = timedelta(minutes=15)
# One ask is rented on-demand or by bid: two offers, and offers have ids of their own.
_BID = "-bid"
LACKS: frozenset[Ability] = frozenset({"vm_image"})
_MICRO = Decimal("0.000001")
_NANO = Decimal("0.000000001")
_HOSTING: dict[Decimal, Literal["datacenter", "community"]] = {
    Decimal(0): "community",
    Decimal(1): "datacenter",
}


def as_offer(provider: str, row: OfferRow, *, spot: bool) -> Offer:
    """Raises ValueError with a reason in our own words where the row cannot be used.

    Their GB of disk is read as a GiB, because that is what a container's disk is measured in.
    """
    memory_bytes = _bytes(row.gpu_ram)
    model = resolve_offered("vastai", row.gpu_name, memory_bytes)
    if model is None:
        raise ValueError(f"unknown GPU {printable(row.gpu_name, 40)}")
    disk_rate = (row.storage_cost / HOURS_PER_MONTH).quantize(_NANO, rounding=ROUND_UP)
    where = printable(row.geolocation or "", 60)
    machine = f"machine-{row.machine_id}" if row.machine_id else None
    return Offer(
        provider=provider,
        id=f"{row.id}{_BID}" if spot else row.id,
        gpu=model.name,
        gpu_count=row.num_gpus,
        gpu_memory_bytes=memory_bytes or model.memory_bytes,
        usd_per_hour=_bid(row) if spot else _on_demand(row),
        disk_usd_per_gib_hour=disk_rate,
        vcpus=_whole(row.cpu_cores_effective),
        memory_bytes=_share_of_memory(row),
        disk_bytes_max=None if row.disk_space is None else int(row.disk_space) * GIB,
        cuda=row.cuda_max_good,
        region=where or "unknown",
        country=_country(where),
        host=machine,
        spot=spot,
        reliability=row.reliability2 if row.reliability is None else row.reliability,
        verified=None if row.verification is None else row.verification == "verified",
        hosting=None if row.hosting_type is None else _HOSTING.get(row.hosting_type),
        stock=1,
        # All asks of one machine share its GPUs: at most one of them is taken in a plan.
        capacity_key=machine or f"ask-{row.id}",
        rentable_for=_rentable_for(row),
        lacks=LACKS,
    )


def ask_of(offer_id: str) -> str:
    """The ask behind an offer, as the create names it."""
    return offer_id.removesuffix(_BID)


def _on_demand(row: OfferRow) -> Decimal:
    """The node without its disk: the dearer of what the row says in two ways."""
    base = row.dph_base
    if row.dph_total is not None:
        base = max(base, row.dph_total - row.storage_cost * SEARCH_DISK_GB / HOURS_PER_MONTH)
    if base <= 0:
        raise ValueError("a price of nothing")
    return base.quantize(_MICRO, rounding=ROUND_UP)


def _bid(row: OfferRow) -> Decimal:
    if not row.min_bid:
        raise ValueError("no usable min_bid")
    return row.min_bid.quantize(_MICRO, rounding=ROUND_UP)


def _bytes(mib: Decimal | None) -> int | None:
    return int(mib * MIB) if mib is not None and mib > 0 else None


def _whole(number: Decimal | None) -> int | None:
    return int(number) if number is not None and number >= 1 else None


def _share_of_memory(row: OfferRow) -> int | None:
    """``cpu_ram`` is the whole machine's; a part of its processors has that part of it."""
    share: Decimal | None = row.gpu_frac
    if row.cpu_cores and row.cpu_cores_effective is not None:
        share = row.cpu_cores_effective / row.cpu_cores
    if row.cpu_ram is None or share is None or not share > 0:
        return None
    return int(row.cpu_ram * min(share, Decimal(1)) * MIB)


def _country(where: str) -> str | None:
    last = where.rpartition(",")[2].strip()
    return last if len(last) == 2 and last.isascii() and last.isupper() else None


def _rentable_for(row: OfferRow) -> timedelta | None:
    """How long it may be rented from now, a little less; None where the row does not say."""
    if row.duration is None:
        return None
    seconds = min(max(int(row.duration), 0), 10**9)
    return max(timedelta(0), timedelta(seconds=seconds) - _ASKING_TAKES)
