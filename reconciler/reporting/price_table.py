"""``offers --history``: what each kind of node has cost, as far as searches saw it."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from reconciler.model.text import printable
from reconciler.reporting.columns import WIDTH, Column, table
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.wording import gpu_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from reconciler.model.price_history import PriceSeries
    from reconciler.reporting.palette import Palette

_COLUMNS = (
    Column("GPU", shrink_to=9),
    Column("SPOT"),
    Column("PROVIDER", shrink_to=10),
    Column("LAST", right=True),
    Column("LOWEST", right=True),
    Column("HIGHEST", right=True),
    Column("HOURS", right=True),
    Column("SINCE", optional=1),
)
_BELOW = (
    "Dollars for one GPU and hour without its disk, the cheapest of each hour in which `offers` or "
    "`explain` looked."
)
NO_PRICES = "No prices are remembered yet: each `gpu-shopper offers` adds what it sees."


def price_table(
    series: Sequence[PriceSeries], palette: Palette = PLAIN, *, width: int = WIDTH
) -> str:
    """One line for each kind of node, within ``width`` columns."""
    if not series:
        return NO_PRICES
    heading, *lines = table(_COLUMNS, [_row(one) for one in series], width=width)
    return "\n".join([palette.strong(heading), *lines, "", palette.quiet(_BELOW)])


def _row(series: PriceSeries) -> list[str]:
    return [
        gpu_text(series.gpu, series.gpu_count),
        "spot" if series.spot else "",
        series.provider,
        price_text(series.now.usd_per_gpu_hour),
        price_text(series.lowest_usd),
        price_text(series.highest_usd),
        str(len(series.points)),
        f"{series.points[0].since.astimezone(UTC):%Y-%m-%d %H:%M}Z",
    ]


def price_text(usd: Decimal) -> str:
    """``0.150``: dollars to a tenth of a cent, as prices of GPUs differ."""
    return f"{usd:,.3f}"


def prices_json(series: Sequence[PriceSeries]) -> list[dict[str, Any]]:
    """Every point of each; money as text."""
    return [
        {
            "provider": printable(one.provider),
            "gpu": printable(one.gpu),
            "gpu_count": one.gpu_count,
            "spot": one.spot,
            "points": [
                {
                    "since": point.since.astimezone(UTC).isoformat(),
                    "usd_per_gpu_hour": f"{point.usd_per_gpu_hour:f}",
                    "offers": point.offers,
                }
                for point in one.points
            ],
        }
        for one in series
    ]
