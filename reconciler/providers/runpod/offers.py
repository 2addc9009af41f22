"""RunPod's catalog as offers: a GPU type in a data center of one cloud, for one number of GPUs.

Nothing is reserved by being listed: a level of stock is a hint, and how many machines it stands
for is our guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote_plus, unquote_plus

from pydantic import ValidationError

from reconciler.model.gpu import resolve_offered
from reconciler.model.offer import Ability, Offer
from reconciler.model.quantity import GIB
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.providers.runpod.pods import DISK_USD_PER_GB_HOUR
from reconciler.providers.runpod.wire import (
    CenterRow,
    CudaRow,
    GpuRow,
    Price,
    SpotRow,
    misfit,
    shape_or_none,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.gpu import GpuModel

SECURE, COMMUNITY = "SECURE", "COMMUNITY"
CLOUDS = (SECURE, COMMUNITY)
LACKS: frozenset[Ability] = frozenset({"vm_image", "setup", "node_timer"})
STOCK: Mapping[str, int] = {"LOW": 1, "MEDIUM": 8, "HIGH": 64}
"""So many pods are planned at once; creates tell how many there are."""
ANYWHERE = "anywhere"
_HOSTING: Mapping[str, Literal["datacenter", "community"]] = {
    SECURE: "datacenter",
    COMMUNITY: "community",
}
_CONTINENTS = frozenset({"AF", "AP", "AS", "EU", "EUR", "ME", "NA", "OC", "SA", "SEA"})
_SPOT = "/spot"
_MICRO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Choice:
    """What an offer's id says: ``gpu`` as they spell it; ``center`` None for any data center."""

    gpu: str
    center: str | None
    cloud: str
    count: int
    spot: bool = False

    @property
    def kind(self) -> str:
        """What shares one stock, whatever the number of GPUs."""
        return f"{quote_plus(self.gpu)}/{self.center or ANYWHERE}/{self.cloud}"

    @property
    def offer_id(self) -> str:
        return f"{self.kind}/{self.count}" + (_SPOT if self.spot else "")


def choice_of(offer_id: str) -> Choice | None:
    """None for an id that no offer has."""
    spot = offer_id.endswith(_SPOT)
    match offer_id.removesuffix(_SPOT).split("/"):
        case [gpu, center, cloud, count] if cloud in CLOUDS and count.isascii() and count.isdigit():
            place = None if center == ANYWHERE else center
            choice = Choice(unquote_plus(gpu), place, cloud, int(count), spot)
            return choice if choice.count and choice.offer_id == offer_id else None
    return None


class Shelf:
    """Add the rows of each question. ``unusable``: rows by reason."""

    def __init__(self, provider: str) -> None:
        self.unusable: Counter[str] = Counter()
        self._provider = provider
        self._found: dict[str, Offer] = {}

    @property
    def offers(self) -> tuple[Offer, ...]:
        return tuple(self._found.values())

    def add(self, rows: Sequence[object], cloud: str, count: int) -> None:
        """A row that cannot be used is counted, never guessed at."""
        for raw in rows:
            try:
                row = GpuRow.model_validate(raw)
                for offer in self._offers_of(row, cloud, count):
                    self._found.setdefault(offer.id, offer)
            except ValidationError as error:
                self.unusable[misfit(error)] += 1
            except ValueError as error:
                self.unusable[str(error)] += 1

    def add_spot(self, rows: Sequence[object], cloud: str, count: int) -> None:
        """As ``add``. What nobody can bid for is no offer and no fault."""
        for raw in rows:
            try:
                row = SpotRow.model_validate(raw)
                offer = self._spot_offer(row, cloud, count)
                if offer is not None:
                    self._found.setdefault(offer.id, offer)
            except ValidationError as error:
                self.unusable[misfit(error)] += 1
            except ValueError as error:
                self.unusable[str(error)] += 1

    def _spot_offer(self, row: SpotRow, cloud: str, count: int) -> Offer | None:
        bid, level = row.lowestPrice.minimumBidPrice, row.lowestPrice.stockStatus
        if not bid or not level or level.upper() == "NONE":
            return None
        if level.upper() not in STOCK:
            raise ValueError("an unknown level of stock")
        memory_bytes = row.memoryInGb * GIB
        model = self._model(row.id, memory_bytes)
        choice = Choice(row.id, None, cloud, count, spot=True)
        price = bid.quantize(_MICRO, rounding=ROUND_UP) * count
        stock = STOCK[level.upper()]
        return self._offer(choice, model, price, stock, memory_bytes or model.memory_bytes, None)

    def _model(self, gpu: str, memory_bytes: int) -> GpuModel:
        model = resolve_offered("runpod", gpu, memory_bytes or None)
        if model is None:
            raise ValueError(f"unknown GPU {printable(gpu, 40)}")
        return model

    def _offers_of(self, row: GpuRow, cloud: str, count: int) -> Iterator[Offer]:
        places = self._places(row)
        if not places or _is_too_many(row, cloud, count):
            return
        memory_bytes = row.memory * GIB
        model = self._model(row.id, memory_bytes)
        size, cuda = memory_bytes or model.memory_bytes, _lowest_cuda(row)
        each = _price(row, cloud)
        for center, level in places:
            choice = Choice(row.id, center, cloud, count)
            yield self._offer(choice, model, each * count, STOCK[level], size, cuda)

    def _places(self, row: GpuRow) -> list[tuple[str | None, str]]:
        """Data centers with stock; none named but stock all the same: wherever they place it."""
        if row.availability == "NONE":
            return []
        if row.availability not in STOCK:
            raise ValueError("an unknown level of stock")
        if not row.dataCenters:
            return [(None, row.availability)]
        listed = [shape_or_none(CenterRow, raw) for raw in row.dataCenters]
        if None in listed:
            self.unusable["no usable dataCenters"] += 1
        return [(one.id, one.availability) for one in listed if one and one.availability in STOCK]

    def _offer(
        self,
        choice: Choice,
        model: GpuModel,
        price: Decimal,
        stock: int,
        memory_bytes: int,
        cuda: Decimal | None,
    ) -> Offer:
        return Offer(
            provider=self._provider,
            id=choice.offer_id,
            gpu=model.name,
            gpu_count=choice.count,
            gpu_memory_bytes=memory_bytes,
            usd_per_hour=price,
            disk_usd_per_gib_hour=DISK_USD_PER_GB_HOUR,
            vcpus=None,
            memory_bytes=None,
            disk_bytes_max=None,
            cuda=cuda,
            region=choice.center or ANYWHERE,
            country=None if choice.center is None else country_of(choice.center),
            host=None,
            spot=choice.spot,
            reliability=None,
            verified=True if choice.cloud == SECURE else None,
            hosting=_HOSTING[choice.cloud],
            stock=stock,
            capacity_key=choice.kind,
            lacks=LACKS,
        )


def _price(row: GpuRow, cloud: str) -> Decimal:
    """Of one GPU. Raises ValueError."""
    price = shape_or_none(Price, {"usd": row.price.get(cloud.lower())})
    if price is None:
        raise ValueError("no usable price")
    if price.usd <= 0:
        raise ValueError("a price of nothing")
    return price.usd.quantize(_MICRO, rounding=ROUND_UP)


def _is_too_many(row: GpuRow, cloud: str, count: int) -> bool:
    """Whether no pod of that cloud has so many; False where they do not say."""
    most = row.maxCount.get(cloud.lower())
    return isinstance(most, int) and not isinstance(most, bool) and 0 < most < count


def _lowest_cuda(row: GpuRow) -> Decimal | None:
    """Whatever host it becomes, it has at least that."""
    rows = [shape_or_none(CudaRow, raw) for raw in row.cudaVersions]
    versions = [one.version for one in rows if one and one.version]
    if not versions or len(versions) < len(rows):
        return None
    return Decimal(min(versions, key=lambda text: tuple(map(int, text.split(".")))))


def country_of(center: str) -> str | None:
    """``US-KS-2`` lies in US, ``EUR-IS-1`` in IS; None where the id does not tell."""
    first, _, rest = center.partition("-")
    code = rest.partition("-")[0] if first in _CONTINENTS else first
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None
