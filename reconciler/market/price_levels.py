"""What a GPU costs an hour: rounded from public price lists, mid 2026.

Low, typical and high are for one GPU on demand, without disk, over marketplaces and GPU clouds; the
three large general clouds ask two to four times as much and are left out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class PriceLevel(NamedTuple):
    """Dollars for one GPU-hour, and the spot price in percent."""

    low_usd: Decimal
    typical_usd: Decimal
    high_usd: Decimal
    spot_percent: int


def _level(low: str, typical: str, high: str, spot_percent: int) -> PriceLevel:
    return PriceLevel(Decimal(low), Decimal(typical), Decimal(high), spot_percent)


PRICE_LEVELS = {
    "RTX3090": _level("0.13", "0.20", "0.28", 60),
    "RTX4090": _level("0.33", "0.42", "0.69", 78),
    "RTX5090": _level("0.45", "0.60", "0.95", 66),
    "RTXA4000": _level("0.10", "0.14", "0.25", 62),
    "RTXA5000": _level("0.18", "0.25", "0.45", 62),
    "RTXA6000": _level("0.38", "0.48", "0.80", 64),
    "RTX6000Ada": _level("0.60", "0.77", "1.05", 60),
    "RTXPRO6000-SERVER": _level("0.95", "1.50", "2.00", 62),
    "L4": _level("0.40", "0.60", "0.85", 50),
    "L40S": _level("0.60", "0.80", "1.55", 66),
    "A40": _level("0.35", "0.42", "0.60", 64),
    "A100-PCIE-80GB": _level("0.65", "1.15", "1.90", 48),
    "A100-SXM-80GB": _level("0.80", "1.30", "2.10", 58),
    "H100-PCIE": _level("1.90", "2.20", "3.20", 64),
    "H100-NVL": _level("2.10", "2.50", "3.10", 58),
    "H100-SXM": _level("2.00", "2.60", "3.60", 50),
    "H200-SXM": _level("2.60", "3.50", "4.50", 72),
    "B200": _level("3.95", "5.40", "7.20", 64),
    "MI300X": _level("1.99", "2.60", "3.60", 70),
}
