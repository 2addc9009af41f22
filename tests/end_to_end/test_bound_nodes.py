"""Nodes that belong together, bought by the installed command; the ledger says what came of it."""

from __future__ import annotations

from pathlib import Path

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.offer import MarketOffer
from reconciler.model.exit_code import ExitCode
from tests.end_to_end.workplace import MINUTE, Workplace, workplace
from tests.markets import market_offer
from tests.simulation.shop import QUICKSTART

GANG = "    nodes: 3\n    gang: true\n    placement: same_region\n"


def in_region(region: str, *cents: int) -> list[MarketOffer]:
    return [
        market_offer(f"{region}{one}", base_microusd=one * 10_000, region=region) for one in cents
    ]


def bought(shop: Workplace) -> list[str]:
    return sorted(machine.offer_id for machine in shop.alive())


def test_a_gang_in_one_region_is_bought_and_healed_where_it_is_cheapest_as_a_whole(
    tmp_path: Path,
) -> None:
    offers = [*in_region("eu", 30, 31, 90), *in_region("us", 40, 41, 42, 99)]
    with workplace(tmp_path, *offers) as shop:
        shop.declare(QUICKSTART + GANG)
        applied = shop.apply()
        assert applied.code == ExitCode.DONE, applied.err
        assert bought(shop) == ["us40", "us41", "us42"]
        assert shop.sent("create_instance") == 3

        lost = next(machine for machine in shop.alive() if machine.offer_id == "us41")
        shop.world.stop(lost.id, shop.now)
        for _ in range(4):
            shop.advance(2 * MINUTE)
            healed = shop.one_pass("--heal")
        assert healed.code == ExitCode.DONE, healed.err
        assert len(shop.alive()) == 3
        assert {machine.region for machine in shop.alive()} == {"us"}


def test_a_gang_that_no_region_can_hold_whole_buys_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path, *in_region("eu", 30, 31), *in_region("us", 40, 41)) as shop:
        shop.declare(QUICKSTART + GANG)
        applied = shop.apply()
        assert applied.code == ExitCode.NO_OFFER
        assert "cannot be rented whole with placement same_region" in " ".join(applied.out.split())
        assert (shop.ever(), shop.sent("create_instance")) == (0, 0)


def test_a_gang_that_comes_short_on_the_way_is_given_back(tmp_path: Path) -> None:
    with workplace(tmp_path, *in_region("eu", 30, 31, 32)) as shop:
        operation, fault = CATALOGUE["C1.9"]
        shop.world.script_fault(fault, operation, times=1)
        shop.declare(QUICKSTART + GANG)
        assert shop.apply().code == ExitCode.NO_OFFER
        shop.advance(MINUTE)
        assert (shop.ever(), shop.alive()) == (2, ())


def test_the_cap_of_a_provider_holds_in_the_ledger(tmp_path: Path) -> None:
    capped = QUICKSTART.replace("simulated: {}", "simulated: {max_hourly_usd: 0.80}")
    with workplace(tmp_path, *in_region("eu", 30, 31, 32)) as shop:
        shop.declare(capped + "    nodes: 3\n")
        applied = shop.apply()
        assert applied.code == ExitCode.NO_OFFER
        assert "providers.simulated.max_hourly_usd stands in the way" in " ".join(
            applied.out.split()
        )
        end = applied.err[applied.err.index("Done: ") :]
        assert "Not done (exit 7): fleet.dev" in end, "said again below what was bought"
        assert "  fix: " in end
        assert bought(shop) == ["eu30", "eu31"]
