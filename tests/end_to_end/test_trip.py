"""From apply to the end of the lease, and the ways in which a person moves that end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.end_to_end.command import gpu_shopper
from tests.end_to_end.workplace import HOUR, MINUTE, SLOW_TIME, workplace
from tests.simulation.shop import QUICKSTART

THREE_NODES = QUICKSTART.replace("    ttl", "    nodes: 3\n    ttl")
TWO_FLEETS = QUICKSTART + "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 8h\n"


def test_the_quickstart_goes_from_apply_to_expiry(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        applied = shop.apply()
        assert applied.code == 0, applied.err
        assert "1 to create" in applied.out
        assert "1 created, 1 ready" in applied.err
        (machine,) = shop.alive()
        assert shop.state().instances[machine.label or ""].ready_at is not None

        assert machine.ssh_host in shop.run("status").out
        assert shop.one_pass().code == 0
        assert shop.alive() == (machine,)

        shop.advance(4 * HOUR)
        ended = shop.one_pass()
        assert ended.code == 0, ended.err
        assert "(expired)" in ended.out
        shop.advance(MINUTE)
        assert shop.alive() == ()

        for _ in range(3):
            shop.advance(MINUTE)
            shop.one_pass()
        assert shop.state().instances == {}
        assert shop.ever() == 1


def test_a_stranger_needs_init_and_apply_and_no_market(tmp_path: Path) -> None:
    assert gpu_shopper("init", cwd=tmp_path).code == 0
    made = gpu_shopper("simulate", "new", "-speed", "600", cwd=tmp_path)
    assert made.code == 0, made.err
    applied = gpu_shopper("apply", "-auto-approve", cwd=tmp_path)
    assert applied.code == 0, applied.err
    assert "1 machine(s) alive" in gpu_shopper("simulate", "ledger", cwd=tmp_path).out
    assert gpu_shopper("destroy", "-auto-approve", cwd=tmp_path).code == 0
    assert "0 machine(s) alive" in gpu_shopper("simulate", "ledger", cwd=tmp_path).out


def test_an_ended_lease_buys_nothing_until_it_is_renewed(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply().code == 0
        shop.advance(5 * HOUR)
        assert shop.one_pass().code == 0
        again = shop.apply("-no-wait")
        assert "apply -renew fleet.dev" in again.out
        assert shop.ever() == 1

        renewed = shop.apply("-renew", "fleet.dev")
        assert renewed.code == 0, renewed.err
        (machine,) = shop.alive()
        assert machine.label in shop.state().instances


def test_extend_moves_the_end_up_to_the_limit(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply().code == 0
        extended = shop.run("extend", "fleet.dev", "2h")
        assert extended.code == 0, extended.err
        shop.advance(5 * HOUR)
        assert shop.one_pass().code == 0
        assert len(shop.alive()) == 1

        too_far = shop.run("extend", "fleet.dev", "3000h")
        assert too_far.code == 5
        assert "safety.max_ttl" in too_far.err

        shop.advance(HOUR)
        shop.one_pass()
        shop.advance(MINUTE)
        assert shop.alive() == ()


def test_release_ends_the_lease_now_and_proves_it(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply().code == 0
        released = shop.run("release", "fleet.dev")
        assert released.code == 0, released.err
        assert shop.alive() == ()
        assert shop.state().instances == {}
        assert shop.apply().code == 0
        assert shop.ever() == 1, "a released lease is not opened by a plain apply"


def test_destroy_proves_the_end_and_the_next_apply_opens_a_new_lease(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply().code == 0
        destroyed = shop.run("destroy", "-auto-approve")
        assert destroyed.code == 0, destroyed.err
        assert "1 destroyed, 1 proven gone" in destroyed.err
        assert shop.alive() == ()
        assert shop.apply("-detach").code == 0
        assert len(shop.alive()) == 1


def test_a_target_alone_is_bought_and_destroyed(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=120) as shop:
        shop.declare(TWO_FLEETS)
        assert shop.apply("-target=fleet.lab", "-detach").code == 0
        assert {record.fleet for record in shop.state().instances.values()} == {"lab"}
        shop.declare(THREE_NODES + "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 8h\n")
        assert shop.apply("-detach").code == 0
        assert len(shop.alive()) == 4

        destroyed = shop.run("destroy", "-auto-approve", "-target", "fleet.dev[1]")
        assert destroyed.code == 0, destroyed.err
        left = sorted(str(record.slot) for record in shop.state().instances.values())
        assert left == ["fleet.dev[0]", "fleet.dev[2]", "fleet.lab[0]"]
        assert len(shop.alive()) == 3


def test_a_detached_apply_does_not_wait_for_ready(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        detached = shop.apply("-detach")
        assert detached.code == 0, detached.err
        (machine,) = shop.alive()
        assert machine.status_at(shop.now) == "placed"
        assert shop.state().instances[machine.label or ""].ready_at is None


def test_plans_and_reads_change_nothing_anywhere(tmp_path: Path) -> None:
    """I30: not the state's bytes, and no call that changes something."""
    with workplace(tmp_path) as shop:
        assert shop.run("plan").code == 0
        assert not shop.state_path.exists()
        assert shop.apply().code == 0
        before, sent = shop.state_path.read_bytes(), shop.sent_changes()
        for command in ("plan", "plan -destroy", "status", "output -json", "orphans", "offers"):
            assert shop.run(*command.split()).code == 0, command
        for command in ("explain fleet.dev", "ssh-config", "state list", "state show fleet.dev"):
            assert shop.run(*command.split()).code == 0, command
        assert shop.run("reconcile", "--dry-run").code == 0
        assert shop.state_path.read_bytes() == before
        assert shop.sent_changes() == sent


def test_plan_destroy_shows_what_destroy_would_do(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.apply("-detach").code == 0
        planned = shop.run("plan", "-destroy", "-detailed-exitcode")
        assert planned.code == 2
        assert "(requested)" in planned.out
        assert len(shop.alive()) == 1


def test_detailed_exitcode_tells_changes_from_none_and_errors_win(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert shop.run("plan").code == 0
        assert shop.run("plan", "-detailed-exitcode").code == 2
        shop.declare(TWO_FLEETS.replace("RTX4090}\n    ttl: 8h", "H100}\n    ttl: 8h"))
        half = shop.run("plan", "-detailed-exitcode")
        assert half.code == 7
        assert "1 to create" in half.out
        shop.declare("version: 1\nworkspace: [\n")
        assert shop.run("plan", "-detailed-exitcode").code == 12
        shop.declare(QUICKSTART)
        assert shop.apply().code == 0
        shop.advance(timedelta(seconds=10))
        assert shop.run("plan", "-detailed-exitcode").code == 0
