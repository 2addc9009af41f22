"""A market's offers from a CSV of public prices.

Needed columns: cloud, gpu or gpu_raw, gpu_count, price_hourly_usd or spot_price_hourly_usd, the
prices for all GPUs of the row together. Read where present: snapshot_date, region, gpu_memory_gib,
vcpus, memory_gib, tier, n_offers, source. Other columns are ignored.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from reconciler.market.errors import MarketError
from reconciler.market.offer import MarketOffer
from reconciler.market.places import country_of
from reconciler.market.units import microusd
from reconciler.model.gpu import GpuModel, gpu_model, resolve_offered
from reconciler.model.value import dataclass

GIB = 2**30
FILE_BYTES_MAX = 256 * 2**20
# The files do not say what a disk costs: 0.10 dollars for a GiB-month of 730 hours.
DISK_MICROUSD_PER_GIB_HOUR = 137
# Clouds whose rows are single machines of private hosts; every other cloud sells a product of which
# it has several. The files seldom say how many.
MARKETPLACES = frozenset({"akash", "gpuhub", "salad", "tensordock", "vast"})
STOCK_OF_A_HOST = 1
STOCK_OF_A_CLOUD = 8
_ONE_CLOUD_TWO_NAMES = {
    "datacrunch": "verda",
    "latitudesh": "latitude",
    "ovhcloud": "ovh",
    "thundercompute": "thunder-compute",
}
_PRIVATE_TIERS = frozenset({"community", "marketplace"})
# Beyond it a figure is a slip of the file, not a node.
_NODE_MEMORY_GIB_MAX = 65_536

NO_COUNT = "no GPU count"
FRACTION = "a fraction of a GPU"
NO_PRICE = "no price"
BAD_PRICE = "a price that is no positive number"
UNKNOWN_GPU = "unknown GPU"
NO_CLOUD = "no cloud named"
OLDER = "older duplicate"


@dataclass(frozen=True, slots=True)
class LoadedOffers:
    """``rows`` were read; those not counted in ``left_out``, by reason, gave one or two offers."""

    offers: tuple[MarketOffer, ...]
    left_out: dict[str, int]
    rows: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A usable row. ``number`` counts from 1 below the heading."""

    number: int
    date: str
    source: str
    cloud: str
    region: str
    gpu: GpuModel
    gpu_count: int
    memory_bytes_of_gpu: int
    vcpus: int | None
    memory_bytes: int | None
    microusd: int | None
    spot_microusd: int | None
    tier: str
    stock: int | None

    @property
    def product(self) -> tuple[object, ...]:
        """What two sources would both list."""
        is_spot = self.microusd is None
        return (self.cloud, self.region, self.gpu.name, self.gpu_count, self.hosting, is_spot)

    @property
    def hosting(self) -> str:
        private = self.cloud in MARKETPLACES and self.tier != "secure"
        return "community" if private or self.tier in _PRIVATE_TIERS else "datacenter"


class _Unusable(Exception):
    """The reason is the argument."""


def load_offers(path: Path) -> LoadedOffers:
    """Every usable row of a ``.csv`` or ``.csv.gz``, in the order of the file.

    A cloud's name becomes the offer's host, and its region where the file names none. Where
    several sources list one product (cloud, region, GPU, count, hosting), the source with the
    newest date is kept whole and the other rows are left out as "older duplicate". Raises
    ``MarketError`` for a file that cannot be read as such a CSV.
    """
    left_out: Counter[str] = Counter()
    usable: list[_Row] = []
    rows = _read_rows(path)
    for number, row in enumerate(rows, start=1):
        try:
            usable.append(_parsed(number, row))
        except _Unusable as reason:
            left_out[str(reason)] += 1
    newest = _newest_of_each(usable)
    left_out[OLDER] += len(usable) - len(newest)
    offers = tuple(offer for row in newest for offer in _offers_of(row))
    return LoadedOffers(offers, dict(sorted((+left_out).items())), len(rows))


def _read_rows(path: Path) -> list[dict[str, str]]:
    opener = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rb") as stream:
            content = stream.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise MarketError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        reader = csv.DictReader(io.StringIO(content.decode(), newline=""), restval="")
        rows = [_texts(row) for row in reader]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise MarketError(f"{path} cannot be read as a CSV of offers", why=str(error)) from error
    _check_heading(path, reader.fieldnames or ())
    return rows


def _texts(row: Mapping[str | None, str | list[str]]) -> dict[str, str]:
    return {
        name: value.strip()
        for name, value in row.items()
        if isinstance(name, str) and isinstance(value, str)
    }


def _check_heading(path: Path, heading: Sequence[str]) -> None:
    needed = (
        ("cloud",),
        ("gpu", "gpu_raw"),
        ("gpu_count",),
        ("price_hourly_usd", "spot_price_hourly_usd"),
    )
    missing = [" or ".join(names) for names in needed if not set(names) & set(heading)]
    if missing:
        raise MarketError(
            f"{path} is not a CSV of offers",
            why=f"the heading lacks {', '.join(missing)}",
            fix="give each column its name in the first line",
        )


def _parsed(number: int, row: Mapping[str, str]) -> _Row:
    cloud = row["cloud"].lower()
    if not cloud:
        raise _Unusable(NO_CLOUD)
    gpu_count = _gpu_count(row["gpu_count"])
    gpu = _gpu(cloud, row)
    on_demand = _price(row.get("price_hourly_usd", ""))
    spot = _price(row.get("spot_price_hourly_usd", ""))
    if row.get("tier", "").lower() == "spot" and spot is None:
        on_demand, spot = None, on_demand
    if on_demand is None and spot is None:
        raise _Unusable(NO_PRICE)
    memory = _number(row.get("gpu_memory_gib", ""))
    return _Row(
        number=number,
        date=row.get("snapshot_date", ""),
        source=row.get("source", ""),
        cloud=_ONE_CLOUD_TWO_NAMES.get(cloud, cloud),
        region=row.get("region") or _ONE_CLOUD_TWO_NAMES.get(cloud, cloud),
        gpu=gpu,
        gpu_count=gpu_count,
        memory_bytes_of_gpu=int(memory * GIB) if memory else gpu.memory_bytes,
        vcpus=_whole(row.get("vcpus", "")),
        memory_bytes=_memory_bytes(row.get("memory_gib", "")),
        microusd=on_demand,
        spot_microusd=spot,
        tier=row.get("tier", "").lower(),
        stock=_whole(row.get("n_offers", "")),
    )


def _gpu_count(text: str) -> int:
    count = _number(text)
    if not count:
        raise _Unusable(NO_COUNT)
    if count != count.to_integral_value():
        raise _Unusable(FRACTION)
    return int(count)


def _gpu(cloud: str, row: Mapping[str, str]) -> GpuModel:
    try:
        return gpu_model(row.get("gpu", ""))
    except KeyError:
        memory = _number(row.get("gpu_memory_gib", ""))
        size = int(memory * GIB) if memory else None
        raw_name = row.get("gpu_raw") or row.get("gpu", "")
        model = resolve_offered(cloud, raw_name, size)
        if model is None:
            raise _Unusable(UNKNOWN_GPU) from None
        return model


def _price(text: str) -> int | None:
    if not text:
        return None
    price = _number(text)
    if not price or price > 1_000_000:
        raise _Unusable(BAD_PRICE)
    return microusd(price)


def _number(text: str) -> Decimal | None:
    """A finite number that is not negative, else None."""
    try:
        number = Decimal(text) if len(text) <= 40 else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and number >= 0 else None


def _whole(text: str) -> int | None:
    number = _number(text)
    return int(number) if number and number <= 1_000_000 else None


def _memory_bytes(text: str) -> int | None:
    gib = _number(text)
    return int(gib * GIB) if gib and gib <= _NODE_MEMORY_GIB_MAX else None


def _newest_of_each(rows: Iterable[_Row]) -> list[_Row]:
    """Without the rows for whose product another source has a newer date."""
    by_product: dict[tuple[object, ...], list[_Row]] = {}
    for row in rows:
        by_product.setdefault(row.product, []).append(row)
    kept = []
    for listed in by_product.values():
        newest = max(listed, key=lambda row: (row.date, row.source))
        kept += [row for row in listed if (row.source, row.date) == (newest.source, newest.date)]
    return sorted(kept, key=lambda row: row.number)


def _offers_of(row: _Row) -> list[MarketOffer]:
    name = f"{row.cloud}-{row.number:05d}"
    offer = MarketOffer(
        id=name,
        gpu=row.gpu.name,
        gpu_count=row.gpu_count,
        gpu_memory_bytes=row.memory_bytes_of_gpu,
        base_microusd=row.microusd or 0,
        disk_microusd_per_gib=DISK_MICROUSD_PER_GIB_HOUR,
        vcpus=row.vcpus,
        memory_bytes=row.memory_bytes,
        disk_bytes_max=None,
        cuda=None,
        region=row.region,
        country=None if row.region == row.cloud else country_of(row.region),
        host=row.cloud,
        spot=False,
        reliability=None,
        verified=None,
        hosting=row.hosting,
        stock=row.stock or (STOCK_OF_A_HOST if row.hosting == "community" else STOCK_OF_A_CLOUD),
        capacity_key=name,
    )
    sides = [offer] if row.microusd is not None else []
    if row.spot_microusd is not None:
        spot = offer._replace(id=f"{name}-spot", base_microusd=row.spot_microusd, spot=True)
        sides.append(spot)
    return sides
