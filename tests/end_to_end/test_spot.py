"""Spot by the installed command: bought, lost, healed, and what `explain` and `offers` say."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.workplace import MINUTE, workplace
from tests.simulation.test_spot import AUTO, MARKET


def test_a_lost_spot_machine_is_healed_on_demand_after_its_last_chance(tmp_path: Path) -> None:
    with workplace(tmp_path, *MARKET) as shop:
        shop.declare(AUTO + "    spot: {fallback_after: 1}\n")
        assert shop.apply("-detach").code == 0
        (lost,) = shop.alive()
        assert lost.offer_id == "o1-spot"
        shop.world.stop(lost.id, shop.now)
        shop.advance(MINUTE)
        healed = shop.one_pass("-heal")
        assert healed.code == 0, healed.err
        assert "(failed-ready)" in healed.out
        shop.advance(MINUTE)
        (found,) = shop.alive()
        assert not found.offer_id.endswith("-spot")

        told = shop.run("explain", "fleet.dev")
        assert "1  spot taken away there lately" in told.out
        history = shop.run("offers", "--history", "-json")
        kinds = {(one["gpu"], one["spot"]): one["points"] for one in json.loads(history.out)}
        assert kinds["RTX4090", True][0]["usd_per_gpu_hour"] == "0.150001"
        assert "0.150" in shop.run("offers", "--history", "--spot").out
        bars = shop.run("offers", "--history", "-gpu", "RTX4090", "-chart")
        assert "RTX4090 spot: lowest $0.150, " in bars.out, bars.err
        drawn = shop.run("offers", "--history", "-gpu", "RTX4090", "-o", "prices.svg")
        assert drawn.out.startswith("Wrote prices.svg: What GPUs have cost"), drawn.err
        assert "spot, last $0.150" in (shop.directory / "prices.svg").read_text()
