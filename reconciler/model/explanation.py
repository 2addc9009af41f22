"""Why a fleet gets the offers that it gets: the value behind ``explain``."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from reconciler.model.fleet import Fleet
    from reconciler.model.offer import Offer


@dataclass(frozen=True, slots=True)
class Term:
    """One part of what was learnt of a host: ``percent`` more (or less) than the rate, and why."""

    percent: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class ExplainedOffer:
    """One offer of the ranking: ``usd_per_hour`` = the GPU part + the disk part.

    ``alternative``: the position of the GPU, as the fleet writes them, that it satisfies.
    ``score_usd``: what the offer counts for, the rate with all ``terms``.
    """

    offer: Offer
    gpu_usd_per_hour: Decimal
    disk_usd_per_hour: Decimal
    alternative: int
    score_usd: Decimal
    terms: tuple[Term, ...] = ()

    @property
    def usd_per_hour(self) -> Decimal:
        return self.gpu_usd_per_hour + self.disk_usd_per_hour

    @property
    def usd_per_gpu_hour(self) -> Decimal:
        return self.usd_per_hour / max(1, self.offer.gpu_count)


@dataclass(frozen=True, slots=True)
class ExplainedAlternative:
    """One way to satisfy the fleet, as written, and the best that it can get."""

    text: str
    count: int
    best: ExplainedOffer | None


@dataclass(frozen=True, slots=True)
class Filling:
    """What a fleet without any machine would get: ``nodes`` of its target, all-in."""

    nodes: int
    gpus: int
    usd_per_hour: Decimal

    @property
    def usd_per_gpu_hour(self) -> Decimal | None:
        """None where there is no GPU to divide by."""
        return self.usd_per_hour / self.gpus if self.gpus else None


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One constraint loosened by one step, named by its ``key`` in the documents.

    ``change`` says the step in words (it may quote a provider); ``fleet`` is what the documents
    would declare with it, and ``filling`` what that would get.
    """

    key: str
    change: str
    fleet: Fleet
    filling: Filling


@dataclass(frozen=True, slots=True)
class Explanation:
    """``matching`` of ``total`` offers may be taken, the best are ``ranked``; every other one is
    counted under its first reason in ``rejections``. ``failures``: providers that could not be
    asked, and why.

    ``filling`` is what the fleet would get now if it had nothing; ``relaxation`` the one step that
    would save most of that, None where no single step helps.
    """

    fleet: Fleet
    total: int
    matching: int
    ranked: tuple[ExplainedOffer, ...]
    alternatives: tuple[ExplainedAlternative, ...]
    rejections: Mapping[str, int]
    filling: Filling
    relaxation: Relaxation | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
