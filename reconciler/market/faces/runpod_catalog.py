"""What RunPod sells: GPU types by data center and cloud, at list prices, with levels of stock.

The market has hosts with prices of their own; a shop with a price list sells each at the price of
the dearest of its kind, and bills that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.market.faces.runpod_names import data_centers, display_name, gpu_id, level
from reconciler.market.machine import ListPrice
from reconciler.market.units import usd
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.faults import Fault
    from reconciler.market.offer import MarketOffer, Quote

GB = 2**30
SECURE, COMMUNITY = "SECURE", "COMMUNITY"
CLOUDS = (SECURE, COMMUNITY)
DISK_MICROUSD_PER_GB = 138
"""An hour of 0.10 dollars for a month of 30 days."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which nodes a question or an order is about; empty and None: any."""

    count: int = 1
    clouds: tuple[str, ...] = CLOUDS
    data_centers: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    cuda: frozenset[str] = frozenset()
    min_cuda: tuple[int, ...] | None = None
    spot: bool = False


def cloud_of(offer: MarketOffer) -> str:
    return SECURE if offer.hosting == "datacenter" else COMMUNITY


def version(text: str) -> tuple[int, ...]:
    """12.11 comes after 12.2."""
    return tuple(int(part) for part in text.split("."))


class Catalog:
    """All that the shop has at one moment."""

    def __init__(self, offers: Iterable[MarketOffer], quotes: Iterable[Quote]) -> None:
        self.offers = list(offers)
        self._free = {quote.offer.id: quote for quote in quotes}
        self._centers = data_centers((offer.region, offer.country) for offer in self.offers)
        self.types: dict[str, list[MarketOffer]] = {}
        for offer in self.offers:
            self.types.setdefault(gpu_id(offer.gpu), []).append(offer)
        self._by_id = {offer.id: offer for offer in self.offers}

    def offer(self, offer_id: str) -> MarketOffer | None:
        return self._by_id.get(offer_id)

    def center(self, offer: MarketOffer) -> str:
        return self._centers[(offer.region, offer.country)]

    def list_price(self, gpu: str, cloud: str, spot: bool = False) -> int:
        """Micro-dollars an hour for one GPU; 0 where there is none."""
        return max(
            (-(-one.base_microusd // one.gpu_count) for one in self._kind(gpu, cloud, spot)),
            default=0,
        )

    def bill(self, offer: MarketOffer) -> ListPrice:
        """What a pod on this node costs."""
        each = self.list_price(gpu_id(offer.gpu), cloud_of(offer), bool(offer.spot))
        return ListPrice(each * offer.gpu_count, DISK_MICROUSD_PER_GB)

    def max_count(self, gpu: str, cloud: str) -> int:
        return max((one.gpu_count for one in self._kind(gpu, cloud, False)), default=0)

    def nodes(self, gpu: str, wanted: Wanted) -> list[tuple[MarketOffer, int]]:
        """The nodes that fit and how many of each are free, in the order of ids."""
        return [
            (offer, self._free[offer.id].available if offer.id in self._free else 0)
            for cloud in wanted.clouds
            for offer in self._kind(gpu, cloud, wanted.spot)
            if self._fits(offer, wanted)
        ]

    def data_center_rows(self, with_gpus: bool) -> list[dict[str, Any]]:
        rows = []
        for center in sorted(set(self._centers.values())):
            row: dict[str, Any] = {
                "id": center,
                "name": center.replace("-", " ").title(),
                "region": _region(center),
                "globalNetwork": False,
                "networkVolumeTypes": [],
                "compliance": [],
            }
            wanted = Wanted(1, (SECURE,), frozenset({center}))
            gpus = [
                {"id": gpu, "name": display_name(gpu), "availability": _level_of(nodes)}
                for gpu in sorted(self.types)
                if (nodes := self.nodes(gpu, wanted))
            ]
            rows.append({**row, "gpuAvailability": gpus} if with_gpus and gpus else row)
        return rows

    def gpu_row(self, gpu: str, wanted: Wanted | None, fault: Fault) -> dict[str, Any]:
        """One GPU type; with stock where ``wanted`` says for what."""
        some = self.types[gpu][0]
        row: dict[str, Any] = {
            "id": gpu,
            "name": display_name(gpu),
            "pool": None,
            "manufacturer": "AMD" if gpu.startswith("AMD") else "NVIDIA",
            "memory": some.gpu_memory_bytes // GB,
            "secure": self.max_count(gpu, SECURE) > 0,
            "community": self.max_count(gpu, COMMUNITY) > 0,
            "price": {cloud.lower(): self._shown(gpu, cloud, fault) for cloud in CLOUDS},
            "maxCount": {cloud.lower(): self.max_count(gpu, cloud) for cloud in CLOUDS},
        }
        return row if wanted is None else {**row, **self._stock(self.nodes(gpu, wanted))}

    def _stock(self, nodes: list[tuple[MarketOffer, int]]) -> dict[str, Any]:
        centers: dict[str, list[tuple[MarketOffer, int]]] = {}
        versions: dict[str, bool] = {}
        for offer, free in nodes:
            centers.setdefault(self.center(offer), []).append((offer, free))
            if offer.cuda is not None:
                versions[offer.cuda] = versions.get(offer.cuda, False) or free > 0
        found: dict[str, Any] = {"availability": _level_of(nodes)}
        if found["availability"] != "NONE":
            found["dataCenters"] = [
                {"id": one, "name": one.replace("-", " ").title(), "availability": _level_of(there)}
                for one, there in sorted(centers.items())
            ]
        if versions:
            found["cudaVersions"] = [
                {"version": one, "available": versions[one]}
                for one in sorted(versions, key=version)
            ]
        return found

    def _shown(self, gpu: str, cloud: str, fault: Fault) -> Any:
        price = usd(self.list_price(gpu, cloud))
        if fault.price is not None:
            return _as_written(fault.price)
        return float(price * fault.quoted_percent / 100)

    def _kind(self, gpu: str, cloud: str, spot: bool) -> Iterator[MarketOffer]:
        for offer in self.types.get(gpu, ()):
            if bool(offer.spot) is spot and cloud_of(offer) == cloud:
                yield offer

    def _fits(self, offer: MarketOffer, wanted: Wanted) -> bool:
        return (
            offer.gpu_count == wanted.count
            and (not wanted.data_centers or self.center(offer) in wanted.data_centers)
            and (not wanted.countries or offer.country in wanted.countries)
            and (not wanted.cuda or offer.cuda in wanted.cuda)
            and (wanted.min_cuda is None or version(offer.cuda or "0") >= wanted.min_cuda)
        )


def _level_of(nodes: list[tuple[MarketOffer, int]]) -> str:
    return level(sum(free for _, free in nodes))


def _as_written(text: str) -> Any:
    """A number where the text is one, also NaN and null; else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


_REGIONS: Mapping[str, str] = {
    "US": "NORTH_AMERICA", "CA": "NORTH_AMERICA", "EU": "EUROPE", "AP": "ASIA", "OC": "OCEANIA",
    "SA": "SOUTH_AMERICA", "ME": "MIDDLE_EAST", "AF": "AFRICA",
}  # fmt: skip


def _region(center: str) -> str:
    return _REGIONS.get(center.partition("-")[0], "UNKNOWN")
