"""Price histories of many shapes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from reconciler.model.price_history import PricePoint, PriceSeries
from tests.markets import START
from tests.unit.reporting.hostile import HOSTILE

HOUR = timedelta(hours=1)


def prices(
    gpu: str,
    provider: str,
    hours: Iterable[int],
    *,
    base: str = "0.30",
    count: int = 1,
    spot: bool = False,
) -> PriceSeries:
    """A price that wanders, differently for every ``base``."""
    points = tuple(
        PricePoint(START + hour * HOUR, Decimal(base) * (100 + hour // 3 * 5 % 17) / 100, 1)
        for hour in hours
    )
    return PriceSeries(provider, gpu, count, spot, points)


HISTORIES: dict[str, tuple[PriceSeries, ...]] = {
    "empty": (),
    "one point": (prices("RTX4090", "vastai", [0]),),
    "a day": (
        prices("RTX4090", "vastai", range(24)),
        prices("RTX4090", "vastai", range(24), base="0.28", count=4),
        prices("RTX4090", "vastai", [*range(9), *range(15, 24)], base="0.14", spot=True),
        prices("RTX4090", "runpod", range(4, 20), base="0.44"),
        prices("H100-SXM", "lambda", [3, 4, 11, 23], base="2.49"),
    ),
    "hundreds of points": tuple(
        prices(gpu, provider, range(168 - 168 // step * step, 168, step), base=base, spot=spot)
        for gpu, provider, base, spot, step in [
            ("A100-80GB", "runpod", "1.19", False, 1),
            ("A100-80GB", "vastai", "0.90", True, 1),
            ("H100-SXM", "lambda", "2.99", False, 1),
            ("H100-SXM", "vastai", "1.87", False, 3),
            ("H100-SXM", "vastai", "1.10", True, 2),
            ("RTX4090", "tensordock", "0.37", False, 5),
            ("RTX4090", "vastai", "0.29", False, 1),
            ("RTX3090", "vastai", "0.11", False, 24),
        ]
    ),
    "a month": (
        prices("H100-SXM", "lambda", [hour for hour in range(720) if hour % 24 in (8, 9, 17)]),
        prices("H100-SXM", "vastai", range(0, 720, 5), base="0.2", spot=True),
    ),
    "years": (prices("L4", "runpod", range(0, 168 * 200, 200), base="0.43"),),
    "40 GPUs": tuple(prices(f"GPU-{number:02}", "vastai", [1, 2]) for number in range(40)),
    "hostile names": (
        prices(HOSTILE, HOSTILE, [0, 1]),
        prices("<script>&amp;" * 9, "数" * 40, [0, 5], base="99999.125"),
    ),
    "free": (prices("GTX1080", "friend", [0, 1], base="0"),),
    "next to nothing": (prices("GTX1080", "vastai", [0, 5], base="0.0099"),),
}
