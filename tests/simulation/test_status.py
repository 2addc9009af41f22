"""What `status` says of a machine whose listing lags behind what the state knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from reconciler.market.settings import CALM
from reconciler.operations.status import read_status
from tests.simulation.shop import Shop, story

LATE = replace(CALM, list_lag=timedelta(seconds=25))


def test_C2_1_a_machine_that_was_ready_can_be_reached_while_it_is_listed_as_booting(
    tmp_path: Path,
) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply()
        (machine,) = shop.alive()
        assert machine.status_at(shop.world.listing_moment(shop.now)) == "booting"
        (row,) = (await read_status(shop.workspace())).rows
        assert row.stage == "running"
        assert row.ssh is not None
        assert row.ssh.host == machine.ssh_host

    story(tmp_path, tell, settings=LATE)


def test_a_machine_that_was_never_ready_is_shown_as_it_is_listed(tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        await shop.apply(options={"detach": True})
        await shop.wait(timedelta(seconds=35))
        before = shop.sent("get_instance")
        (row,) = (await read_status(shop.workspace())).rows
        assert row.stage in ("created", "booting")
        assert row.ssh is None
        assert shop.sent("get_instance") == before

    story(tmp_path, tell)
