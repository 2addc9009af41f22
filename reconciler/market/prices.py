"""How prices move and nodes get rented by others: pure functions of seed, name and time.

A price wanders between levels drawn for each hour and trembles in each five minutes, so it always
returns to its base and never strays further than the market's swing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from zlib import crc32

from reconciler.market.offer import AS_QUOTE
from reconciler.market.units import microseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.market.offer import MarketOffer, Quote
    from reconciler.market.settings import MarketSettings

PRICE_STEP = timedelta(minutes=5)
RENTAL_PERIOD = timedelta(hours=2)
_STEP_MICROSECONDS = PRICE_STEP // timedelta(microseconds=1)
_PERIOD_MICROSECONDS = RENTAL_PERIOD // timedelta(microseconds=1)
_STEPS_PER_HOUR = 12
_UNITS_DRAWN = 32


class PriceBoard:
    """All prices and vacancies at one moment.

    Asked for every offer of a listing, up to 100 000 times: it hashes by itself what ``chance``
    would draw, three times an offer.
    """

    def __init__(self, seed: int, settings: MarketSettings, now: datetime) -> None:
        self._swing = settings.price_swing_percent
        self._others_percent = settings.others_rent_percent
        self._now = microseconds(now)
        hour, self._step = divmod(self._now // _STEP_MICROSECONDS, _STEPS_PER_HOUR)
        self._here, self._there = f"{seed} price {hour} ", f"{seed} price {hour + 1} "
        self._phase, self._rented = f"{seed} phase ", f"{seed} rented "

    def quotes(self, offers: Iterable[MarketOffer], taken: Mapping[str, int]) -> list[Quote]:
        """Those of ``offers`` with a free node; ``taken`` are nodes by their capacity key."""
        found = []
        for offer in offers:
            available = offer.stock - taken.get(offer.capacity_key, 0)
            available -= self.rented_by_others(offer.capacity_key, offer.stock)
            if available > 0:
                price = self.price(offer.id, offer.base_microusd)
                found.append(AS_QUOTE((offer, price, available)))
        return found

    def price(self, offer_id: str, base_microusd: int) -> int:
        """The node's price in micro-dollars an hour; constant within five minutes."""
        if not self._swing:
            return base_microusd
        here = sha256((self._here + offer_id).encode()).digest()
        there = sha256((self._there + offer_id).encode()).digest()
        drift = _level(here) * (_STEPS_PER_HOUR - self._step) + _level(there) * self._step
        tremble = here[4 + self._step] - 128
        # drift is within ±12 * 32768, tremble within ±128: nine tenths and one tenth of the swing
        parts_per_million = self._swing * (
            drift * 9_000 // (_STEPS_PER_HOUR * 32_768) + tremble * 1_000 // 128
        )
        return max(1, base_microusd + base_microusd * parts_per_million // 1_000_000)

    def rented_by_others(self, capacity_key: str, stock: int) -> int:
        """How many of the nodes somebody else has now; changes at most every two hours."""
        if not self._others_percent:
            return 0
        # not everybody moves at the full hour
        phase = crc32((self._phase + capacity_key).encode()) * _PERIOD_MICROSECONDS >> 32
        period = (self._now + phase) // _PERIOD_MICROSECONDS
        drawn = sha256(f"{self._rented}{period} {capacity_key}".encode()).digest()
        units = drawn[: min(stock, _UNITS_DRAWN)]
        return sum(unit * 100 < self._others_percent * 256 for unit in units)


def _level(drawn: bytes) -> int:
    """Within ±32768."""
    return int.from_bytes(drawn[:2], "big") - 32_768
