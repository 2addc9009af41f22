"""What ``reconcile`` destroys, what it never touches, and what cannot mislead it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from reconciler.market.fault_catalogue import CATALOGUE
from reconciler.market.faults import Call, Fault
from tests.end_to_end.workplace import HOUR, MINUTE, SECOND, Workplace, workplace
from tests.simulation.shop import NO_FLEETS, QUICKSTART
from tests.unit.telemetry.receiver import plainly, receiver

TWO_FLEETS = QUICKSTART + "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 8h\n"
BROKEN = QUICKSTART.replace("fleets:", "fleets: [")


def fleets_alive(shop: Workplace) -> list[str]:
    """Of which fleets machines are billed, by their marks."""
    return sorted((machine.label or "?-?-(none)").split("-")[2] for machine in shop.alive())


def test_an_undeclared_fleet_is_noticed_then_destroyed_after_its_grace(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=10) as shop:
        shop.declare(TWO_FLEETS)
        assert shop.apply("-detach").code == 0
        shop.declare(QUICKSTART)
        noticed = shop.one_pass()
        assert noticed.code == 0, noticed.err
        assert "undeclared" in noticed.out
        shop.advance(5 * MINUTE)
        shop.one_pass()
        assert fleets_alive(shop) == ["dev", "lab"]

        shop.advance(6 * MINUTE)
        shop.one_pass()
        shop.advance(MINUTE)
        assert fleets_alive(shop) == ["dev"]


def test_a_webhook_is_told_and_its_command_really_keeps_the_machine(tmp_path: Path) -> None:
    with receiver(plainly(204)) as ears, workplace(tmp_path, speed=10) as shop:
        notifiers = f"notifiers: {{ops: {{type: webhook, url: '{ears.url()}'}}}}\n"
        shop.declare(TWO_FLEETS + notifiers)
        assert shop.apply("-detach").code == 0
        shop.declare(QUICKSTART + notifiers)
        noticed = shop.one_pass()
        assert (noticed.code, "Warning" in noticed.err) == (0, False), noticed.err

        (event,) = [json.loads(one.body) for one in ears.received]
        assert event["data"]["kind"] == "soft-destroy"
        assert event["data"]["slot"] == "fleet.lab[0]"
        program, *words = shlex.split(event["data"]["keep_command"])
        assert program == "gpu-shopper"
        assert shop.run(*words).code == 0

        shop.advance(30 * MINUTE)
        assert shop.one_pass().code == 0
        assert fleets_alive(shop) == ["dev", "lab"]
        assert shop.sent("destroy_instance") == 0


def test_I4_a_foreign_machine_is_listed_and_never_touched(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        foreign = shop.world.place_foreign(shop.now, "somebody's training run")
        assert shop.apply("-detach").code == 0
        shop.advance(100 * HOUR)
        assert shop.one_pass().code == 0
        assert shop.run("destroy", "-auto-approve").code == 0
        assert [machine.id for machine in shop.alive()] == [foreign.id]
        listed = shop.run("orphans")
        assert listed.code == 0
        assert foreign.id in listed.out
        assert {call.instance_id for call in destroys(shop)}.isdisjoint({foreign.id})


def destroys(shop: Workplace) -> list[Call]:
    return [call for call in shop.world.calls() if call.operation == "destroy_instance"]


def test_bad_input_20_empty_documents_destroy_nothing(tmp_path: Path) -> None:
    documents = "# nothing\n"
    with workplace(tmp_path) as shop:
        shop.declare(documents)
        assert shop.run("plan").code == 12
        shop.declare(QUICKSTART)
        assert shop.apply("-detach").code == 0
        shop.declare(documents)
        for command in ("plan", "apply -auto-approve"):
            refused = shop.run(*command.split())
            assert refused.code == 5, command
            assert "empty" in refused.err
        assert shop.one_pass().code == 12
        assert shop.sent("destroy_instance") == 0
        assert len(shop.alive()) == 1


def test_I16_documents_without_fleets_destroy_only_what_is_named(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply("-detach").code == 0
        shop.declare(NO_FLEETS)
        refused = shop.apply()
        assert refused.code == 5
        assert "-max-destroy=1" in refused.out + refused.err
        assert shop.one_pass().code == 0
        assert len(shop.alive()) == 1
        assert shop.apply("-max-destroy=1").code == 0
        assert shop.alive() == ()


def test_I9_a_lease_ends_although_the_listing_fails_and_nothing_else_goes(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(TWO_FLEETS)
        assert shop.apply("-detach").code == 0
        shop.declare(QUICKSTART)  # lab is undeclared too, which a failing listing cannot show
        shop.world.script_fault(Fault(error="unavailable"), "list_instances")
        shop.advance(5 * HOUR)
        passed = shop.one_pass()
        assert passed.code == 8, passed.err
        shop.advance(MINUTE)
        assert fleets_alive(shop) == ["lab"]
        shop.advance(HOUR)
        shop.one_pass()
        assert fleets_alive(shop) == ["lab"]


def test_I5_an_empty_listing_drops_nothing_and_buys_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        for number in ("C2.4", "C2.14"):  # nor does a direct read find the machine
            operation, fault = CATALOGUE[number]
            shop.world.script_fault(fault, operation)
        assert shop.apply().code == 8
        assert shop.one_pass("-heal").code == 8
        assert (shop.ever(), len(shop.alive()), shop.knows(1)) == (1, 1, True)


def test_documents_that_do_not_parse_still_let_a_lease_end(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(TWO_FLEETS)
        assert shop.apply("-detach").code == 0
        shop.declare(BROKEN)
        shop.advance(5 * HOUR)
        passed = shop.one_pass()
        assert passed.code == 12
        assert "fleets.yaml:" in passed.err
        shop.advance(MINUTE)
        assert fleets_alive(shop) == ["lab"]
        assert shop.run("status").code == 0
        assert shop.apply().code == 12


def test_a_dry_run_shows_the_destroy_and_sends_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(5 * HOUR)
        before, sent = shop.state_path.read_bytes(), shop.sent_changes()
        for flags in (["--dry-run"], ["--once", "-dry-run"]):
            dry = shop.run("reconcile", *flags)
            assert dry.code == 0, dry.err
            assert "(expired)" in dry.out
        assert shop.state_path.read_bytes() == before
        assert shop.sent_changes() == sent
        assert len(shop.alive()) == 1


def test_the_loop_buys_only_to_heal(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.one_pass().code == 0
        assert shop.one_pass("-heal").code == 0
        assert shop.ever() == 0, "a lease that never started is not opened by the loop"
        assert shop.apply("-detach").code == 0
        (lost,) = shop.alive()
        shop.world.stop(lost.id, shop.now)
        shop.advance(10 * SECOND)
        assert shop.one_pass().code == 0
        assert shop.ever() == 1

        healed = shop.one_pass("-heal")
        assert healed.code == 0, healed.err
        assert "(drifted)" in healed.out
        shop.advance(MINUTE)
        (found,) = shop.alive()
        assert found.id != lost.id
        assert found.status_at(shop.now) == "running"


def test_an_overdue_destroy_is_an_alert_in_every_pass(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply("-detach").code == 0
        operation, fault = CATALOGUE["C4.1"]
        shop.world.script_fault(fault, operation)
        shop.advance(5 * HOUR)
        shop.one_pass()
        shop.advance(HOUR)
        overdue = shop.one_pass()
        assert overdue.code == 11
        assert "money may still flow" in overdue.err
        shop.world.clear_faults()
        shop.one_pass()
        shop.advance(MINUTE)
        assert shop.alive() == ()
