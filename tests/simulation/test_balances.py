"""Accounts with little money: bought within it alone, and warned of before it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.market.account import balance
from reconciler.market.faults import Fault
from reconciler.market.settings import CALM, MarketSettings
from reconciler.model.errors import ProviderUnavailable
from reconciler.model.exit_code import ExitCode
from reconciler.model.notice import NoticeKind
from tests.simulation.shop import Shop, story

HOUR = timedelta(hours=1)
DEV = "dev: {resources: {gpu: RTX4090}, ttl: 10h, nodes: 3}"


def account(usd: str | None) -> MarketSettings:
    return replace(CALM, opening_balance_usd=None if usd is None else Decimal(usd))


def documents(least: str | None = None, fleet: str = DEV) -> str:
    keys = "" if least is None else f"min_balance_usd: {least}"
    return (
        f"version: 1\nworkspace: demo\nproviders: {{simulated: {{{keys}}}}}\nfleets:\n  {fleet}\n"
    )


def test_what_the_balance_cannot_carry_to_its_lease_end_is_refused(tmp_path: Path) -> None:
    """$10 with $2 kept carry one node of $0.412 an hour over ten hours, of three."""

    async def tell(shop: Shop) -> tuple[ExitCode, int, list[str], str]:
        result = await shop.apply(documents("2"))
        said = [one.message for one in result.plan.findings if one.code == result.code]
        (fix,) = (one.fix for one in result.plan.findings if one.code == result.code)
        await shop.wait(10 * HOUR)
        await shop.reconcile()
        await shop.wait(HOUR)
        left = balance(shop.world, shop.now)
        assert left is not None
        assert left >= 2, "the wall that was promised"
        return result.code, len(result.plan.creates), said, fix

    code, bought, said, fix = story(tmp_path, tell, settings=account("10"))
    assert (code, bought) == (ExitCode.REFUSED_BY_BUDGET, 1)
    (message,) = said
    assert "of $10.00 in the account" in message
    assert "$2.00 are kept (providers.simulated.min_balance_usd)" in message
    assert "1 of 3 node(s) fit" in message
    short = Decimal(message.partition("short of $")[2].partition(";")[0])
    assert f"add ${short}" in fix or f"add ${short + Decimal('0.01')}" in fix


def test_the_shortfall_is_exact(tmp_path: Path) -> None:
    """With so much more in the account the same plan is carried out, with a cent less it is not."""

    def short_of(usd: str) -> tuple[int, str]:
        async def tell(shop: Shop) -> tuple[int, str]:
            plan = await shop.plan(documents("2"))
            fixes = [one.fix for one in plan.findings if "of credit" in one.fix]
            return len(plan.creates), "".join(fixes)

        return story(tmp_path, tell, settings=account(usd))

    _, fix = short_of("10")
    missing = Decimal(fix.partition("add $")[2].partition(" ")[0])
    assert short_of(str(10 + missing)) == (3, "")
    assert short_of(str(10 + missing - Decimal("0.02")))[0] == 2


def test_a_gang_that_the_balance_carries_in_part_is_not_bought(tmp_path: Path) -> None:
    fleet = DEV.replace("nodes: 3", "nodes: 3, gang: true")

    async def tell(shop: Shop) -> tuple[ExitCode, int]:
        result = await shop.apply(documents("2", fleet))
        return result.code, len(shop.alive())

    assert story(tmp_path, tell, settings=account("10")) == (ExitCode.REFUSED_BY_BUDGET, 0)


@pytest.mark.parametrize("told", [True, False])
def test_a_balance_that_is_not_known_is_neither_enough_nor_nothing(
    tmp_path: Path, told: bool
) -> None:
    """Nothing is bought beside a minimum that cannot be checked; what runs stays."""

    async def tell(shop: Shop) -> tuple[ExitCode, ExitCode, int, str]:
        await shop.apply(documents(fleet=DEV.replace("nodes: 3", "nodes: 1")))

        async def silent() -> Decimal:
            raise ProviderUnavailable("simulated", "the market answers with a server error")

        if told:
            shop.provider.balance = silent  # type: ignore[method-assign]
        result = await shop.apply(documents("2"))
        again = await shop.reconcile()
        (message,) = [one.message for one in result.plan.findings if one.code == result.code]
        return result.code, again.code, len(shop.alive()), message

    code, loop, alive, message = story(tmp_path, tell, settings=account("100" if told else None))
    why = "simulated: the market answers with a server error" if told else "this provider does not"
    assert (code, loop, alive) == (ExitCode.REFUSED_BY_BUDGET, ExitCode.DONE, 1)
    assert message.startswith(f"the balance of simulated is not known ({why}")
    assert message.endswith("cannot be kept: nothing is bought there")


def test_without_a_minimum_a_balance_that_does_not_last_is_a_warning(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> tuple[ExitCode, int, list[str]]:
        result = await shop.apply(documents())
        return result.code, len(shop.alive()), [one.message for one in result.plan.findings]

    code, alive, said = story(tmp_path, tell, settings=account("10"))
    assert (code, alive) == (ExitCode.DONE, 3)
    (message,) = [one for one in said if "balance" in one]
    assert message.startswith("the balance of simulated, $10.00, does not last until the leases")
    assert "empty on Wednesday 01 Jul 19:59 UTC at $1.251/h" in message


def test_the_loop_warns_once_for_each_step_and_destroys_nothing(tmp_path: Path) -> None:
    """Long before the account is empty, again when it is nearly so, and not in every pass."""

    async def tell(shop: Shop) -> list[tuple[Decimal, str]]:
        await shop.apply(documents())
        told = []
        for _ in range(80):
            result = await shop.reconcile()
            left = balance(shop.world, shop.now)
            assert left is not None
            told += [
                (left, one.message) for one in result.notices if one.kind is NoticeKind.BALANCE
            ]
            await shop.wait(HOUR / 10)
        assert len(shop.alive()) == 3
        return told

    (first, second) = story(tmp_path, tell, settings=account("10"))
    assert first[0] > Decimal("9.8")
    assert "short of $" in first[1]
    assert 0 < second[0] < Decimal("1.3"), "an hour before it is empty"


def test_an_account_that_was_filled_up_is_forgotten_and_warned_of_anew(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> list[int]:
        await shop.apply(documents())
        credit = Decimal(0)
        real = shop.provider.balance

        async def filled() -> Decimal | None:
            told = await real()
            return None if told is None else told + credit

        shop.provider.balance = filled  # type: ignore[method-assign]
        warned = []
        for added, hours in (("0", 0), ("10", 2), ("0", 0), ("0", 0)):
            credit = Decimal(added)
            await shop.wait(hours * HOUR)
            result = await shop.reconcile()
            warned.append(sum(one.kind is NoticeKind.BALANCE for one in result.notices))
        return warned

    assert story(tmp_path, tell, settings=account("10")) == [1, 0, 1, 0]


def test_heal_buys_nothing_that_the_balance_cannot_carry(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> tuple[int, ExitCode]:
        await shop.apply(documents("2", DEV.replace("nodes: 3", "nodes: 1")))
        real = shop.provider.balance

        async def spent() -> Decimal | None:
            told = await real()
            return None if told is None else told - 95

        (machine,) = shop.alive()
        shop.world.destroy(machine.id, shop.now)
        shop.provider.balance = spent  # type: ignore[method-assign]
        for _ in range(6):
            await shop.wait(HOUR / 20)
            result = await shop.reconcile(heal=True)
        return len(shop.alive()), result.code

    assert story(tmp_path, tell, settings=account("100")) == (0, ExitCode.REFUSED_BY_BUDGET)


def test_an_account_that_could_not_be_read_is_not_asked_for_its_balance(tmp_path: Path) -> None:
    """It may be another one, and a provider that hangs must not hold up a pass twice."""

    async def tell(shop: Shop) -> tuple[int, list[str]]:
        await shop.apply(documents("2"))
        asked = 0

        async def counted() -> Decimal:
            nonlocal asked
            asked += 1
            return Decimal(1000)

        shop.provider.balance = counted  # type: ignore[method-assign]
        shop.world.script_fault(Fault(error="unavailable"), "list_instances")
        result = await shop.reconcile()
        return asked, [one.message for one in result.plan.findings if "balance" in one.message]

    asked, said = story(tmp_path, tell, settings=account("100"))
    assert asked == 0
    assert said == [
        "the balance of simulated is not known (its account was not read): whether it lasts until "
        "the leases there end cannot be told"
    ]


def test_an_account_that_does_not_tell_its_balance_keeps_no_machine_alive(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> tuple[int, timedelta]:
        await shop.apply(documents("2"))

        async def hangs() -> Decimal:
            await shop.clock.sleep(3600)
            return Decimal(1000)

        shop.provider.balance = hangs  # type: ignore[method-assign]
        slow = replace(shop.provider.capabilities, call_deadline=timedelta(seconds=90))
        shop.provider.capabilities = slow
        lease = shop.state().leases["dev"].ends_at
        assert lease is not None
        await shop.wait(lease - shop.now)
        begun = shop.now
        await shop.reconcile()
        took = shop.now - begun
        await shop.wait(HOUR / 20)
        return len(shop.alive()), took

    left, took = story(tmp_path, tell, settings=account("100"))
    assert left == 0
    assert took < timedelta(seconds=15)
