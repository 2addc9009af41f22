"""The pages of a search: in order of the price, which is all that leads from one to the next."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reconciler.providers.vastai.gpu_names import search_names
from reconciler.providers.vastai.offers import SEARCH_DISK_GB, as_offer
from reconciler.providers.vastai.wire import OfferRow, misfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.offer import Offer
    from reconciler.providers.base import OfferQuery

OFFERS_PER_PAGE = 64
"""However many one asks for."""
SEARCHES_MAX = 10
"""Together what one minute allows."""
PAGES_MAX = 5


def shapes_of(query: OfferQuery) -> list[OfferQuery]:
    """One search for each model, on-demand or spot: cheap GPUs must not fill the dear ones' pages.

    All models in one search where they are more than the searches of a minute.
    """
    models = [frozenset({model}) for model in sorted(query.models)] or [query.models]
    if len(models) * len(query.kinds) > SEARCHES_MAX:
        models = [query.models]
    return [
        replace(query, models=one, kinds=frozenset({spot}))
        for spot in sorted(query.kinds)
        for one in models
    ]


def pages_for(shapes: int) -> int:
    """How many pages each of so many searches may read."""
    return min(PAGES_MAX, max(1, SEARCHES_MAX // max(1, shapes)))


class OfferWalk:
    """Ask ``question`` and add its rows while ``goes_on``. ``unusable``: rows by reason."""

    def __init__(
        self, provider: str, query: OfferQuery, *, spot: bool, pages: int = PAGES_MAX
    ) -> None:
        self._pages_max = pages
        self.offers: list[Offer] = []
        self.unusable: Counter[str] = Counter()
        self.goes_on = True
        self._provider = provider
        self._spot = spot
        self._names = search_names(query.models)
        self._counts = sorted(query.gpu_counts)
        self._beyond: dict[str, float] = {}
        self._seen: set[str] = set()
        self._pages = 0

    def question(self) -> dict[str, Any]:
        """The body of the next search."""
        asked: dict[str, Any] = {
            "type": "bid" if self._spot else "ondemand",
            "verified": {"eq": True},
            "rentable": {"eq": True},
            "rented": {"eq": False},
            "allocated_storage": SEARCH_DISK_GB,
            "order": [["dph_total", "asc"]],
            "limit": OFFERS_PER_PAGE,
        }
        if self._names is not None:
            asked["gpu_name"] = {"in": self._names}
        if self._counts:
            asked["num_gpus"] = {"in": self._counts}
        if self._beyond:
            asked["dph_total"] = self._beyond
        return asked

    def add(self, rows: Sequence[object]) -> None:
        """One page. A row that cannot be used is counted, never guessed at."""
        self._pages += 1
        known = len(self._seen)
        read = [row for raw in rows if (row := self._row(raw)) is not None]
        for row in read:
            if row.id not in self._seen:
                self._seen.add(row.id)
                self._take(row)
        prices = [row.dph_total for row in read if row.dph_total is not None]
        if len(rows) < OFFERS_PER_PAGE or not prices or self._pages >= self._pages_max:
            self.goes_on = False
            return
        # A page of one price alone would come again and again.
        fresh = len(self._seen) > known
        self._beyond = {"gte" if fresh else "gt": float(prices[-1])}

    def _row(self, raw: object) -> OfferRow | None:
        try:
            return OfferRow.model_validate(raw)
        except ValidationError as error:
            self.unusable[misfit(error)] += 1
        return None

    def _take(self, row: OfferRow) -> None:
        try:
            self.offers.append(as_offer(self._provider, row, spot=self._spot))
        except ValueError as error:
            self.unusable[str(error)] += 1
