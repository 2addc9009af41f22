"""Strategies, shares and spot beside on-demand, held against every allowed choice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from reconciler.model.fleet import Buying, NodeCount, Resources
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.host_memory import HostRecord
from reconciler.model.offer import Offer
from reconciler.planning.hosts import host_of
from reconciler.planning.limits import cell_of_machine, limits_of
from reconciler.planning.purchase_terms import FleetNeed, Standing, terms_of
from tests.builders import fleet
from tests.markets import START
from tests.unit.planning.small_market import GPUS, SmallMarket, check_all, check_order

CASES = 700
PARTS = 7
STRATEGIES = ("lowest-price", "price-capacity-optimized", "diversified", "prioritized")


class Case(SmallMarket):
    """A small market, and one or two fleets; one number makes all of it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        draw = self.draw
        self.market = [self._offer(n) for n in range(draw.randint(1, draw.choice((4, 6))))]
        sizes = draw.choice(((2,), (3,), (2, 1), (2, 2)))
        self.needs = [self._need(f"f{number}", size) for number, size in enumerate(sizes)]
        self.rooms = {
            name: Decimal(draw.randint(0, 60)) / 100 for name in ("p", "q") if draw.random() < 0.1
        }

    def _offer(self, number: int) -> Offer:
        return replace(self.drawn_offer(number), spot=self.draw.random() < 0.4)

    def _buying(self) -> Buying:
        draw = self.draw
        strategy: Any = draw.choice(STRATEGIES)
        learnt = [
            HostRecord(
                provider=provider,
                host=host,
                boots=draw.randint(0, 3),
                failures=draw.randint(0, 2),
                losses=draw.randint(0, 2),
                seen_at=START - timedelta(days=draw.randint(0, 20)),
            )
            for provider in "pq"
            for host in ("h1", "h2")
        ]
        weighs = strategy == "price-capacity-optimized"
        return Buying(
            strategy=strategy,
            auto=draw.random() < 0.6,
            bid_usd=draw.choice((None, None, Decimal("0.14"))),
            max_share_percent=draw.choice((None, None, 50, 67)),
            order=draw.choice((("q", "p"), ("p",))) if strategy == "prioritized" else (),
            learnt=tuple(learnt) if weighs else (),
            as_of=START if weighs else None,
        )

    def _need(self, name: str, size: int) -> FleetNeed:
        draw = self.draw
        standing = [self._offer(100 + n) for n in range(draw.choice((0, 0, 0, 1, 2)))]
        gpus = draw.choice((GPUS, GPUS[::-1], GPUS[:1]))
        least = draw.randint(0, size)
        wanted = fleet(
            name,
            NodeCount(least + len(standing), size + len(standing), size + len(standing)),
            resources=Resources(
                gpu=tuple(parse_gpu(text) for text in gpus), ordered=draw.random() < 0.3
            ),
            gang=draw.random() < 0.3,
            placement=draw.choice(("any", "any", "any", "same_region", "spread")),
            uniform=draw.random() < 0.7,
            spot=draw.random() < 0.2,
            buying=self._buying(),
        )
        on_demand = tuple(range(len(standing), len(standing) + draw.choice((0, 0, 1))))
        hosts = [host_of(one.provider, one.host, one.capacity_key) for one in standing]
        cells = [
            cell_of_machine(one.provider, one.region, host)
            for one, host in zip(standing, hosts, strict=True)
        ]
        auto = wanted.buying.auto
        limits = limits_of(wanted, size - len(on_demand) if auto else None, cells)
        self.standing[name] = standing
        return FleetNeed(
            fleet=wanted,
            slots=tuple(range(len(standing), len(standing) + size)),
            occupied=len(standing),
            replaces={},
            on_demand=on_demand if auto else (),
            terms=terms_of(
                wanted,
                [(one.gpu, one.gpu_count, one.gpu_memory_bytes) for one in standing],
                [
                    Standing(one.provider, one.region, host)
                    for one, host in zip(standing, hosts, strict=True)
                ],
                limits,
            ),
        )


@pytest.mark.parametrize("part", range(PARTS))
def test_the_choice_is_the_best_that_is_allowed(part: int) -> None:
    check_all(Case, range(part, CASES, PARTS))


@pytest.mark.parametrize("number", range(0, 100, 10))
def test_I21_the_order_of_offers_and_fleets_does_not_matter(number: int) -> None:
    check_order(Case(number), 3)
