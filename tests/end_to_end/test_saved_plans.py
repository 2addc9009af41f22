"""A plan that is saved, reviewed and applied later does exactly that, once, or nothing at all."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.market.fault_catalogue import CATALOGUE
from tests.end_to_end.workplace import (
    HOUR,
    MINUTE,
    QUICK,
    SLOW_TIME,
    Workplace,
    workplace,
)
from tests.simulation.shop import NO_FLEETS, QUICKSTART, several_offers

CANARY = "canary-in-a-coal-mine"
TWO_NODES = QUICKSTART.replace("    ttl", "    nodes: 2\n    ttl")
LAB = "  lab:\n    resources: {gpu: RTX4090}\n    ttl: 1h\n"
CREATE_FIRST = "    lifecycle: {create_before_destroy: true}\n"
LIVELY = replace(QUICK, price_swing_percent=50)


def save(shop: Workplace, *arguments: str, code: int = 0) -> str:
    """The text of a plan that was saved as ``p``."""
    ended = shop.run("plan", "-out=p", *arguments)
    assert ended.code == code, ended.err
    return ended.out


def refused(shop: Workplace, *arguments: str, code: int = 10) -> str:
    """Why the plan ``p`` is not applied; nothing is sent and nothing is written."""
    state = shop.state_path.read_bytes() if shop.state_path.exists() else None
    sent = shop.sent_changes()
    ended = shop.run("apply", "p", *arguments)
    assert ended.code == code, ended.err + ended.out
    assert shop.sent_changes() == sent
    assert (shop.state_path.read_bytes() if shop.state_path.exists() else None) == state
    return ended.err


# --- exactly what was shown, once -------------------------------------------------------------


def test_a_saved_plan_buys_exactly_what_it_showed_and_a_second_time_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        assert "1 to create" in save(shop)
        assert shop.sent_changes() == 0
        applied = shop.run("apply", "p")
        assert applied.code == 0, applied.err
        assert "1 created, 1 ready" in applied.err
        (machine,) = shop.alive()
        assert machine.offer_id == "o1"
        assert machine.label in shop.state().instances

        told = refused(shop)
        assert "made before there was a state, and now there is state serial" in told
        assert refused(shop, "-auto-approve") == told
        assert shop.alive() == (machine,)
        assert shop.ever() == 1


def test_show_prints_what_plan_printed_without_documents_or_providers(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        printed = save(shop)
        assert printed.endswith("Run gpu-shopper apply p to carry out exactly this.\n")
        calls = len(shop.world.calls())
        shop.declare("broken: [")
        shown = shop.run("show", "p")
        assert (shown.code, shown.out) == (0, printed)
        document = json.loads(shop.run("show", "-json", "p").out)
        assert document["format_version"] == "1.0"
        assert document["actions"][0]["address"] == "fleet.dev[0]"
        assert "apply with this file" in document["next_step"]
        assert len(shop.world.calls()) == calls


def test_a_plan_file_is_for_its_owner_alone_and_replaces_nothing_else(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        save(shop)
        save(shop)
        path = shop.directory / "p"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        documents = (shop.directory / "fleets.yaml").read_bytes()
        (shop.directory / "link").symlink_to("p")
        for name in ("fleets.yaml", "link", "state", "nowhere/p", "state/p.json"):
            ended = shop.run("plan", f"-out={name}")
            assert ended.code == 64, name
            assert ended.out == ""
        assert (shop.directory / "fleets.yaml").read_bytes() == documents


def test_a_saved_plan_to_destroy_destroys_exactly_that(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(QUICKSTART + LAB)
        assert shop.apply().code == 0
        assert "1 to destroy" in save(shop, "-destroy", "-target=fleet.lab")
        applied = shop.run("apply", "p")
        assert applied.code == 0, applied.err
        assert "1 destroyed, 1 proven gone" in applied.err
        assert [one.fleet for one in shop.state().instances.values()] == ["dev"]
        assert len(shop.alive()) == 1
        assert "state serial" in refused(shop)
        assert shop.apply().code == 0
        assert len(shop.alive()) == 2, "the next apply opens a new lease"


def test_a_saved_replacement_is_carried_out_in_the_order_and_for_the_slots_that_were_shown(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(TWO_NODES + CREATE_FIRST + LAB)
        assert shop.apply().code == 0
        before = {machine.label: machine for machine in shop.alive()}
        shown = save(shop, "-replace=fleet.dev[1]", "-exclude=fleet.lab")
        assert "+/- fleet.dev[1] (requested)" in shown
        assert shop.run("show", "p").out == shown
        applied = shop.run("apply", "p")
        assert applied.code == 0, applied.err
        after = {machine.label for machine in shop.alive()}
        (gone,) = set(before) - after
        (new,) = after - set(before)
        assert new is not None
        machines = {machine.label: machine for machine in shop.world.all_machines()}
        ended_at = machines[gone].gone_at
        assert ended_at is not None
        assert ended_at > machines[new].created_at
        assert shop.state().instances[new].index == 1
        refused(shop)


@pytest.mark.parametrize("flag", ["-refresh-only", "-refresh=false"])
def test_a_plan_that_acts_on_nothing_is_not_saved(tmp_path: Path, flag: str) -> None:
    with workplace(tmp_path) as shop:
        ended = shop.run("plan", "-out=p", flag)
        assert (ended.code, (tmp_path / "p").exists()) == (64, False)
        assert "--out saves a plan to be carried out" in ended.err


def test_a_plan_without_changes_can_be_applied_and_does_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        sent = shop.sent_changes()
        assert "No changes" in save(shop)
        assert shop.run("apply", "p").code == 0
        assert shop.sent_changes() == sent


def test_the_choices_made_when_it_was_saved_hold(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(QUICKSTART + LAB)
        save(shop, "-target=fleet.lab")
        assert shop.run("apply", "p", "-detach").code == 0
        assert [one.fleet for one in shop.state().instances.values()] == ["lab"]
        shop.advance(2 * HOUR)
        assert shop.one_pass().code == 0
        shop.advance(HOUR)
        for _ in range(3):
            shop.one_pass()
            shop.advance(MINUTE)
        save(shop, "-renew=fleet.lab", "-target=fleet.lab")
        renewed = shop.run("apply", "p")
        assert renewed.code == 0, renewed.err
        assert [one.fleet for one in shop.state().instances.values()] == ["lab"]


# --- stale ------------------------------------------------------------------------------------


def test_bad_input_33_a_moved_state_is_told_with_both_serials(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        before = shop.state().serial
        shop.declare(TWO_NODES)
        save(shop)
        assert shop.run("extend", "fleet.dev", "1h").code == 0
        told = refused(shop)
        after = shop.state().serial
        assert f"made at state serial {before}, and now there is state serial {after}" in told


def test_passes_of_the_loop_that_change_nothing_leave_it_as_good_as_it_was(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        assert shop.one_pass().code == 0, "which records that it is ready"
        shop.declare(TWO_NODES)
        save(shop)
        before = shop.state().serial
        for _ in range(3):
            shop.advance(MINUTE)
            assert shop.one_pass().code == 0
        assert shop.state().serial == before + 3
        assert shop.run("apply", "p", "-detach").code == 0
        assert len(shop.alive()) == 2
        assert "state serial" in refused(shop)
        assert shop.ever() == 2


def test_a_pass_of_the_loop_that_changed_something_makes_it_stale_and_is_named(
    tmp_path: Path,
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(QUICKSTART + LAB)
        assert shop.apply("-detach").code == 0
        shop.declare(TWO_NODES + LAB)
        save(shop)
        shop.advance(2 * HOUR)
        assert shop.one_pass().code == 0
        assert "the loop has passed since then" in refused(shop)


def test_changed_documents_are_told_and_a_changed_comment_is_not(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        save(shop)
        shop.declare(QUICKSTART.replace("4h", "5h"))
        assert "the documents changed: digest" in refused(shop)
        shop.declare("# a comment\n" + QUICKSTART.replace("4h", "240m"))
        assert shop.run("apply", "p", "-detach").code == 0
        assert len(shop.alive()) == 1


def test_a_price_above_the_approved_ceiling_buys_nothing(tmp_path: Path) -> None:
    (offer,) = several_offers(1)
    with workplace(tmp_path, offer, settings=LIVELY, speed=SLOW_TIME) as shop:
        save(shop)
        (first,) = shop.world.list_offers(shop.now)
        for _ in range(100):
            (quote,) = shop.world.list_offers(shop.now)
            if quote.microusd_per_hour > first.microusd_per_hour * 1.06:
                break
            shop.advance(5 * MINUTE)
        told = refused(shop)
        assert "fleet.dev[0] was approved up to $" in told
        assert "and the cheapest is $" in told
        assert shop.ever() == 0


def test_an_offer_that_vanished_is_replaced_below_the_ceiling_and_said(tmp_path: Path) -> None:
    """Decision 10: a vanished offer is a re-pick, not a stale plan."""
    with workplace(tmp_path) as shop:
        assert "offer o1" in save(shop)
        shop.world.place_foreign(shop.now, "somebody else's", offer_id="o1")
        applied = shop.run("apply", "p")
        assert applied.code == 0, applied.err
        assert "offer o1 is not the cheapest or has gone; simulated o2 instead" in applied.err
        assert "offer o2" in applied.out
        taken, mine = shop.alive()
        assert (taken.offer_id, mine.offer_id) == ("o1", "o2")


def test_an_offer_that_vanishes_between_look_and_order_is_replaced_too(tmp_path: Path) -> None:
    """C1.9"""
    with workplace(tmp_path) as shop:
        save(shop)
        operation, fault = CATALOGUE["C1.9"]
        shop.world.script_fault(fault, operation, times=1)
        assert shop.run("apply", "p", "-detach").code == 0
        (mine,) = shop.alive()
        assert mine.offer_id == "o2"


def test_when_no_offer_is_left_the_plan_is_stale(tmp_path: Path) -> None:
    cheap, dear = several_offers(2)
    with workplace(tmp_path, cheap, dear._replace(base_microusd=10**6)) as shop:
        save(shop)
        shop.world.place_foreign(shop.now, offer_id="o1")
        assert "and the cheapest is $1.0" in refused(shop)
        shop.world.place_foreign(shop.now, offer_id="o2")
        assert "fleet.dev[0] cannot be bought now (fleet.dev: 0 of" in refused(shop)


def test_bad_input_34_the_plan_of_another_workspace_is_refused(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        save(shop)
        shop.declare(QUICKSTART.replace("workspace: demo", "workspace: other"))
        told = refused(shop)
        assert "it is of workspace demo, the documents here are of other" in told


def test_bad_input_34_the_plan_of_another_state_is_refused(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.declare(TWO_NODES)
        save(shop)
        plan = (shop.directory / "p").read_bytes()
    with workplace(tmp_path / "second", speed=SLOW_TIME) as other:
        assert other.apply("-detach").code == 0
        other.declare(TWO_NODES)
        (other.directory / "p").write_bytes(plan)
        assert "it was made from a state of lineage" in refused(other)


def test_bad_input_34_the_plan_of_another_account_is_refused(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        save(shop)
        plan = (shop.directory / "p").read_bytes()
    with workplace(tmp_path / "second", speed=SLOW_TIME, seed=8) as other:
        (other.directory / "p").write_bytes(plan)
        assert "of simulated, the key belongs to account sim-" in refused(other)


@pytest.mark.parametrize("change", ["flipped", "cut", "empty", "documents"])
def test_bad_input_34_a_damaged_plan_is_refused_before_anything_is_asked(
    tmp_path: Path, change: str
) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        save(shop)
        path = shop.directory / "p"
        whole = path.read_bytes()
        path.write_bytes(
            {
                "flipped": whole.replace(b'"o1"', b'"o2"', 1),
                "cut": whole[:-2],
                "empty": b"",
                "documents": QUICKSTART.encode(),
            }[change]
        )
        calls = len(shop.world.calls())
        told = refused(shop)
        assert "why: " in told
        assert len(shop.world.calls()) == calls
        assert shop.run("show", "p").code == 10


def test_there_is_no_such_plan(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert "there is no plan file" in refused(shop, code=64)
        assert shop.run("show", "p").code == 64
        assert "name a file of plan -out" in shop.run("show").err


# --- blocked, contradicted, more than was shown -----------------------------------------------


def test_a_blocked_plan_can_be_shown_and_never_applied(tmp_path: Path) -> None:
    """I16: nobody is asked when a plan is applied, so the fuse holds for it."""
    with workplace(tmp_path) as shop:
        shop.declare(TWO_NODES)
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        shop.declare(NO_FLEETS)
        printed = save(shop, code=5)
        assert "REFUSED" in printed
        assert shop.run("show", "p").out == printed
        assert json.loads(shop.run("show", "-json", "p").out)["applicable"] is False
        assert "refused, nothing was done" in refused(shop, code=5)
        assert len(shop.alive()) == 2

        save(shop, "-max-destroy=2")
        applied = shop.run("apply", "p")
        assert applied.code == 0, applied.err
        assert "2 destroyed, 2 proven gone" in applied.err
        assert shop.alive() == ()


def test_I16_the_fuse_holds_for_a_saved_plan_and_what_it_refused_stays_refused(
    tmp_path: Path,
) -> None:
    """Of two nodes one may go in an hour. A person who is asked may agree to more."""
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(TWO_NODES + LAB)
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        shop.declare(TWO_NODES)
        assert shop.apply("-no-wait").code == 3
        shop.declare(QUICKSTART)
        assert shop.run("plan").code == 0
        assert "0 allowed now, 1 done in the last hour" in save(shop, code=5)
        shop.advance(HOUR + MINUTE)
        assert "REFUSED" not in shop.run("plan", "-out=later").out
        assert "0 allowed now" in refused(shop, code=5)
        shop.run("apply", "later", "-no-wait")
        doomed = [str(one.slot) for one in shop.state().instances.values() if one.doom]
        assert sorted(doomed) == ["fleet.dev[1]", "fleet.lab[0]"]


@pytest.mark.parametrize(
    "flag", ["-target=fleet.dev", "-renew=fleet.dev", "-max-destroy=3", "-max-destroy=0"]
)
def test_a_choice_beside_a_plan_is_refused(tmp_path: Path, flag: str) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        save(shop)
        assert "is decided when a plan is saved" in refused(shop, flag, code=64)


def test_I15_what_time_added_is_left_alone(tmp_path: Path) -> None:
    """A lease that ended since is not in the plan: the loop, or the next plan, sees to it."""
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(QUICKSTART + LAB)
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        shop.declare(TWO_NODES + LAB)
        assert "1 to create, 0 to destroy" in save(shop)
        shop.advance(2 * HOUR)
        assert "1 to create, 1 to destroy" in shop.run("plan").out
        applied = shop.run("apply", "p", "-detach")
        assert applied.code == 0, applied.err
        assert "1 to create, 0 to destroy" in applied.out
        assert "expired, not in the saved plan" in applied.out
        assert shop.sent("destroy_instance") == 0
        assert len(shop.alive()) == 3


def test_somebody_else_at_work_is_told_as_ever(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.declare(TWO_NODES)
        save(shop)
        with shop.backend().lock("a test", timeout_seconds=0):
            refused(shop, code=4)


# --- secrets ----------------------------------------------------------------------------------


def test_I10_no_value_of_an_environment_is_in_a_plan_or_a_stream(tmp_path: Path) -> None:
    allowed = {"GPU_SHOPPER_ALLOW_ENV": "TOKEN", "TOKEN": CANARY}
    with workplace(tmp_path) as shop:
        # A value that is written out is no secret: the state has it as the documents have.
        shop.secret_files |= {shop.directory / "fleets.yaml", shop.state_path}
        env = f'    env: {{HF_TOKEN: "${{env:TOKEN}}", MODE: plain-{CANARY}}}\n'
        shop.declare(QUICKSTART + env)
        said = shop.run("plan", "-out=p", **allowed).out
        said += shop.run("plan", "-json", **allowed).out
        said += shop.run("show", "-json", "p").out + (shop.directory / "p").read_text()
        applied = shop.run("apply", "-json", "p", **allowed)
        assert applied.code == 0, applied.out
        shop.declare(QUICKSTART + env.replace("plain", "other"))
        said += applied.out + applied.err + shop.run("plan", "-json", **allowed).out
        assert "HF_TOKEN" in said
        assert CANARY not in said
        assert "env:TOKEN" not in said
        assert shop.state_path.read_text().count(CANARY) == 1, "only the one that is written out"
        assert len(shop.alive()) == 1
