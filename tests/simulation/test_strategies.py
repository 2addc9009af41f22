"""How a fleet chooses among offers: judged by the ledgers of two markets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from reconciler.market.ledger import living
from reconciler.market.offer import MarketOffer
from reconciler.market.world import World
from reconciler.model.exit_code import ExitCode
from reconciler.operations.market_view import explain_fleet
from reconciler.providers.registry import OpenedProviders
from reconciler.providers.simulated.provider import SimulatedProvider
from tests.markets import market_offer, small_world
from tests.simulation.shop import Shop, story
from tests.simulation.test_spot import MARKET, SPOT, offers_of, take_away
from tests.virtual_time import run_virtual

HOUR = timedelta(hours=1)
DEV = """
version: 1
workspace: demo
providers: {near: {type: simulated, market: near}, far: {type: simulated, market: far}}
fleets:
  dev:
    resources: {gpu: RTX4090}
    nodes: 4
"""


class TwoMarkets(Shop):
    """Rents from `near`, which is cheaper, and from `far`."""

    def __init__(self, directory: Path, near: World, far: World) -> None:
        super().__init__(directory, near)
        self.far = far
        self.other = SimulatedProvider("far", far, self.clock)
        self.provider = SimulatedProvider("near", near, self.clock)

    def opened(self) -> OpenedProviders:
        return OpenedProviders({"near": self.provider, "far": self.other}, self.clock)

    @property
    def nodes(self) -> tuple[int, int]:
        """At `near` and at `far`, as they bill them."""
        return len(self.alive()), len(living(self.far, self.now))


def hosts(count: int, microusd: int) -> list[MarketOffer]:
    return [
        market_offer(f"o{number}", base_microusd=microusd + number, host=f"h{number}")
        for number in range(count)
    ]


def two_markets(
    directory: Path, tell: Callable[[TwoMarkets], Awaitable[None]], far_hosts: int = 5
) -> None:
    async def told() -> None:
        cheap, dear = hosts(5, 400_000), hosts(far_hosts, 500_000)
        with small_world(*cheap) as near, small_world(*dear, seed=8) as far:
            await tell(TwoMarkets(directory, near, far))

    run_virtual(told)


def test_the_lowest_price_goes_where_it_is(tmp_path: Path) -> None:
    async def tell(shop: TwoMarkets) -> None:
        await shop.apply(DEV)
        assert shop.nodes == (4, 0)

    two_markets(tmp_path, tell)


def test_diversified_spreads_over_providers(tmp_path: Path) -> None:
    async def tell(shop: TwoMarkets) -> None:
        await shop.apply(DEV + "    allocation_strategy: diversified\n")
        assert shop.nodes == (2, 2)

    two_markets(tmp_path, tell)


def test_diversified_counts_the_machines_that_stay(tmp_path: Path) -> None:
    async def tell(shop: TwoMarkets) -> None:
        await shop.apply(DEV)
        assert shop.nodes == (4, 0)
        more = DEV.replace("nodes: 4", "nodes: 7")
        await shop.apply(more + "    allocation_strategy: diversified\n")
        assert shop.nodes == (4, 3)

    two_markets(tmp_path, tell)


def test_prioritized_goes_by_the_order_of_providers(tmp_path: Path) -> None:
    """The dearer one first, as long as it has some."""

    async def tell(shop: TwoMarkets) -> None:
        order = "    allocation_strategy: prioritized\n    providers: [far, near]\n"
        await shop.apply(DEV + order)
        assert shop.nodes == (1, 3)

    two_markets(tmp_path, tell, far_hosts=3)


def test_no_provider_has_more_than_its_share(tmp_path: Path) -> None:
    async def tell(shop: TwoMarkets) -> None:
        await shop.apply(DEV + "    max_share_per_provider: 50%\n")
        assert shop.nodes == (2, 2)

    two_markets(tmp_path, tell)


def test_a_gang_that_its_share_cannot_fill_buys_nothing(tmp_path: Path) -> None:
    async def tell(shop: TwoMarkets) -> None:
        result = await shop.apply(DEV + "    gang: true\n    max_share_per_provider: 50%\n")
        assert (result.code, shop.nodes) == (ExitCode.NO_OFFER, (0, 0))

    two_markets(tmp_path, tell, far_hosts=1)


def test_a_share_holds_when_an_offer_is_gone_before_it_is_rented(tmp_path: Path) -> None:
    """What stands in for it is at the same provider."""

    async def tell(shop: TwoMarkets) -> None:
        documents = DEV + "    max_share_per_provider: 50%\n"
        plan = await shop.plan(documents)
        for create in plan.creates:
            assert {one.provider for one in create.ranked} == {create.offer.provider}

    two_markets(tmp_path, tell)


def test_what_was_learnt_of_a_host_outweighs_a_small_difference_in_price(tmp_path: Path) -> None:
    """`o1-spot` is the cheapest, and was taken away there an hour ago."""

    async def tell(shop: Shop) -> None:
        documents = SPOT + "    allocation_strategy: price-capacity-optimized\n"
        await shop.apply(documents)
        await take_away(shop)
        await shop.reconcile(heal=True)
        await shop.destroy()
        await shop.wait(2 * HOUR)
        explained = await explain_fleet(shop.workspace(), "dev")
        lost = next(one for one in explained.ranked if one.offer.id == "o1-spot")
        assert [term.why for term in lost.terms] == ["1 spot machine taken away"]
        assert lost.score_usd > lost.usd_per_hour
        await shop.apply()
        assert offers_of(shop) == ["o2-spot"]

    story(tmp_path, tell, *MARKET)
