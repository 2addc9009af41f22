"""What we say that machines cost, against what the market bills for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from reconciler.market.faults import Call, Fault
from reconciler.market.ledger import billed_total
from reconciler.market.settings import CALM
from reconciler.model.ledger import COST_KINDS, closed_machine_of
from reconciler.operations.status import read_status
from reconciler.planning.costs import costs_of
from reconciler.planning.forecast import budget_summaries
from tests.simulation.shop import NO_FLEETS, QUICKSTART, Shop, several_offers, story

HOUR = timedelta(hours=1)
TWO = QUICKSTART.replace("ttl: 4h", "ttl: 4h\n    nodes: 2\n    team: vision")
LONG_AGO = datetime.fromisoformat("2000-01-01T00:00Z")


def _ours(shop: Shop) -> Decimal:
    return costs_of(shop.state(), LONG_AGO, shop.now).total.usd


def test_the_ledger_and_the_market_agree_on_machines_with_disks(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        await shop.apply(TWO)
        await shop.wait(2 * HOUR)
        running = (_ours(shop), billed_total(shop.world, shop.now))
        await shop.destroy()
        await shop.wait(HOUR)
        return (*running, _ours(shop), billed_total(shop.world, shop.now))

    ours, theirs, ours_after, theirs_after = story(
        tmp_path, tell, *several_offers(disk_microusd_per_gib=137)
    )
    assert theirs > 1
    assert abs(ours - theirs) <= Decimal("0.000004")
    assert abs(ours_after - theirs_after) <= Decimal("0.000004")


def test_the_parts_by_kind_are_those_of_the_bill(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> dict[str, Decimal]:
        await shop.apply(TWO)
        await shop.wait(2 * HOUR)
        total = costs_of(shop.state(), LONG_AGO, shop.now).total
        return {kind: total.of(kind) * Decimal("0.000001") for kind in COST_KINDS}

    parts = story(tmp_path, tell, *several_offers(disk_microusd_per_gib=137))
    assert parts["gpu"] > parts["disk"] > 0
    assert parts["stopped"] == parts["failed-boot"] == 0


def test_i13_a_stopped_machine_costs_its_disk_and_is_told_apart(tmp_path: Path) -> None:
    def stops(call: Call) -> Fault | None:
        return Fault(stops_after=2 * HOUR) if call.operation == "create_instance" else None

    async def tell(shop: Shop) -> tuple[Decimal, Decimal, int]:
        await shop.apply(QUICKSTART)
        for _ in range(9):
            await shop.wait(timedelta(minutes=25))
            await shop.reconcile()
        total = costs_of(shop.state(), LONG_AGO, shop.now).total
        return total.usd, billed_total(shop.world, shop.now), total.stopped

    ours, theirs, stopped = story(
        tmp_path, tell, *several_offers(disk_microusd_per_gib=137), fault_hook=stops
    )
    assert stopped > 0
    # it stopped between two passes, and the market says when
    assert abs(ours - theirs) <= Decimal("0.000004")


def test_c11_7_a_machine_that_never_became_ready_is_listed_with_its_id(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> tuple[list[str], Decimal, Decimal]:
        await shop.apply(QUICKSTART)
        await shop.wait(HOUR)
        report = costs_of(shop.state(), LONG_AGO, shop.now)
        ids = [closed_machine_of(row).instance_id for row in shop.state().ledger.failed]
        return (
            ids,
            report.total.of("failed-boot") * Decimal("0.000001"),
            billed_total(shop.world, shop.now),
        )

    ids, failed, billed = story(tmp_path, tell, settings=replace(CALM, boot_failure_percent=100))
    assert len(ids) >= 1
    assert abs(failed - billed) <= billed * Decimal("0.05")


def test_a_team_pays_for_its_fleet_after_it_is_gone_too(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> list[tuple[str, ...]]:
        await shop.apply(TWO)
        await shop.wait(HOUR)
        await shop.apply(NO_FLEETS, max_destroy=2)
        await shop.wait(HOUR)
        report = costs_of(shop.state(), LONG_AGO, shop.now, by=("team", "fleet"))
        return [row.keys for row in report.rows]

    assert story(tmp_path, tell) == [("vision", "dev")]


def test_i17_a_second_apply_writes_nothing_into_the_ledger(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> tuple[bytes, bytes]:
        path = tmp_path / "state" / "demo.json"
        await shop.apply(TWO)
        first = path.read_bytes()
        await shop.wait(HOUR)
        await shop.apply(TWO)
        return first, path.read_bytes()

    first, second = story(tmp_path, tell)
    assert first == second


@pytest.mark.parametrize("seed", range(8))
def test_the_worst_case_of_a_plan_is_not_exceeded_when_only_a_loop_looks(
    seed: int, tmp_path: Path
) -> None:
    """A loop that ends machines at their end and does nothing else: the bill stays below."""
    random = Random(seed)
    nodes, minutes = random.randint(1, 4), random.randint(20, 600)
    text = QUICKSTART.replace("ttl: 4h", f"ttl: {minutes}m\n    nodes: {nodes}")

    async def tell(shop: Shop) -> tuple[Decimal, Decimal]:
        result = await shop.apply(text)
        worst = result.plan.worst_case_usd
        assert worst is not None
        end = shop.state().leases["dev"].ends_at
        assert end is not None
        await shop.wait(end - shop.now + timedelta(seconds=random.randint(1, 59)))
        while shop.alive():
            await shop.reconcile()
            await shop.wait(timedelta(seconds=5))
        return worst, billed_total(shop.world, shop.now)

    worst, billed = story(
        tmp_path, tell, *several_offers(disk_microusd_per_gib=random.randint(0, 900))
    )
    assert Decimal(0) < billed <= worst


def test_status_says_what_the_ledger_says_when_the_rate_has_changed(tmp_path: Path) -> None:
    """An hour of work and an hour of disk alone are not two hours of disk."""

    async def tell(shop: Shop) -> tuple[Decimal, Decimal, Decimal]:
        await shop.apply(QUICKSTART)
        await shop.wait(HOUR)
        await shop.reconcile()
        (machine,) = shop.alive()
        shop.world.stop(machine.id, shop.now)
        await shop.wait(HOUR / 60)
        await shop.reconcile()
        await shop.wait(HOUR)
        report = await read_status(shop.workspace())
        return report.usd_so_far, _ours(shop), billed_total(shop.world, shop.now)

    shown, ours, theirs = story(tmp_path, tell, *several_offers(disk_microusd_per_gib=137))
    assert shown == ours
    assert abs(ours - theirs) < Decimal("0.01")


def test_what_is_counted_after_a_destroy_is_told_apart_and_corrected_by_the_proof(
    tmp_path: Path,
) -> None:
    """On a lease of minutes the wait for the proof is a fifth of the bill, while it lasts."""
    budgets = "budgets: {all: {match: {}, period: total, limit_usd: 50}}\nfleets:"

    async def tell(shop: Shop) -> list[tuple[Decimal, Decimal]]:
        await shop.apply(QUICKSTART.replace("fleets:", budgets).replace("4h", "10m"))
        await shop.wait(HOUR / 6)
        told = []
        for minutes in (0, 2, 20):
            await shop.wait(timedelta(minutes=minutes))
            await shop.reconcile()
            (one,) = budget_summaries(shop.state(), shop.now, timedelta(minutes=1))
            told.append((one.spent_usd, one.unproven_usd))
        bill = billed_total(shop.world, shop.now)
        return [*told, (bill, bill)]

    sent, waiting, proven, bill = story(tmp_path, tell)
    assert sent[1] < Decimal("0.001")
    assert 0 < waiting[1] == waiting[0] - sent[0]
    assert proven[1] == 0
    assert 0 <= proven[0] - bill[0] < Decimal("0.001")
