"""A provider that may say odd things: as a process sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn

from reconciler.model.errors import ProviderError
from tests.simulation.simulator.process import Branch, ProcessClock, WorldClock

if TYPE_CHECKING:
    from reconciler.market.faults import Call, Fault
    from reconciler.market.world import World
    from reconciler.model.instance import Instance
    from reconciler.model.observation import Complete, Partial
    from reconciler.model.offer import OfferListing
    from reconciler.providers.base import Created, CreateRequest, OfferQuery
    from tests.simulation.simulator.oddness import Oddness
    from tests.simulation.simulator.places import Place


class OddBranch(Branch):
    """As ``Branch``, where nothing is odd."""

    def __init__(
        self,
        place: Place,
        world: World,
        clocks: tuple[WorldClock, ProcessClock],
        hook: Callable[[Call], Fault | None],
        odd: Oddness,
    ) -> None:
        super().__init__(place, world, clocks, hook)
        self._odd = odd
        self._sent: Mapping[str, str] = {}

    async def list_instances(self) -> Complete | Partial:
        listing = await super().list_instances()
        if not self._odd.strange:
            return listing
        self._host.hear(self.name, self._true.now() + self._odd.clock_off)
        return self._odd.listing(listing)

    async def list_offers(self, query: OfferQuery) -> OfferListing:
        found = await super().list_offers(query)
        return self._odd.offers(found) if self._odd.strange else found

    async def get_instance(self, instance_id: str) -> Instance:
        found = await super().get_instance(instance_id)
        return self._odd.instance(found) if self._odd.strange else found

    async def create_instance(self, request: CreateRequest) -> Created:
        self._sent = request.env
        return await super().create_instance(request)

    def _raise(self, fault: Fault, creating: bool, instance_id: str | None) -> NoReturn:
        try:
            super()._raise(fault, creating, instance_id)
        except ProviderError as error:
            self._odd.worded(error, self._sent)
            raise
