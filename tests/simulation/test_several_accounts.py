"""Several accounts of one type of provider in one workspace: two at Vast.ai, two faces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest

from reconciler.inventory.kept_offers import KeptOffers
from reconciler.market.faces.exchange import as_text
from reconciler.market.ledger import living
from reconciler.market.world import World
from reconciler.model.errors import UnsafePlan
from reconciler.model.exit_code import ExitCode
from reconciler.model.hand_over import SshFiles
from reconciler.model.instance import SshEndpoint
from reconciler.operations.market_view import find_strangers
from reconciler.operations.provider_check import check_providers
from reconciler.operations.workspace import Workspace
from reconciler.providers.registry import OpenedProviders
from reconciler.transport.ssh_login import Login
from tests.faces import VastWire, vast_provider
from tests.markets import START, small_world
from tests.simulation.face_shop import FaceShop
from tests.simulation.shop import several_offers
from tests.virtual_time import run_virtual

Result = TypeVar("Result")
HOURS = timedelta(hours=1)
TWO = """
version: 1
workspace: demo
providers:
  vast-a: {type: vastai, key: "${env:KEY_A}"}
  vast-b: {type: vastai, key: "${env:KEY_B}"}
fleets:
  one: {resources: {gpu: RTX4090}, providers: [vast-a], nodes: 2, ttl: 4h}
  two: {resources: {gpu: RTX4090}, providers: [vast-b], ttl: 8h}
"""
ANYWHERE = TWO.replace("providers: [vast-a], ", "").replace(", providers: [vast-b]", "")


class TwoAccounts(FaceShop):
    """``vast-a`` rents in ``world``, ``vast-b`` in ``other``."""

    def __init__(self, directory: Path, world: World, other: World) -> None:
        super().__init__(directory, world)
        self.other = other
        self.documents = TWO
        self.wires = {"vast-a": VastWire(world, self.true_clock)}
        self.wires["vast-b"] = VastWire(other, self.true_clock)
        self.accounts = {
            name: vast_provider(wire, name=name, clock=self.machine)
            for name, wire in self.wires.items()
        }

    def opened(self) -> OpenedProviders:
        return OpenedProviders(dict(self.accounts), self.machine)

    def workspace(self, documents: str | None = None) -> Workspace:
        made = super().workspace(documents)
        made.kept_offers = KeptOffers(self.directory / "offers.json")
        return made

    async def log_in(
        self, endpoint: SshEndpoint, alias: str, files: SshFiles, command: str, seconds: float
    ) -> Login:
        await self.clock.sleep(1)
        here = [one.ssh_host for one in living(self.world, self.now)]
        return self.driver_at(self.world if endpoint.host in here else self.other, endpoint)

    def lives(self) -> tuple[int, int]:
        return len(living(self.world, self.now)), len(living(self.other, self.now))

    def homes(self) -> dict[str, str]:
        return {str(one.slot): one.provider for one in self.state().instances.values()}


def told(directory: Path, tell: Callable[[TwoAccounts], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        with (
            small_world(*several_offers()) as world,
            small_world(*several_offers(), seed=8) as other,
        ):
            return await tell(TwoAccounts(directory, world, other))

    return run_virtual(run)


def test_each_fleet_lives_and_ends_in_its_own_account(tmp_path: Path) -> None:
    async def tell(shop: TwoAccounts) -> None:
        result = await shop.apply()
        assert result.code == 0, result.outcomes
        assert shop.lives() == (2, 1)
        pins = shop.state().providers
        assert (pins["vast-a"].type, pins["vast-a"].key) == ("vastai", "${env:KEY_A}")
        assert pins["vast-a"].account != pins["vast-b"].account
        assert (await find_strangers(shop.workspace())).strangers == ()
        await shop.wait(START + 4 * HOURS + timedelta(minutes=1) - shop.now)
        await shop.reconcile()
        await shop.wait(timedelta(minutes=1))
        assert shop.lives() == (0, 1), "the lease of one account's fleet ends nothing in the other"
        await shop.wait(4 * HOURS)
        await shop.reconcile()
        await shop.wait(timedelta(minutes=1))
        assert shop.lives() == (0, 0)

    told(tmp_path, tell)


def test_ids_that_are_the_same_in_both_accounts_are_two_machines(tmp_path: Path) -> None:
    async def tell(shop: TwoAccounts) -> None:
        await shop.apply()
        ids = [one.instance_id for one in shop.state().instances.values()]
        assert len(set(ids)) < len(ids), "both faces count from the same number"
        await shop.destroy("fleet.two")
        assert shop.lives() == (2, 0)
        assert set(shop.homes().values()) == {"vast-a"}

    told(tmp_path, tell)


def test_an_account_that_cannot_be_read_holds_up_nothing_in_the_other(tmp_path: Path) -> None:
    def dead(request: Any, answer: Any) -> Any:
        return as_text(502, "bad gateway")

    async def tell(shop: TwoAccounts) -> None:
        await shop.apply()
        shop.wires["vast-b"].change = dead
        await shop.wait(START + 4 * HOURS + timedelta(minutes=1) - shop.now)
        result = await shop.reconcile()
        assert result.code is ExitCode.PROVIDER_FAILURE
        await shop.wait(timedelta(minutes=1))
        assert shop.lives() == (0, 1)
        assert len([one for one in shop.state().instances.values() if not one.doom]) == 1

    told(tmp_path, tell)


def test_keys_that_were_swapped_change_nothing(tmp_path: Path) -> None:
    async def tell(shop: TwoAccounts) -> None:
        await shop.apply()
        a, b = shop.accounts["vast-a"], shop.accounts["vast-b"]
        a.name, b.name = b.name, a.name
        shop.accounts = {"vast-a": b, "vast-b": a}
        result = await shop.reconcile()
        assert result.code is ExitCode.CREDENTIALS
        assert shop.lives() == (2, 1)
        assert len(shop.state().instances) == 3

    told(tmp_path, tell)


def test_each_account_keeps_its_own_pace(tmp_path: Path) -> None:
    async def tell(shop: TwoAccounts) -> None:
        await shop.apply(TWO.replace("nodes: 2", "nodes: 3"))
        begun, other = (
            [one.at for one in world.calls() if one.operation == "create_instance"]
            for world in (shop.world, shop.other)
        )
        least = timedelta(seconds=4.5)
        assert all(later - earlier >= least for earlier, later in pairwise(begun))
        assert min(abs(one - other[0]) for one in begun) < least

    told(tmp_path, tell)


def test_a_cap_of_one_account_sends_the_rest_to_the_other(tmp_path: Path) -> None:
    async def tell(shop: TwoAccounts) -> None:
        capped = ANYWHERE.replace('"${env:KEY_A}"', '"${env:KEY_A}", max_hourly_usd: 0.5')
        result = await shop.apply(capped)
        assert result.code == 0, result.outcomes
        assert shop.lives() == (1, 2)

    told(tmp_path, tell)


def test_two_names_for_one_account_are_refused(tmp_path: Path) -> None:
    async def tell(shop: TwoAccounts) -> None:
        wire = shop.wires["vast-a"]
        shop.accounts["vast-b"] = vast_provider(wire, name="vast-b", clock=shop.machine)
        with pytest.raises(UnsafePlan, match=r"vast-a and providers\.vast-b are one account"):
            await shop.apply()
        assert shop.lives() == (0, 0)

    told(tmp_path, tell)


def test_the_check_tells_the_accounts_apart(tmp_path: Path) -> None:
    async def tell(shop: TwoAccounts) -> None:
        report = await check_providers(shop.workspace())
        first, second = report.providers
        assert (first.provider, second.provider) == ("vast-a", "vast-b")
        assert first.account != second.account

    told(tmp_path, tell)
