"""I21: the same documents, state, inventory, offers and time give the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.model.plan import PlanRequest
from tests.unit.planning.shuffled_worlds import REQUESTS, decided, inputs, shuffled, told

ROOT = Path(__file__).parents[3]
SHUFFLES = range(1, 51)


@pytest.fixture(scope="module")
def expected() -> str:
    return told(0)


def test_the_world_really_holds_every_kind_of_action() -> None:
    plans = [decided(inputs(request)) for request in REQUESTS]
    for part in (
        "creates destroys adopts doubts announces keeps lease_changes strangers fleets findings"
    ).split():
        assert any(getattr(plan, part) for plan in plans), part
    assert any(create.replaces for plan in plans for create in plan.creates)


@pytest.mark.parametrize("seed", SHUFFLES)
def test_I21_the_order_of_every_input_is_of_no_account(seed: int, expected: str) -> None:
    assert told(seed) == expected


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one.mode.value)
def test_I21_the_plan_itself_is_the_same_down_to_its_parts(request_: PlanRequest) -> None:
    world = inputs(request_)
    whole = decided(world)
    assert all(decided(shuffled(world, seed)) == whole for seed in SHUFFLES)


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8"},
        {"PYTHONHASHSEED": "1", "TZ": "America/St_Johns", "LC_ALL": "de_DE.UTF-8"},
        {"PYTHONHASHSEED": "3", "TZ": "UTC", "LC_ALL": "C", "PYTHONUTF8": "1"},
        {"PYTHONHASHSEED": "0", "TZ": "Asia/Kolkata", "LC_ALL": "tr_TR.UTF-8"},
    ],
    ids=lambda one: "-".join(one.values()).replace("/", "."),
)
def test_I21_neither_locale_nor_time_zone_nor_hash_seed_changes_a_byte(
    surroundings: dict[str, str], expected: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.planning.shuffled_worlds", "7"],
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", os.defpath), **surroundings},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == expected
