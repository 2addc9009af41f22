"""Budgets as they are written: what is read, what is refused, and that they only get stricter."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reconciler.documents.loader import load_text
from reconciler.model.budget import Budget
from reconciler.model.errors import DocumentError

HEAD = "version: 1\nworkspace: demo\nproviders: {simulated: {}}\n"
DEV = "fleets:\n  dev: {resources: {gpu: RTX4090}, team: vision"


def budgets(text: str) -> dict[str, Budget]:
    return dict(load_text("fleets.yaml", (HEAD + text).encode()).budgets)


def refusal(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        budgets(text)
    return "\n".join(caught.value.lines())


def test_a_budget_in_a_fleet_is_its_own() -> None:
    (found,) = budgets(DEV + ", budget: {max_total_usd: 100, period: month}}\n").values()
    assert (found.name, found.fleets, found.limit_usd) == ("fleet.dev", ["dev"], Decimal(100))
    assert found.on_exceed == ["notify", "freeze", "destroy"]
    assert found.warn_at == [50, 80]


def test_a_fleet_names_one_or_several_shared_ones() -> None:
    shared = "budgets:\n  a: {period: day, limit_usd: 5}\n  b: {period: total, limit_usd: 9}\n"
    assert budgets(shared + DEV + ", budget: [a, b]}\n")["b"].fleets == ["dev"]
    one = shared.replace("  b: {period: total, limit_usd: 9}\n", "")
    assert budgets(one + DEV + ", budget: a}\n")["a"].fleets == ["dev"]


def test_a_match_finds_fleets_by_what_they_say_of_themselves() -> None:
    text = "budgets:\n  v: {match: {team: vision}, period: month, limit_usd: 5}\n" + DEV + "}\n"
    (found,) = budgets(text).values()
    assert found.covers("dev", "simulated", "vision", None, {})
    assert not found.covers("dev", "simulated", "language", None, {})


def test_a_match_by_provider_leaves_out_what_is_spent_elsewhere() -> None:
    match = "{team: vision, providers: [simulated]}"
    text = f"budgets:\n  v: {{match: {match}, period: month, limit_usd: 5}}\n{DEV}}}\n"
    (found,) = budgets(text).values()
    assert found.covers("dev", "simulated", "vision", None, {})
    assert not found.covers("dev", "other", "vision", None, {})


def test_a_match_by_a_provider_that_is_not_configured_is_refused() -> None:
    match = "{providers: [simulatde]}"
    told = refusal(f"budgets:\n  v: {{match: {match}, period: day, limit_usd: 5}}\n{DEV}}}\n")
    assert "unknown provider simulatde" in told
    assert "simulated" in told


def test_a_budget_for_nothing_is_refused() -> None:
    told = refusal("budgets:\n  v: {period: month, limit_usd: 5}\n" + DEV + "}\n")
    assert "budgets.v is for no fleet" in told
    assert "match: {}" in told


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ("{max_total_usd: 0}", "more than 0"),
        ("{max_total_usd: .inf}", "finite"),
        ("{period: day}", "write max_total_usd"),
        ("{max_total_usd: 5, period: year}", "period"),
        ("{max_total_usd: 5, timezone: Mars/Olympus}", "no time zone"),
        ("{max_total_usd: 5, on_exceed: [destroy, notify]}", "in this order"),
        ("{max_total_usd: 5, warn_at: [120]}", "100"),
        ("{max_usd: 5}", "unknown key max_usd"),
        ("nowhere", "unknown budget nowhere"),
    ],
)
def test_a_budget_that_says_something_odd_is_refused(budget: str, told: str) -> None:
    assert told in refusal(DEV + f", budget: {budget}}}\n")


def test_budgets_of_defaults_and_profiles_only_get_stricter() -> None:
    text = "defaults: {budget: {max_total_usd: 50, max_hourly_usd: 2}}\n"
    (found,) = budgets(text + DEV + ", budget: {max_total_usd: 90, max_hourly_usd: 1}}\n").values()
    assert (found.limit_usd, found.max_hourly_usd) == (Decimal(50), Decimal(1))


def test_two_limits_for_different_periods_cannot_be_compared_and_are_refused() -> None:
    text = "defaults: {budget: {max_total_usd: 50, period: month}}\n"
    told = refusal(text + DEV + ", budget: {max_total_usd: 90, period: day}}\n")
    assert "which holds as well" in told
