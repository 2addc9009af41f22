"""The market that a newcomer finds: about two hundred hosts, three hundred offers, one seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.market.chance import draw, happens
from reconciler.market.offer import MarketOffer
from reconciler.market.price_levels import PRICE_LEVELS
from reconciler.market.units import microusd
from reconciler.model.gpu import gpu_model

GIB = 2**30
# 0.10 and 0.14 dollars for a GiB-month of 730 hours
_DISK_PRICES_MICROUSD = (137, 192)
_PRICE_STEP_MICROUSD = 1_000


class _Breed(NamedTuple):
    """Hosts with one GPU model: how many of each node size, and what stands beside one GPU."""

    hosts_by_count: dict[int, int]
    datacenter_percent: int
    vcpus: int
    memory_gib: int
    cuda: tuple[str, ...]


_BREEDS = {
    "RTX3090": _Breed({1: 10, 2: 4, 4: 3, 8: 1}, 15, 8, 32, ("11.8", "12.4", "12.8")),
    "RTX4090": _Breed({1: 16, 2: 6, 4: 5, 8: 3}, 30, 12, 48, ("12.2", "12.4", "12.8")),
    "RTX5090": _Breed({1: 10, 2: 4, 4: 2, 8: 2}, 30, 16, 64, ("12.8", "12.9", "13.0")),
    "RTXA4000": _Breed({1: 8, 2: 3, 4: 2}, 50, 6, 24, ("12.2", "12.4")),
    "RTXA5000": _Breed({1: 6, 2: 2, 4: 1}, 50, 8, 32, ("12.2", "12.4")),
    "RTXA6000": _Breed({1: 7, 2: 3, 4: 2}, 60, 8, 48, ("12.2", "12.4", "12.8")),
    "RTX6000Ada": _Breed({1: 4, 2: 2, 4: 1}, 70, 12, 64, ("12.4", "12.8")),
    "RTXPRO6000-SERVER": _Breed({1: 4, 2: 2}, 80, 16, 128, ("12.8", "13.0")),
    "L4": _Breed({1: 4, 4: 1}, 100, 8, 32, ("12.2", "12.4")),
    "L40S": _Breed({1: 6, 2: 2, 4: 2, 8: 1}, 80, 16, 96, ("12.4", "12.8")),
    "A40": _Breed({1: 3, 2: 1}, 80, 9, 50, ("12.2", "12.4")),
    "A100-PCIE-80GB": _Breed({1: 6, 2: 2, 4: 2}, 80, 16, 117, ("12.2", "12.4", "12.8")),
    "A100-SXM-80GB": _Breed({1: 4, 4: 3, 8: 4}, 100, 16, 125, ("12.2", "12.4", "12.8")),
    "H100-PCIE": _Breed({1: 4, 2: 2}, 90, 16, 176, ("12.4", "12.8")),
    "H100-NVL": _Breed({1: 3, 2: 2}, 100, 16, 94, ("12.4", "12.8")),
    "H100-SXM": _Breed({1: 5, 2: 3, 4: 3, 8: 8}, 100, 24, 224, ("12.4", "12.8", "13.0")),
    "H200-SXM": _Breed({1: 3, 4: 2, 8: 4}, 100, 24, 240, ("12.4", "12.8", "13.0")),
    "B200": _Breed({1: 2, 8: 3}, 100, 28, 256, ("12.8", "13.0")),
    "MI300X": _Breed({1: 2, 8: 2}, 100, 20, 240, ()),
}

_REGIONS = (
    ("nl-amsterdam", "NL"), ("us-virginia", "US"), ("jp-tokyo", "JP"), ("de-frankfurt", "DE"),
    ("us-texas", "US"), ("fi-helsinki", "FI"), ("sg-singapore", "SG"), ("us-oregon", "US"),
    ("se-stockholm", "SE"), ("ca-montreal", "CA"), ("no-oslo", "NO"), ("kr-seoul", "KR"),
    ("us-iowa", "US"), ("fr-paris", "FR"), ("cz-prague", "CZ"), ("tw-taipei", "TW"),
    ("gb-london", "GB"), ("us-utah", "US"), ("pl-warsaw", "PL"), ("ca-vancouver", "CA"),
    ("es-madrid", "ES"), ("in-mumbai", "IN"), ("it-milan", "IT"),
)  # fmt: skip


class _Host(NamedTuple):
    number: int
    gpu: str
    gpu_count: int
    datacenter: bool
    region: str
    country: str

    @property
    def name(self) -> str:
        return f"host-{self.number:04d}"


def default_offers(seed: int) -> Iterator[MarketOffer]:
    """The offers of this seed; every seed has the same GPU models and node sizes."""
    for host in _hosts(seed):
        offer = _on_demand(seed, host)
        yield offer
        if happens(seed, "has spot", host.name, percent=50):
            yield _spot(seed, offer)


def _hosts(seed: int) -> Iterator[_Host]:
    number = draw(seed, "first region", below=len(_REGIONS))
    for gpu, breed in _BREEDS.items():
        for gpu_count, hosts in breed.hosts_by_count.items():
            for _ in range(hosts):
                number += 1
                # round and round, so that no model is missing from a continent by bad luck
                region, country = _REGIONS[number % len(_REGIONS)]
                datacenter = happens(seed, "datacenter", number, percent=breed.datacenter_percent)
                yield _Host(number, gpu, gpu_count, datacenter, region, country)


def _on_demand(seed: int, host: _Host) -> MarketOffer:
    breed = _BREEDS[host.gpu]
    reliability = _reliability_thousandths(seed, host)
    return MarketOffer(
        id=f"{host.name}-od",
        gpu=host.gpu,
        gpu_count=host.gpu_count,
        gpu_memory_bytes=gpu_model(host.gpu).memory_bytes,
        base_microusd=_gpu_price(seed, host) * host.gpu_count,
        disk_microusd_per_gib=_DISK_PRICES_MICROUSD[host.datacenter],
        vcpus=breed.vcpus * host.gpu_count,
        memory_bytes=breed.memory_gib * host.gpu_count * GIB,
        disk_bytes_max=(500 + 500 * draw(seed, "disk", host.name, below=8)) * GIB,
        cuda=breed.cuda[draw(seed, "cuda", host.name, below=len(breed.cuda))]
        if breed.cuda
        else None,
        region=host.region,
        country=host.country,
        host=host.name,
        spot=False,
        reliability=f"0.{reliability:03d}",
        verified=host.datacenter or reliability >= 975,
        hosting="datacenter" if host.datacenter else "community",
        stock=2 + draw(seed, "stock", host.name, below=4) if host.datacenter else 1,
        capacity_key=host.name,
    )


def _spot(seed: int, offer: MarketOffer) -> MarketOffer:
    percent = PRICE_LEVELS[offer.gpu].spot_percent - 5
    percent += draw(seed, "spot", offer.capacity_key, below=11)
    price = offer.base_microusd * percent // 100 // _PRICE_STEP_MICROUSD * _PRICE_STEP_MICROUSD
    return offer._replace(id=f"{offer.capacity_key}-spot", base_microusd=price, spot=True)


def _gpu_price(seed: int, host: _Host) -> int:
    """Between low and high with the middle at typical; datacenters lie in the upper two thirds."""
    level = PRICE_LEVELS[host.gpu]
    low, typical, high = map(microusd, level[:3])
    place = draw(seed, "price level", host.name, below=667) + (333 if host.datacenter else 0)
    if place < 500:
        price = low + (typical - low) * place // 500
    else:
        price = typical + (high - typical) * (place - 500) // 500
    return price // _PRICE_STEP_MICROUSD * _PRICE_STEP_MICROUSD


def _reliability_thousandths(seed: int, host: _Host) -> int:
    if host.datacenter:
        return 980 + draw(seed, "reliability", host.name, below=20)
    return 900 + draw(seed, "reliability", host.name, below=100)
