"""``quarantine`` by hand, with the installed command."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.model.exit_code import ExitCode
from tests.end_to_end.workplace import workplace
from tests.simulation.shop import several_offers


def test_a_host_is_shunned_and_taken_again(tmp_path: Path) -> None:
    offers = [one._replace(host=f"host of {one.id}") for one in several_offers()]
    with workplace(tmp_path, *offers) as shop:
        assert shop.run("quarantine", "add", "simulated", "host-1").code == ExitCode.STATE_UNUSABLE
        assert shop.apply().code == 0
        learnt = json.loads(shop.run("quarantine", "list", "-json").out)
        (mine,) = [one for one in learnt if one["boots"]]
        host = mine["host"]
        assert f"simulated {host}: 1 ready, 0 failed" in shop.run("quarantine", "list").out

        assert shop.run("destroy", "-auto-approve").code == 0
        added = shop.run("quarantine", "add", "simulated", host, "-why", "fans\u202e", "-for", "1h")
        assert added.code == 64
        added = shop.run("quarantine", "add", "simulated", host, "-why", "its fans are loud")
        assert added.code == 0, added.err
        assert "in quarantine until it is removed (its fans are loud)" in added.err
        plan = shop.run("explain", "fleet.dev")
        assert "quarantined host" in plan.out
        assert shop.apply("-renew", "fleet.dev").code == 0
        (machine,) = shop.alive()
        taken = {one.id: one.host for one in shop.world.all_offers()}
        assert taken[machine.offer_id] != host

        assert shop.run("quarantine", "rm", "simulated", host).code == 0
        assert shop.run("quarantine", "rm", "simulated", host).code == 64
        assert shop.run("quarantine", "add", "nowhere", host).code == 64
        assert "quarantined host" not in shop.run("explain", "fleet.dev").out
        assert "state quarantine add" in shop.run("events").out
