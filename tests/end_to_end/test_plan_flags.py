"""The flags that narrow a plan and the keys of ``lifecycle``, by the installed command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.workplace import HOUR, MINUTE, SLOW_TIME, Workplace, workplace
from tests.simulation.shop import QUICKSTART

TWO = QUICKSTART + "    nodes: 2\n"
CREATE_FIRST = QUICKSTART + "    lifecycle: {create_before_destroy: true}\n"


def ids(shop: Workplace) -> set[str]:
    return {one.id for one in shop.alive()}


def test_create_before_destroy_is_shown_priced_and_done(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(CREATE_FIRST)
        assert shop.apply().code == 0
        before = ids(shop)
        shop.declare(CREATE_FIRST + "    image: pytorch/pytorch:2.9.0\n")
        shown = shop.run("plan").out
        assert "+/- fleet.dev[0] (drifted)" in shown
        assert "image: (none) -> pytorch/pytorch:2.9.0  # forces replacement" in shown
        ended = shop.apply()
        assert ended.code == 0, ended.err
        assert len(ids(shop)) == 1
        assert not ids(shop) & before
        first, second = shop.world.all_machines()
        assert first.gone_at is not None
        assert first.gone_at > second.created_at


def test_a_detached_replacement_is_finished_by_the_loop(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(CREATE_FIRST)
        assert shop.apply("-detach").code == 0
        before = ids(shop)
        shop.advance(MINUTE)
        assert shop.apply("-detach", "-replace=fleet.dev[0]").code == 0
        assert len(ids(shop)) == 2
        shop.advance(MINUTE)
        assert "its successor" in shop.one_pass().out
        shop.advance(MINUTE)
        assert len(ids(shop)) == 1
        assert not ids(shop) & before


def test_replace_takes_one_slot_and_refuses_what_is_no_slot(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(TWO)
        assert shop.apply().code == 0
        before = ids(shop)
        shown = shop.run("plan", "-replace=fleet.dev[1]").out
        assert "-/+ fleet.dev[1] (requested)" in shown
        assert "Run gpu-shopper apply -replace fleet.dev[1]" in shown
        assert shop.apply("-replace=fleet.dev[1]").code == 0
        assert len(ids(shop)) == 2
        assert len(ids(shop) & before) == 1
        for wrong in ("-replace=fleet.dev[2]", "-replace=fleet.dev", "-replace=fleet.lab[0]"):
            refused = shop.apply(wrong)
            assert refused.code == 64, wrong
        assert len(ids(shop)) == 2


def test_exclude_leaves_a_fleet_alone(tmp_path: Path) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(QUICKSTART + "  lab:\n    resources: {gpu: RTX4090}\n")
        assert shop.apply("-exclude=fleet.lab").code == 0
        assert len(ids(shop)) == 1
        assert shop.apply().code == 0
        assert len(ids(shop)) == 2
        ended = shop.run("destroy", "-auto-approve", "-exclude=fleet.lab")
        assert ended.code == 0
        assert {one.label for one in shop.alive()} == {
            one.mark for one in shop.state().records_of("lab")
        }
        assert len(ids(shop)) == 1


@pytest.mark.parametrize(
    "flags",
    [
        ("plan", "-exclude=fleet.dev", "-target=fleet.dev"),
        ("apply", "-auto-approve", "-exclude=fleet.dev", "-target=fleet.dev"),
        ("destroy", "-auto-approve", "fleet.dev", "-exclude=fleet.dev[0]"),
        ("plan", "-replace=fleet.dev[0]", "-exclude=fleet.dev"),
        ("plan", "-replace=fleet.dev[0]", "-target=fleet.dev[1]"),
        ("plan", "-replace=fleet.dev[0]", "-destroy"),
        ("plan", "-refresh-only", "-destroy"),
        ("plan", "-refresh-only", "-replace=fleet.dev[0]"),
        ("plan", "-refresh-only", "-renew=fleet.dev"),
        ("plan", "-refresh-only", "-max-destroy=1"),
        ("plan", "-refresh-only", "-refresh=false"),
        ("plan", "-refresh=false", "-replace=fleet.dev[0]"),
        ("apply", "-auto-approve", "-refresh=false"),
        ("plan", "-exclude=fleet.nobody"),
    ],
    ids=" ".join,
)
def test_flags_that_contradict_each_other_are_refused(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    with workplace(tmp_path) as shop:
        ended = shop.run(*flags)
        assert ended.code == 64, ended.out + ended.err
        assert shop.sent_changes() == 0
        assert not shop.state_path.exists()


def test_refresh_only_records_a_loss_and_buys_nothing(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        (machine,) = shop.alive()
        shop.world.destroy(machine.id, shop.now)
        for _ in range(3):
            shop.advance(MINUTE)
            shown = shop.run("plan", "-refresh-only", "-detailed-exitcode")
            assert shop.apply("-refresh-only").code in (0, 8)
        assert shown.code == 2
        assert "1 to forget" in shown.out
        assert shop.state().instances == {}
        assert shop.ever() == 1


def test_refresh_false_asks_nobody(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(TWO)
        assert shop.apply("-detach").code == 0
        calls = len(shop.world.calls())
        shown = shop.run("plan", "-refresh=false", "-detailed-exitcode")
        assert shown.code == 0, shown.out
        assert "2 unknown" in shown.out
        assert "planned from the state alone" in shown.out
        shop.declare(TWO.replace("2", "3"))
        assert shop.run("plan", "-refresh=false", "-detailed-exitcode").code == 2
        assert len(shop.world.calls()) == calls
        shop.advance(5 * HOUR)
        assert "2 to destroy" in shop.run("plan", "-refresh=false").out


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ignore_changes: [imag]", "image"),
        ("ignore_changes: [status]", "write one of"),
        ("create_before_destory: true", "create_before_destroy"),
        ("create_before_destroy: 1", ""),
    ],
)
def test_unknown_words_of_lifecycle_are_refused_with_the_nearest(
    tmp_path: Path, written: str, meant: str
) -> None:
    with workplace(tmp_path) as shop:
        shop.declare(QUICKSTART + "    lifecycle: {" + written + "}\n")
        ended = shop.run("validate")
        assert ended.code == 12
        assert "fleets.yaml:9:" in ended.err
        assert meant in ended.err


def test_env_differences_name_keys_and_never_values(tmp_path: Path) -> None:
    with workplace(tmp_path, speed=SLOW_TIME) as shop:
        shop.declare(QUICKSTART + "    env: {KEPT: a, GONE: old-value, MOVED: one}\n")
        assert shop.apply("-detach").code == 0
        shop.advance(MINUTE)
        shop.declare(QUICKSTART + "    env: {KEPT: a, MOVED: two, ADDED: new-value}\n")
        shown = shop.run("plan").out
        assert "env.ADDED: (not set) -> (a value)  # forces replacement" in shown
        assert "env.GONE: (a value) -> (not set)  # forces replacement" in shown
        assert "env.MOVED: (a value) -> (another value)  # forces replacement" in shown
        assert "KEPT" not in shown
        for value in ("old-value", "new-value", "one\n", "two"):
            assert value not in shown
