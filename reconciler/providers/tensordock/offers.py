"""TensorDock's host nodes as offers: a few sizes of machine on each, and what cannot be used.

A machine's price is that of its parts. Processors and memory are chosen freely there; here they
come in three sizes for each GPU.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import ROUND_UP, Decimal
from typing import Literal

from pydantic import ValidationError

from reconciler.model.gpu import GpuModel, resolve_offered
from reconciler.model.offer import Ability, Offer
from reconciler.model.quantity import GIB
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.providers.tensordock.wire import Host, HostGpu, misfit

STORAGE_GB_MIN = 100
LACKS: frozenset[Ability] = frozenset({"image", "spot", "node_timer"})
RAM_GB = frozenset({2, 4, 6, 8, 10, *range(16, 257, 16), 512})
"""What they sell."""
SIZES = ((4, 16), (8, 32), (16, 64))
"""Virtual processors and GB of memory beside one GPU."""
COUNTS = frozenset({1, 2, 4, 8})
_BETWEEN = ":"
_MICRO = Decimal("0.000001")
_VRAM = re.compile(r"-(\d{1,4})gb$")
_COUNTRIES = {
    "australia": "AU", "austria": "AT", "belgium": "BE", "bulgaria": "BG", "canada": "CA",
    "czechia": "CZ", "denmark": "DK", "finland": "FI", "france": "FR", "germany": "DE",
    "iceland": "IS", "india": "IN", "ireland": "IE", "italy": "IT", "japan": "JP",
    "netherlands": "NL", "norway": "NO", "poland": "PL", "portugal": "PT", "romania": "RO",
    "singapore": "SG", "south korea": "KR", "spain": "ES", "sweden": "SE", "switzerland": "CH",
    "taiwan": "TW", "united kingdom": "GB", "united states": "US",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ordered:
    """What stands behind an offer's id."""

    hostnode: str
    gpu: str
    gpu_count: int
    vcpus: int
    ram_gb: int

    def __str__(self) -> str:
        parts = (self.hostnode, self.gpu, self.gpu_count, self.vcpus, self.ram_gb)
        return _BETWEEN.join(map(str, parts))


def ordered_of(offer_id: str) -> Ordered | None:
    """None for an id that is not one of ours."""
    match offer_id.split(_BETWEEN):
        case [host, gpu, count, vcpus, ram] if all(
            one.isascii() and one.isdigit() and len(one) < 6 for one in (count, vcpus, ram)
        ):
            return Ordered(host, gpu, int(count), int(vcpus), int(ram))
    return None


def offers_of(
    provider: str, rows: Iterable[object], counts: frozenset[int], unusable: Counter[str]
) -> list[Offer]:
    """``counts``: GPUs of one node; none = the usual ones. What cannot be used is counted."""
    found: list[Offer] = []
    for raw in rows:
        try:
            host = Host.model_validate(raw)
        except ValidationError as error:
            unusable[misfit(error)] += 1
            continue
        if host.available_resources.has_public_ip_available is False:
            # Only an address of its own has port 22: forwarded ports are dropped at some places.
            unusable["a host without a public address"] += 1
            continue
        for listed in host.available_resources.gpus:
            try:
                found += _on(provider, host, HostGpu.model_validate(listed), counts or COUNTS)
            except ValidationError as error:
                unusable[misfit(error)] += 1
            except ValueError as error:
                unusable[str(error)] += 1
    return found


def _on(provider: str, host: Host, gpu: HostGpu, counts: frozenset[int]) -> list[Offer]:
    model = model_of(gpu.v0Name)
    if model is None:
        raise ValueError(f"unknown GPU {printable(gpu.v0Name, 40)}")
    if gpu.price_per_hr <= 0:
        raise ValueError("a price of nothing")
    return [
        _offer(provider, host, gpu, model, Ordered(host.id, gpu.v0Name, count, vcpus, ram))
        for count in sorted(counts)
        if count <= gpu.availableCount
        for vcpus, ram in _sizes(host, count)
    ]


def _sizes(host: Host, count: int) -> Iterator[tuple[int, int]]:
    """Those that the host can make, smallest first."""
    free = host.available_resources
    cpus = _least(free.max_vcpus, free.vcpu_count, _times(free.max_vcpus_per_gpu, count))
    memory = _least(free.max_ram_gb, free.ram_gb, _times(free.max_ram_per_gpu, count))
    for one_cpus, one_ram in SIZES:
        vcpus, ram = one_cpus * count, one_ram * count
        if (cpus is None or vcpus <= cpus) and (memory is None or ram <= memory) and ram in RAM_GB:
            yield vcpus, ram


def _offer(provider: str, host: Host, gpu: HostGpu, model: GpuModel, ordered: Ordered) -> Offer:
    free, where, pricing = host.available_resources, host.location, host.pricing
    place = [text for text in (where.city, where.stateprovince, where.country) if text]
    price = gpu.price_per_hr * ordered.gpu_count
    price += pricing.per_vcpu_hr * ordered.vcpus + pricing.per_gb_ram_hr * ordered.ram_gb
    storage = _least(free.max_storage_gb, free.storage_gb)
    return Offer(
        provider=provider,
        id=str(ordered),
        gpu=model.name,
        gpu_count=ordered.gpu_count,
        gpu_memory_bytes=_memory(gpu.v0Name) or model.memory_bytes,
        # No disk is smaller than this, so that a quote is never too low.
        usd_per_hour=(price + pricing.per_gb_storage_hr * STORAGE_GB_MIN).quantize(
            _MICRO, rounding=ROUND_UP
        ),
        disk_usd_per_gib_hour=pricing.per_gb_storage_hr,
        vcpus=ordered.vcpus,
        memory_bytes=ordered.ram_gb * GIB,
        disk_bytes_max=None if storage is None else int(storage) * GIB,
        cuda=None,
        region=printable(", ".join(dict.fromkeys(place)), 60) or "unknown",
        country=_COUNTRIES.get((where.country or "").strip().lower()),
        host=f"hostnode-{host.id}",
        spot=False,
        reliability=_share(host.uptime_percentage),
        verified=None,
        hosting=_hosting(where.tier),
        stock=gpu.availableCount // ordered.gpu_count,
        # All sizes of machine on one host share its GPUs.
        capacity_key=f"{host.id}{_BETWEEN}{gpu.v0Name}",
        lacks=LACKS,
    )


def model_of(v0_name: str) -> GpuModel | None:
    return resolve_offered("tensordock", v0_name, _memory(v0_name))


def _memory(v0_name: str) -> int | None:
    match = _VRAM.search(v0_name)
    return int(match[1]) * GIB if match and int(match[1]) else None


def _times(number: Decimal | None, count: int) -> Decimal | None:
    return None if number is None else number * count


def _least(*numbers: Decimal | None) -> Decimal | None:
    return min((one for one in numbers if one is not None), default=None)


def _share(percent: Decimal | None) -> Decimal | None:
    return percent / 100 if percent is not None and 0 <= percent <= 100 else None


def _hosting(tier: Decimal | None) -> Literal["datacenter", "community"] | None:
    """0 is somebody's home, 3 and 4 are data centres; what lies between nobody says."""
    if tier is None or tier in (1, 2):
        return None
    return "community" if tier == 0 else "datacenter"
