"""Bad values of `gang`, `placement`, `uniform` and `max_hourly_usd`, each told at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.documents.told import GPU, HEAD, told


@pytest.mark.parametrize(
    ("line", "place", "phrase"),
    [
        ("gang: 3", "4:42", "number 3"),
        ("gang: yes", "4:42", 'text "yes"'),
        ("placement: same-region", "4:47", "same-region"),
        ("placement: [spread]", "4:47", "list"),
        ('placement: ""', "4:47", "spread"),
        ("uniform: no", "4:45", 'text "no"'),
        ("placment: spread", "4:36", "placment"),
        ("price_watch: {cheaper_by: 0}", "4:62", "0"),
        ("price_watch: {cheaper_by: 20 %}", "4:62", "20 %"),
        ("price_watch: {setup_cost_usd: 1}", "4:49", "cheaper_by"),
        ("price_watch: {cheaper_by: 20, setup_cost_usd: -1}", "4:82", "0 and"),
    ],
)
def test_a_bad_value_in_a_fleet_is_told_at_its_place(
    tmp_path: Path, line: str, place: str, phrase: str
) -> None:
    (problem,) = told(tmp_path, f"{HEAD}fleets: {{f: {{{GPU}, {line}}}}}\n")
    assert problem.startswith(f"a:{place}:"), problem
    assert phrase in problem


@pytest.mark.parametrize("written", ["0", "-1", "NaN", "'5'", "true"])
def test_a_cap_of_a_provider_is_a_positive_number_of_dollars(tmp_path: Path, written: str) -> None:
    head = HEAD.replace("simulated: {}", f"simulated: {{max_hourly_usd: {written}}}")
    (problem,) = told(tmp_path, f"{head}fleets: {{f: {{{GPU}}}}}\n")
    assert problem.startswith("a:3:41:"), problem


@pytest.mark.parametrize("written", ["-1", "NaN", "'5'", "true", "5 USD"])
def test_a_balance_to_keep_is_a_number_of_dollars(tmp_path: Path, written: str) -> None:
    head = HEAD.replace("simulated: {}", f"simulated: {{min_balance_usd: {written}}}")
    (problem,) = told(tmp_path, f"{head}fleets: {{f: {{{GPU}}}}}\n")
    assert problem.startswith("a:3:42:"), problem
