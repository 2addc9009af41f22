"""Addresses of fleets and slots; which exit code wins."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reconciler.model.address import Address, Slot, parse_address
from reconciler.model.exit_code import ExitCode, most_urgent


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("fleet.dev", Address("dev")),
        ("dev", Address("dev")),
        ("fleet.dev[0]", Address("dev", 0)),
        ("fleet.dev.12", Address("dev", 12)),
        ("dev[3]", Address("dev", 3)),
        ("fleet", Address("fleet")),
    ],
)
def test_slots_are_written_in_brackets_or_with_a_dot(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "fleet.", "Dev", "fleet.dev[]", "fleet.dev[-1]", "dev[123456]", "a-", "a/b", "d\n"]
)
def test_bad_input_26_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"write fleet\.NAME"):
        parse_address(text)


def test_a_fleet_covers_its_slots_and_a_slot_itself_alone() -> None:
    assert Address("dev").covers("dev", 7)
    assert not Address("dev").covers("development", 7)
    assert Address("dev", 0).covers("dev", 0)
    assert not Address("dev", 0).covers("dev", 1)
    assert sorted([Slot("b", 0), Slot("a", 10), Slot("a", 9)])[0] == Slot("a", 9)


PRECEDENCE = (11, 130, 143, 13, 12, 77, 4, 10, 5, 6, 8, 7, 9, 3, 1)


@pytest.mark.parametrize(("stronger", "weaker"), list(pairwise(PRECEDENCE)))
def test_money_that_may_flow_outranks_everything_down_to_the_unexpected(
    stronger: int, weaker: int
) -> None:
    assert most_urgent([ExitCode(weaker), ExitCode.DONE, ExitCode(stronger)]) == stronger


def test_every_code_can_be_the_most_urgent() -> None:
    assert [most_urgent([code]) for code in ExitCode] == list(ExitCode)
    assert most_urgent([]) is ExitCode.DONE
