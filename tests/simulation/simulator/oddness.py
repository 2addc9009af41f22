"""What one provider says oddly: what time it is, when machines began, its words and its errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.model.errors import ProviderError
from reconciler.model.text import printable

if TYPE_CHECKING:
    from reconciler.model.instance import Instance
    from reconciler.model.observation import Complete, Partial
    from reconciler.model.offer import OfferListing

_ECHOED = 400
_NO_DATE = None
_FIXED: Mapping[str, datetime | None] = {
    "unreadable": _NO_DATE,  # a leap second, which nobody parses
    "epoch": datetime(1970, 1, 1, tzinfo=UTC),
    "2038": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    "9999": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    "year 1": datetime(1, 1, 1, tzinfo=UTC),
}
ODD_DATES = tuple(_FIXED)


class Oddness:
    """Of one provider. ``strange`` says whether anything is odd at all."""

    def __init__(self) -> None:
        self.clock_off = timedelta(0)
        self.zone_off = timedelta(0)
        """Of a provider that writes its local time without saying so."""
        self.date = ""
        """One of ``ODD_DATES`` for each machine; "": the true one."""
        self.words = ""
        """In the place of each region and host."""
        self.error = ""
        """At the end of each error."""
        self.echoes = False
        """Errors repeat the environment that was sent."""
        self.strange = False

    @property
    def dates_lie(self) -> bool:
        return bool(self.date or self.clock_off or self.zone_off)

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]

    def began(self, at: datetime | None) -> datetime | None:
        if self.date:
            return _FIXED[self.date]
        return None if at is None else at + self.clock_off + self.zone_off

    def instance(self, one: Instance) -> Instance:
        region = self.words or one.region
        return replace(one, created_at=self.began(one.created_at), region=region)

    def listing(self, found: Complete | Partial) -> Complete | Partial:
        return replace(found, instances=tuple(self.instance(one) for one in found.instances))

    def offers(self, found: OfferListing) -> OfferListing:
        if not self.words:
            return found
        changed = (
            replace(one, region=self.words, host=f"{self.words}{one.host}") for one in found.offers
        )
        return replace(found, offers=tuple(changed))

    def worded(self, error: ProviderError, sent: Mapping[str, str]) -> None:
        """Put what this provider would say into ``error``."""
        if self.error:
            what = error.what.partition(": ")[2]
            ProviderError.__init__(error, error.provider, f"{what}: {self.error}", why=error.why)
        if self.echoes:
            # Not by its constructor: no error that the program makes may hold a secret.
            error.what += f": {printable(repr(dict(sent)), _ECHOED)}"
