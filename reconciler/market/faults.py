"""What can go wrong with one call (RELIABILITY.md, C1 to C8), and the hook that decides it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar, get_args

from reconciler.model.value import dataclass

Operation = Literal[
    "list_offers", "list_instances", "get_instance", "create_instance", "destroy_instance"
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

ErrorWord = Literal[
    "unavailable",  # a server error, or no answer worth the name
    "rate-limited",
    "auth-refused",
    "unreadable",  # an answer in a shape nobody knows
    "not-found",
    "offer-gone",
    "no-capacity",
    "refused",
]
ListingShape = Literal[
    "partial",  # rows are missing and the answer says so
    "cut",  # rows are missing and the answer looks whole
    "empty",
    "duplicated",
    "reversed",
]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it reaches the market; ``number`` counts all calls of the world from 1."""

    operation: Operation
    instance_id: str | None
    offer_id: str | None
    number: int
    at: datetime
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """How one call misbehaves. What stays at its default goes as it should.

    For every call: ``error`` is what is answered, None = what a good answer looks like; ``done``
    is whether the call has its effect all the same, None = it has where no error is answered.
    ``hang`` is how long the answer takes, after the effect; the caller gives up at its deadline
    unless ``ignores_deadline``. ``delay`` is the wait that a rate limit names. ``carries_id``: the
    error names the machine that was made.

    For a create: ``appears_after`` hides the machine from listings and reads at first,
    ``stops_after`` stops it by itself, ``gpu_inside`` is the model that is really in it,
    ``billed_percent`` is the billed rate in percent of the true price (the answer then names no
    rate), ``loses_label`` forgets the label, ``label_keeps`` cuts it to so many characters,
    ``without_id`` answers success without an id, ``gpu_made`` is the model that is made and shown
    instead of the one ordered, ``forgets_order`` ignores keys, setup and ports, ``ends_after``: the
    provider ends it by itself.

    For a destroy: ``fails_later``: the machine is destroying for two minutes, and then as it was.
    ``spares_stopped``: one that does not run is left alone. ``gone_error``: one that is gone is
    answered with an error in words, not as one that does not exist.

    For listings and reads of machines: ``hides`` (leaves out machines that are stopped, or those
    of the last ten minutes), ``shape``, ``keep`` (how many rows are left in a partial or cut one),
    ``stale`` (that much older than usual; of offers too), ``drop_labels``, ``status`` (an
    overriding word). For offers: ``quoted_percent`` (prices shown, in percent of the true ones),
    ``price`` (text shown instead of every price).
    """

    error: ErrorWord | None = None
    done: bool | None = None
    hang: timedelta | None = None
    ignores_deadline: bool = False
    delay: timedelta | None = None
    carries_id: bool = False
    without_id: bool = False
    appears_after: timedelta | None = None
    stops_after: timedelta | None = None
    gpu_inside: str | None = None
    billed_percent: int = 100
    loses_label: bool = False
    label_keeps: int | None = None
    gpu_made: str | None = None
    forgets_order: bool = False
    ends_after: timedelta | None = None
    fails_later: bool = False
    spares_stopped: bool = False
    gone_error: bool = False
    hides: Literal["stopped", "young"] | None = None
    shape: ListingShape | None = None
    keep: int = 0
    stale: timedelta | None = None
    drop_labels: bool = False
    status: str | None = None
    quoted_percent: int = 100
    price: str | None = None

    @property
    def has_effect(self) -> bool:
        return self.error is None if self.done is None else self.done

    def to_json(self) -> str:
        """One line with what is not at its default; ``from_json`` reads it back."""
        values = {
            entry.name: getattr(self, entry.name)
            for entry in fields(self)
            if getattr(self, entry.name) != entry.default
        }
        return json.dumps({name: _plain(value) for name, value in values.items()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Fault:
        return cls(**{name: _rich(name, value) for name, value in json.loads(text).items()})


FaultHook = Callable[[Call], Fault | None]
"""Asked once for each call, before it has any effect; None = the call goes as it should."""

HEALTHY = Fault()
Row = TypeVar("Row")
_DURATIONS = frozenset({"hang", "delay", "appears_after", "stops_after", "ends_after", "stale"})


def distort(rows: Sequence[Row], shape: ListingShape | None, keep: int) -> list[Row]:
    """The rows of a listing as a fault of this shape leaves them."""
    match shape:
        case "empty":
            return []
        case "partial" | "cut":
            return list(rows[:keep])
        case "duplicated":
            return [row for row in rows for _ in range(2)]
        case "reversed":
            return list(reversed(rows))
        case None:
            return list(rows)


def _plain(value: Any) -> Any:
    return value // timedelta(microseconds=1) if isinstance(value, timedelta) else value


def _rich(name: str, value: Any) -> Any:
    return timedelta(microseconds=value) if name in _DURATIONS else value
