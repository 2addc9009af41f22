"""Budgets for what is spent at one provider: judged by the ledgers of two markets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from reconciler.market.ledger import billed_total
from reconciler.model.exit_code import ExitCode
from reconciler.model.reason import DestroyReason
from tests.simulation.test_strategies import DEV, TwoMarkets, two_markets

MINUTE = timedelta(minutes=1)
SPREAD = DEV + "    allocation_strategy: diversified\n    ttl: 2d\n"


def budget(limit: str, more: str = "") -> str:
    match = "{providers: [near]}"
    return f"budgets: {{near: {{match: {match}, period: total, limit_usd: {limit}{more}}}}}\n"


def test_only_what_stands_at_the_provider_is_ended_for_it(tmp_path: Path) -> None:
    """I6: below the limit there, and the machines elsewhere live on."""

    async def tell(shop: TwoMarkets) -> None:
        await shop.apply(SPREAD + budget("60"))
        assert shop.nodes == (2, 2)
        # A lower limit, applied to what runs already; two nodes will do.
        await shop.apply(SPREAD.replace("nodes: 4", "nodes: 2..4") + budget("3"))
        while shop.alive():
            result = await shop.reconcile(heal=True)
            await shop.wait(min(30 * MINUTE, (result.next_deadline or shop.now) - shop.now))
            reasons = {destroy.reason for destroy in result.plan.destroys}
            assert reasons <= {DestroyReason.OVER_BUDGET}
        assert 2 < billed_total(shop.world, shop.now) <= 3
        assert shop.nodes == (0, 2)

    two_markets(tmp_path, tell)


def test_nothing_is_bought_there_that_it_cannot_carry(tmp_path: Path) -> None:
    async def tell(shop: TwoMarkets) -> None:
        result = await shop.apply(SPREAD + budget("1"))
        assert result.code is ExitCode.REFUSED_BY_BUDGET
        assert shop.nodes == (0, 2)

    two_markets(tmp_path, tell)


def test_no_offer_of_the_provider_stands_in_for_another_one(tmp_path: Path) -> None:
    """What falls back from `far` to `near` would spend what nobody has reserved."""

    async def tell(shop: TwoMarkets) -> None:
        plan = await shop.plan(SPREAD + budget("60"))
        for create in plan.creates:
            assert {one.provider for one in create.ranked} == {create.offer.provider}

    two_markets(tmp_path, tell)
