"""Problems between files are told with those inside them, and none that only follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.documents.told import GPU, HEAD, told


def test_problems_between_files_come_with_those_inside_them(tmp_path: Path) -> None:
    assert told(
        tmp_path,
        f"{HEAD}fleets: {{f: {{{GPU}, nodes: 010}}}}\n",
        "workspace: other\nfleets:\n  f: {tem: x}\n  g: {extends: nowhere, providers: [vastai]}\n",
        "safety: {max_ttl: 1d, tik: 1m}\n"
        f"fleets:\n  h: {{{GPU}, ttl: 2d}}\n  i: {{{GPU}, ttl: 3}}\n  j: {{ttl: 1h}}\n",
    ) == [
        "a:4:43: 010: an octal-looking number: some readers take the leading 0 for base 8",
        "b:1:1: workspace is other here and lab at a:2",
        "b:3:3: fleets.f is declared twice: first at a:4",
        "b:3:3: fleets.f asks for no GPU",
        "b:3:7: unknown key tem",
        "b:4:16: unknown profile nowhere",
        "b:4:37: unknown provider vastai",
        "c:1:23: unknown key tik",
        "c:3:34: ttl is longer than the 1d that safety.max_ttl allows",
        'c:4:34: ttl: a duration needs a unit: write "3h", "3m"',
        "c:5:3: fleets.j asks for no GPU",
    ]


BROKEN_BASES = [
    "profiles: {p: {nod: 1, resources: {gpu: H1000}}}",
    "profiles: {p: 010}",
    "profiles: {p: {resources: 010}}",
    "profiles: {p: {resource: {gpu: L4}}}",
    "profiles: {p: {gpu: L4}}",
    "profiles: {p: {<<: {}}}",
    "profiles: [p]",
    "profile: {p: {}}",
    "profiles: {P: {}}",
    "profiles: {q: {}, q: {}}",
    "profiles: {p: {extends: p}}",
]


@pytest.mark.parametrize("broken", BROKEN_BASES)
def test_nothing_is_said_about_a_fleet_whose_profile_is_broken(broken: str, tmp_path: Path) -> None:
    found = told(tmp_path, f"{HEAD}fleets: {{f: {{extends: p}}}}\n", f"{broken}\n")
    assert found != []
    assert all(line.startswith("b:") for line in found), found


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ("version: 1\nworkspace: lab\nproviders: {simulated: {}}\nfleets: {f: {nodes: 010}}", 4),
        ("version: 1\nworkspace: lab\nproviders: {simulated: {tpe: simulated}}", 3),
        ("version: 1\nworkspace: Lab\nproviders: {simulated: {}}", 2),
        ("version: 2\nworkspace: lab\nproviders: {simulated: {}}", 1),
        ("version: 1\nworkspac: lab\nproviders: {simulated: {}}", 2),
        ("version: 1\nworkspace: lab\nproviders: {Simulated: {}}", 3),
        ("version: 1\nworkspace: lab\nproviders: {simulated: {}}\n<<: {}", 4),
        ("version: 1\nworkspace: lab\nproviders: {simulated: {}}\na: [", 4),
        ("version: 1\nworkspace: lab\nproviders: {simulated: {}, sim: {typ: simulated}}", 3),
    ],
)
def test_a_file_with_a_problem_elsewhere_still_holds_the_workspace(
    broken: str, line: int, tmp_path: Path
) -> None:
    fleet = f"fleets: {{g: {{{GPU}, providers: [simulated]}}}}\n"
    found = [each for each in told(tmp_path, fleet, broken) if "asks for no GPU" not in each]
    assert [each.split(":")[:2] for each in found] in ([["b", str(line)]], [["b", str(line + 1)]])


def test_what_is_missing_everywhere_is_told_although_a_fleet_is_broken(tmp_path: Path) -> None:
    assert told(tmp_path, f"fleets:\n  f: {{{GPU}, nod: 1, extends: p}}\n") == [
        "a:1:1: key version is missing",
        "a:1:1: key workspace is missing",
        "a:1:1: no provider is configured",
        "a:2:29: unknown key nod",
        "a:2:46: unknown profile p",
    ]


@pytest.mark.parametrize(
    "safety", ["safety: {max_ttl: 90}", "safety: 010", "safty: {max_ttl: 90d}", "safety: {<<: {}}"]
)
def test_a_ttl_is_not_measured_by_a_limit_that_is_not_known(safety: str, tmp_path: Path) -> None:
    found = told(tmp_path, f"{HEAD}fleets: {{f: {{{GPU}, ttl: 40d}}}}\n", safety)
    assert [line[0] for line in found] == ["b"], found


@pytest.mark.parametrize(
    "fleet", ["ttl: 3", "tl: 3h", "ttl: 3h, ttl: 4h", "<<: {}", "extends: [gone, long]"]
)
def test_a_ttl_of_a_profile_is_not_blamed_when_the_fleet_may_have_its_own(
    fleet: str, tmp_path: Path
) -> None:
    profiles = "profiles: {long: {ttl: 40d}}\n"
    own = fleet if "extends" in fleet else f"extends: long, {fleet}"
    found = told(tmp_path, f"{HEAD}{profiles}fleets: {{f: {{{GPU}, {own}}}}}\n")
    assert len(found) == 1, found
    assert "longer than" not in found[0]


def test_an_unread_file_may_hold_the_defaults(tmp_path: Path) -> None:
    found = told(tmp_path, f"{HEAD}fleets: {{f: {{}}, g: {{ttl: 40d, {GPU}}}}}\n", "a: [")
    assert [line[0] for line in found] == ["b"], found


def test_defaults_in_two_files_are_told_once_and_not_for_every_fleet(tmp_path: Path) -> None:
    first = f"{HEAD}defaults: {{ttl: 1h}}\nfleets: {{f: {{}}, g: {{}}}}\n"
    assert told(tmp_path, first, f"defaults: {{{GPU}, regions: [010]}}\n") == [
        "b:1:1: defaults stands in two files: first at a:4",
        "b:1:44: 010: an octal-looking number: some readers take the leading 0 for base 8",
    ]


def test_a_fleet_that_is_declared_twice_is_checked_twice(tmp_path: Path) -> None:
    assert told(
        tmp_path,
        f"{HEAD}fleets:\n  f: {{{GPU}, ttl: 40d}}\n",
        f"fleets:\n  f: {{{GPU}, ttl: 50d, extends: p}}\n",
    ) == [
        "a:5:34: ttl is longer than the 30d that safety.max_ttl allows",
        "b:2:3: fleets.f is declared twice: first at a:5",
        "b:2:34: ttl is longer than the 30d that safety.max_ttl allows",
        "b:2:48: unknown profile p",
    ]


def test_a_profile_that_is_declared_twice_may_be_meant_to_have_another_name(
    tmp_path: Path,
) -> None:
    first = f"{HEAD}profiles: {{p: {{}}}}\nfleets: {{f: {{extends: q}}}}\n"
    assert told(tmp_path, first, f"profiles: {{p: {{{GPU}}}}}\n") == [
        "b:1:12: profiles.p is declared twice: first at a:4"
    ]


def test_nodes_of_a_broken_fleet_are_not_counted(tmp_path: Path) -> None:
    text = f"{HEAD}defaults: {{nodes: 20000, {GPU}}}\nfleets:\n  a: {{nodes: 010}}\n  b: {{}}\n"
    assert len(told(tmp_path, text)) == 1
    assert any("40,000 nodes" in line for line in told(tmp_path, text + "  c: {}\n"))
