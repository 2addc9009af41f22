"""``providers check`` at Vast.ai's face: key, account, permissions, balance; nothing is changed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from reconciler.market.faces.exchange import FaceAnswer, FaceRequest, as_json
from reconciler.market.faults import Fault
from reconciler.market.ledger import billed_total
from reconciler.model.exit_code import ExitCode
from reconciler.model.health import Check, ProviderHealth
from reconciler.operations.provider_check import check_providers
from tests.faces import vast_provider
from tests.simulation.vast_shop import VastShop, vast_story


async def look(shop: VastShop) -> tuple[ProviderHealth, dict[str, Check], ExitCode]:
    report = await check_providers(shop.workspace())
    (found,) = report.providers
    return found, {check.name: check for check in found.checks}, report.code


def without_credit(request: FaceRequest, answer: FaceAnswer) -> FaceAnswer:
    if request.segments[-2:] != ("users", "current"):
        return answer
    return as_json(200, {"id": 7, "credit": -3.5})


def test_a_fresh_account_is_in_order_and_nothing_is_changed_there(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        found, checks, code = await look(shop)
        assert code is ExitCode.DONE
        assert (found.type, found.balance_usd) == ("vastai", Decimal(100))
        assert [check.verdict for check in checks.values()] == ["ok"] * 5
        assert "will pin" in checks["account"].what
        assert "not tried" in checks["permissions"].what
        assert checks["balance"].what == "$100.00, and no machine uses it"
        # I30: reads alone
        assert {one.method for one in shop.wire.sent} <= {"GET", "POST"}
        assert shop.wire.count("POST", "bundles") == len(
            [one for one in shop.wire.sent if one.method == "POST"]
        )
        assert shop.workspace().backend.read() is None

    vast_story(tmp_path, tell)


def test_the_balance_is_what_the_market_left_and_says_how_long_it_lasts(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await shop.apply()
        await shop.wait(timedelta(hours=2))
        found, checks, code = await look(shop)
        billed = billed_total(shop.world, shop.now)
        assert billed > Decimal("0.5")
        assert found.balance_usd is not None
        assert abs(Decimal(100) - billed - found.balance_usd) < Decimal("0.01")
        assert "which the state is pinned to" in checks["account"].what
        assert " at $0.4" in checks["balance"].what
        assert code is ExitCode.DONE

    vast_story(tmp_path, tell)


def test_an_account_that_owes_is_refused_as_a_budget_would_be(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        shop.spoil(without_credit)
        found, checks, code = await look(shop)
        assert found.balance_usd == Decimal("-3.5")
        assert checks["balance"].what == "-$3.50"
        assert code is ExitCode.REFUSED_BY_BUDGET

    vast_story(tmp_path, tell)


def test_I14_another_accounts_key_is_named_with_both_accounts(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        await shop.apply()
        account = shop.state().providers["vastai"].account
        shop.spoil(without_credit)
        # another process, which has seen no account yet
        shop.adapter = vast_provider(shop.wire, clock=shop.machine)
        _, checks, code = await look(shop)
        assert checks["account"].what == f"7, but the state belongs to account {account}"
        assert code is ExitCode.CREDENTIALS

    vast_story(tmp_path, tell)


def test_a_refused_key_is_77_and_no_more_is_said_of_it(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        shop.adapter = vast_provider(
            shop.wire,
            key="f" * 64,
            clock=shop.machine,
        )
        found, checks, code = await look(shop)
        assert set(checks) == {"key", "clock"}
        assert found.account is None
        assert code is ExitCode.CREDENTIALS

    vast_story(tmp_path, tell)


def test_a_key_that_may_not_search_is_told_from_a_whole_one(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        shop.world.script_fault(Fault(error="auth-refused"), "list_offers")
        _, checks, code = await look(shop)
        assert checks["key"].verdict == "ok"
        assert "could not search offers" in checks["permissions"].what
        assert code is ExitCode.PROVIDER_FAILURE

    vast_story(tmp_path, tell)


def test_I5_a_listing_that_fails_says_nothing_of_the_account(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        shop.world.script_fault(Fault(error="unavailable"), "list_instances", times=None)
        found, checks, code = await look(shop)
        assert found.account is None
        assert checks["key"].code is ExitCode.PROVIDER_FAILURE
        assert code is ExitCode.PROVIDER_FAILURE

    vast_story(tmp_path, tell)


def test_I31_the_clock_is_held_against_the_date_of_the_answers(tmp_path: Path) -> None:
    async def tell(shop: VastShop) -> None:
        _, checks, _ = await look(shop)
        assert checks["clock"].what == "the provider's is this machine's, to the second"
        shop.wire.clock_off = timedelta(seconds=30)
        _, checks, _ = await look(shop)
        assert checks["clock"].verdict == "ok"
        assert " ahead of this machine" in checks["clock"].what
        shop.wire.clock_off = -timedelta(minutes=5)
        _, checks, code = await look(shop)
        assert checks["clock"].verdict == "warning"
        assert " behind this machine" in checks["clock"].what
        assert code is ExitCode.DONE
        shop.wire.dates = False
        _, checks, _ = await look(shop)
        assert checks["clock"].what == "its answers told no time"

    vast_story(tmp_path, tell)
