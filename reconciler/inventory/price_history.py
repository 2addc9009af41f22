"""The price history of one workspace: a file in the user's cache, which may be lost at any time.

No provider tells what a GPU cost yesterday. So `offers` and `explain` write down what they saw.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from reconciler.model.errors import GpuShopperError
from reconciler.model.price_history import PriceSeries
from reconciler.planning.price_history import with_listings
from reconciler.statefile.files import Files
from reconciler.statefile.private_files import read_private, write_private
from reconciler.statefile.value_codec import UnreadableValue, codec_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reconciler.model.offer import OfferListing

_FORMAT = 1
_BYTES_MAX = 16 * 2**20


class PriceHistory:
    """Never raises: what cannot be read is not there, what cannot be written is not kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = Files()

    def series(self) -> tuple[PriceSeries, ...]:
        """All that is known, in order of provider, GPU, number, and on-demand before spot."""
        with suppress(GpuShopperError, OSError, ValueError, RecursionError, UnreadableValue):
            data = read_private(self._files, self._path, [])
            if data is not None and len(data) <= _BYTES_MAX:
                found = json.loads(data)
                if isinstance(found, dict) and found.get("format") == _FORMAT:
                    kept: tuple[PriceSeries, ...] = codec_of(tuple[PriceSeries, ...]).decode(
                        found.get("series")
                    )
                    return tuple(one for one in kept if one.points)
        return ()

    def note(self, listings: Iterable[OfferListing]) -> None:
        """Write down what was seen."""
        series = with_listings(self.series(), listings)
        stored = codec_of(tuple[PriceSeries, ...]).encode(series)
        with suppress(GpuShopperError, OSError):
            content = json.dumps({"format": _FORMAT, "series": stored})
            write_private(self._files, self._path, content.encode())
