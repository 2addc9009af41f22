"""What searches found, kept for a minute: the next command need not ask again.

Providers allow few searches: some a minute, some a day. So what one command found serves the next,
for as long as the provider's truth table says (``offers_keep``). Where the day's searches are used
up, what is known from the last hour serves on; its age is shown. An offer that could not be rented
is left out from its first failure on, also of fresh searches, which show it for a while.

A kept price decides nothing alone: what is billed is held against the plan's ceiling, as always.
One file for each workspace, in the user's cache, for its owner alone. It may be lost at any time.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.model.errors import GpuShopperError
from reconciler.model.offer import OfferListing
from reconciler.statefile.files import Files
from reconciler.statefile.private_files import read_private, write_private
from reconciler.statefile.value_codec import UnreadableValue, codec_of

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.providers.base import OfferQuery, Provider

FAILED_FOR = timedelta(minutes=10)
"""How long an offer that could not be rented is left out."""
SERVES_AFTER_QUOTA = timedelta(hours=1)
_FORMAT = 1
_BYTES_MAX = 16 * 2**20


class KeptOffers:
    """Of one workspace. Never raises: what cannot be read is not there, what cannot be written
    is not kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = Files()
        self._content: dict[str, Any] | None = None

    def found(
        self, provider: Provider, query: OfferQuery, now: datetime, longest: timedelta
    ) -> OfferListing | None:
        """What a search of at most ``longest`` ago found, without the offers that failed since."""
        kept = self._read()["searches"].get(_key(provider, query))
        if kept is None:
            return None
        try:
            listing: OfferListing = codec_of(OfferListing).decode(kept)
        except UnreadableValue:
            return None
        age = now - listing.read_at
        if not timedelta(0) <= age <= longest:
            return None
        return self.without_failed(provider, replace(listing, age=age), now)

    def keep(self, provider: Provider, query: OfferQuery, listing: OfferListing) -> None:
        """Replaces what an earlier search for the same found."""
        content = self._fresh()
        searches = {
            key: kept
            for key, kept in content["searches"].items()
            if isinstance(kept, dict)
            and _moment(kept.get("read_at")) > listing.read_at - SERVES_AFTER_QUOTA
        }
        searches[_key(provider, query)] = codec_of(OfferListing).encode(listing)
        self._write({**content, "searches": searches})

    def drop(self, provider: Provider, offer_id: str, now: datetime) -> None:
        """It could not be rented: for a while nobody is shown it."""
        content = self._fresh()
        failed = {key: until for key, until in content["failed"].items() if _moment(until) > now}
        failed[f"{_where(provider)} {offer_id}"] = (now + FAILED_FOR).isoformat()
        self._write({**content, "failed": failed})

    def without_failed(
        self, provider: Provider, listing: OfferListing, now: datetime
    ) -> OfferListing:
        """``listing`` without the offers that could not be rented a while ago."""
        failed = self._read()["failed"]
        if not failed:
            return listing
        where = _where(provider)
        left = tuple(
            offer for offer in listing.offers if _moment(failed.get(f"{where} {offer.id}")) <= now
        )
        return listing if len(left) == len(listing.offers) else replace(listing, offers=left)

    # --- the file ---------------------------------------------------------------------------

    def _read(self) -> dict[str, Any]:
        if self._content is None:
            self._content = self._fresh()
        return self._content

    def _fresh(self) -> dict[str, Any]:
        """As it is now: another command may have written meanwhile."""
        with suppress(GpuShopperError, OSError, ValueError, RecursionError):
            data = read_private(self._files, self._path, [])
            if data is not None and len(data) <= _BYTES_MAX:
                found = json.loads(data)
                if isinstance(found, dict) and found.get("format") == _FORMAT:
                    searches, failed = found.get("searches"), found.get("failed")
                    if isinstance(searches, dict) and isinstance(failed, dict):
                        return found
        return {"format": _FORMAT, "searches": {}, "failed": {}}

    def _write(self, content: dict[str, Any]) -> None:
        self._content = content
        with suppress(GpuShopperError, OSError):
            write_private(self._files, self._path, json.dumps(content).encode())


def _where(provider: Provider) -> str:
    """One account's name and address: a rehearsal's offers are nobody else's."""
    return f"{provider.name} {provider.origin}"


def _key(provider: Provider, query: OfferQuery) -> str:
    models, counts = sorted(query.models), sorted(query.gpu_counts)
    return f"{_where(provider)} {models} {sorted(query.kinds)} {counts}"


def _moment(text: object) -> datetime:
    """Long ago for what is no moment."""
    with suppress(ValueError, TypeError):
        found = datetime.fromisoformat(str(text))
        if found.tzinfo is not None:
            return found
    return datetime.fromisoformat("1970-01-01T00:00:00+00:00")
