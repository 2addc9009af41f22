"""One listing for all who wait at one provider, instead of a call for each of them."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from reconciler.inventory.observe import list_everything
from reconciler.model.instance import InstanceStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.clock import Clock
    from reconciler.execution.call_budget import CallBudget
    from reconciler.model.instance import Instance
    from reconciler.providers.base import Provider

TICK_SECONDS = 5.0
"""All who wait look at the same moments."""
_MOMENT = 1e-3
"""A sleep of less may end before a clock of floats has moved, and who woke would look for ever."""


class SharedListings:
    """What the listings of this tick show. For one run."""

    def __init__(self) -> None:
        self._watchers: Counter[str] = Counter()
        self._turns: dict[str, anyio.Lock] = {}
        self._seen: dict[str, tuple[float, Mapping[str, Instance]]] = {}

    @contextmanager
    def watching(self, provider: Provider) -> Iterator[None]:
        """While somebody waits there."""
        self._watchers[provider.name] += 1
        try:
            yield
        finally:
            self._watchers[provider.name] -= 1

    async def find(
        self, provider: Provider, instance_id: str, budget: CallBudget, clock: Clock
    ) -> Instance | None:
        """A machine as a listing of this tick shows it; None where that is no last word: it lacks
        the machine, or says that it has failed, or that it runs but not how to reach it. Also where
        nobody else waits: a direct read costs less than a listing then.
        """
        if self._watchers[provider.name] <= 1:
            return None
        found = (await self._listed(provider, budget, clock)).get(instance_id)
        return None if found is None or _is_doubtful(found) else found

    async def _listed(
        self, provider: Provider, budget: CallBudget, clock: Clock
    ) -> Mapping[str, Instance]:
        asked = clock.elapsed_seconds()
        async with self._turns.setdefault(provider.name, anyio.Lock()):
            begun, found = self._seen.get(provider.name, (-TICK_SECONDS, {}))
            if begun < asked - asked % TICK_SECONDS:
                begun = clock.elapsed_seconds()
                async with budget:
                    await budget.turn()
                    inventories = await list_everything({provider.name: provider}, clock)
                found = {one.id: one for one in inventories[provider.name].instances}
                self._seen[provider.name] = (begun, found)
            return found


def _is_doubtful(found: Instance) -> bool:
    if found.status is InstanceStatus.RUNNING:
        return not found.is_ready
    return found.status is InstanceStatus.FAILED


def until_next_tick(elapsed_seconds: float) -> float:
    """Seconds until the next moment at which all who wait look: never too few to be slept."""
    left = TICK_SECONDS - elapsed_seconds % TICK_SECONDS
    return left if left > _MOMENT else left + TICK_SECONDS
