"""A provider in sixty lines: a shelf of one's own machines, in a JSON file named by SHELF_FILE."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from reconciler.clock import Clock
from reconciler.model.errors import InstanceNotFound, OfferGone, ProviderUnavailable
from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.observation import Complete
from reconciler.model.offer import Offer, OfferListing
from reconciler.providers.base import (
    Created,
    CreateRequest,
    OfferQuery,
    Provider,
    ProviderCapabilities,
)
from reconciler.providers.provider_type import Opening, ProviderType

PLACES = [f"shelf-{number}" for number in range(8)]
RATE = Decimal("0.25")
TABLE = ProviderCapabilities(
    visibility_window=timedelta(seconds=1),
    has_spot=False,
    ssh_answers=False,  # whoever shelves a machine has logged in before
)


class Shelf(Provider):
    capabilities = TABLE

    def __init__(self, name: str, file: Path, clock: Clock) -> None:
        self.name, self._file, self._clock = name, file, clock

    def _rented(self) -> dict[str, list[str]]:
        try:
            return dict(json.loads(self._file.read_text())) if self._file.exists() else {}
        except (OSError, ValueError) as error:  # unknown is not empty
            raise ProviderUnavailable(self.name, "the list cannot be read") from error

    def _instance(self, id_: str, row: Sequence[str]) -> Instance:
        place, mark, since = row
        return Instance(
            self.name, id=id_, label=mark, status=InstanceStatus.RUNNING, status_text="on",
            usd_per_hour=RATE, gpu="L4", gpu_count=1, region="lab",
            ssh=SshEndpoint(f"{place}.lan", 22, "root"), created_at=datetime.fromisoformat(since),
        )  # fmt: skip

    async def list_offers(self, query: OfferQuery) -> OfferListing:
        taken = {place for place, _, _ in self._rented().values()}
        free = tuple(self._offer(place) for place in PLACES if place not in taken)
        return OfferListing(self.name, free, {}, self._clock.now())

    def _offer(self, place: str) -> Offer:
        return Offer(
            self.name, id=place, gpu="L4", gpu_count=1, gpu_memory_bytes=24 * 2**30,
            usd_per_hour=RATE, disk_usd_per_gib_hour=Decimal(0), vcpus=8, memory_bytes=2**36,
            disk_bytes_max=None, cuda=None, region="lab", country=None, host=place, spot=False,
            reliability=None, verified=True, hosting="datacenter", stock=1, capacity_key=place,
        )  # fmt: skip

    async def list_instances(self) -> Complete:
        now, rows = self._clock.now(), self._rented().items()
        return Complete(self.name, "the shelf", now, tuple(self._instance(*one) for one in rows))

    async def get_instance(self, instance_id: str) -> Instance:
        if instance_id not in self._rented():
            raise InstanceNotFound(self.name, "it is not on the shelf")
        return self._instance(instance_id, self._rented()[instance_id])

    async def create_instance(self, request: CreateRequest) -> Created:
        rented, place, id_ = self._rented(), request.offer.id, uuid4().hex
        if place not in PLACES or place in {one for one, _, _ in rented.values()}:
            raise OfferGone(self.name, "that place is taken")
        rented[id_] = [place, request.mark, self._clock.now().astimezone(UTC).isoformat()]
        self._file.write_text(json.dumps(rented))
        return Created(id_, RATE)

    async def destroy_instance(self, instance_id: str) -> None:
        rented = self._rented()
        if rented.pop(instance_id, None) is None:
            raise InstanceNotFound(self.name, "it is not on the shelf")
        self._file.write_text(json.dumps(rented))


def open_shelf(opening: Opening) -> Provider:
    return Shelf(opening.name, Path(opening.environ.get("SHELF_FILE", "shelf.json")), opening.clock)


PROVIDER_TYPE = ProviderType(TABLE, open_shelf)
