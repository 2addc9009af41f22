"""How one market behaves: how lively its prices are, how slow its machines and listings."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """Every duration is market time; every percentage a whole number from 0 to 100.

    ``price_swing_percent``: the furthest a price strays from its base. ``others_rent_percent``:
    how likely a node is to be rented by someone else in any two hours. The three boot stages are
    stretched by 0.65 to 1.55, drawn for each machine, so the default boots in 62 to 147 s; half of
    ``destroy_time`` is always needed, the rest is drawn. ``list_lag``: a listing shows the world as
    it was that long ago. ``spot_life``: the longest a spot machine keeps its place, None for ever.
    ``call_latency``: how long each call travels, half of it before it has its effect.
    """

    price_swing_percent: int = 4
    others_rent_percent: int = 6
    boot_failure_percent: int = 0
    placed_stage: timedelta = timedelta(seconds=5)
    created_stage: timedelta = timedelta(seconds=20)
    booting_stage: timedelta = timedelta(seconds=70)
    destroy_time: timedelta = timedelta(seconds=8)
    list_lag: timedelta = timedelta(seconds=3)
    call_latency: timedelta = timedelta(0)
    spot_life: timedelta | None = timedelta(hours=48)
    opening_balance_usd: Decimal | None = None
    """What the account had before its first bill; None: the market tells no balance."""
    ssh_at: str | None = None
    """``HOST:PORT`` of every machine; None: an address of its own, from documentation."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, timedelta) and value < timedelta(0):
                raise ValueError(f"{entry.name} is negative")
            if isinstance(value, int) and not 0 <= value <= 100:
                raise ValueError(f"{entry.name} is not a percentage")

    def to_json(self) -> str:
        """One line, durations in whole microseconds; ``from_json`` reads it back."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return json.dumps({name: _plain(value) for name, value in values.items()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> MarketSettings:
        return cls(**{name: _rich(name, value) for name, value in json.loads(text).items()})


LIVELY = MarketSettings()
# For tests: nothing happens that the test did not ask for. Boot, list lag and destroy still take
# the default time.
CALM = MarketSettings(price_swing_percent=0, others_rent_percent=0, spot_life=None)


def _plain(value: int | str | timedelta | Decimal | None) -> int | str | None:
    if isinstance(value, Decimal):
        return str(value)
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value


def _rich(name: str, value: int | str | None) -> Any:
    if name.endswith("_usd") and value is not None:
        return Decimal(value)
    if not isinstance(value, int) or name.endswith("_percent"):
        return value
    return timedelta(microseconds=value)
