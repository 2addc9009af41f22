"""The market for a terminal: one line an offer or a group, and what is not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.quantity import about, format_size
from reconciler.reporting.columns import WIDTH, Column, cell, table, wrap
from reconciler.reporting.palette import PLAIN
from reconciler.reporting.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from reconciler.model.offer import Offer
    from reconciler.model.offer_view import OfferView, PricedOffer
    from reconciler.reporting.palette import Palette

_OFFER_COLUMNS = (
    Column("GPU", shrink_to=9),
    Column("N", right=True),
    Column("VRAM", right=True),
    Column("CPU", right=True, optional=2),
    Column("RAM", right=True, optional=3),
    Column("REGION", shrink_to=12),
    Column("CC"),
    Column("SPOT"),
    Column("HOSTING", optional=4),
    Column("REL", right=True, optional=1),
    Column("$/H", right=True),
    Column("$/GPU-H", right=True),
    Column("PROVIDER", shrink_to=10),
    Column("OFFER", shrink_to=8, whole=True),
)
_GROUP_COLUMNS = (
    Column("", shrink_to=12),
    Column("OFFERS", right=True),
    Column("LOWEST", right=True),
    Column("MEDIAN", right=True),
    Column("HIGHEST", right=True),
)
_REASONS_SHOWN = 8


def offer_table(view: OfferView, palette: Palette = PLAIN, *, width: int = WIDTH) -> str:
    """Within ``width`` columns; in a narrow terminal the least important columns are left out."""
    lines = list(_group_lines(view) if view.group_by else _offer_lines(view, width))
    if lines:
        lines[0] = palette.strong(lines[0])
    asides = [palette.quiet(line) for line in _footer(view)]
    troubles = [palette.change(line) for line in _troubles(view)]
    return "\n".join([*lines, *([""] if lines else []), *troubles, *asides])


def _offer_lines(view: OfferView, width: int) -> list[str]:
    return table(_OFFER_COLUMNS, [_offer_row(one) for one in view.shown], width=width)


def _offer_row(priced: PricedOffer) -> list[str]:
    offer = priced.offer
    return [
        offer.gpu,
        str(offer.gpu_count),
        format_size(offer.gpu_memory_bytes),
        "?" if offer.vcpus is None else str(offer.vcpus),
        "?" if offer.memory_bytes is None else format_size(offer.memory_bytes),
        offer.region,
        offer.country or "?",
        "spot" if offer.spot else "",
        offer.hosting or "?",
        _percent(offer),
        _price(priced.usd_per_hour),
        _price(priced.usd_per_gpu_hour),
        offer.provider,
        offer.id,
    ]


def _percent(offer: Offer) -> str:
    return "?" if offer.reliability is None else f"{offer.reliability * 100:.1f}%"


def _price(usd: Decimal) -> str:
    return f"{usd:,.3f}"


def _group_lines(view: OfferView) -> list[str]:
    heading = Column((view.group_by or "").upper(), shrink_to=12)
    rows = [
        [
            group.name,
            str(group.count),
            _price(group.minimum),
            _price(group.median),
            _price(group.maximum),
        ]
        for group in view.groups
    ]
    return table((heading, *_GROUP_COLUMNS[1:]), rows)


def _troubles(view: OfferView) -> Iterator[str]:
    for provider, why in sorted(view.failures.items()):
        yield from wrap(f"{cell(provider)} could not be asked: {cell(why, 200)}", hang=2)
    reasons = sorted(view.unusable.items(), key=lambda one: (-one[1], one[0]))
    if reasons:
        number = sum(view.unusable.values())
        yield f"{counted(number, 'row')} left out as unusable:"
    for (provider, reason), number in reasons[:_REASONS_SHOWN]:
        yield from wrap(f"{number} of {cell(provider)}: {cell(reason, 120)}", indent=2, hang=2)
    if len(reasons) > _REASONS_SHOWN:
        rest = sum(number for _, number in reasons[_REASONS_SHOWN:])
        yield f"  {rest} for other reasons"


def _footer(view: OfferView) -> Iterator[str]:
    disk = f"rates in $ with {format_size(view.disk_bytes)} of disk"
    if not view.matching:
        yield f"None of {counted(view.total, 'offer')} matches."
        return
    if view.group_by:
        per_gpu = f"{disk}, per GPU and hour"
        shown = f"{counted(view.matching, 'offer')} of {view.total} match; {per_gpu}."
    else:
        shown = f"{len(view.shown)} of {view.matching} matching ({view.total} in all); {disk}."
    yield from wrap(shown, hang=2)
    for provider, age in sorted(view.ages.items()):
        yield from wrap(f"{provider}: as of {about(age)} ago; --fresh searches again.", hang=2)
