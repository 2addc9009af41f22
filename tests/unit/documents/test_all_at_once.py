"""One run tells everything: a problem hides no other one, and none is told that only follows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents.loader import load_documents, load_text
from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem

HEAD = "version: 1\nworkspace: lab\nproviders: {simulated: {}}\n"
"""Three lines; what follows begins in line 4."""
GPU = "resources: {gpu: L4}"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def told(directory: Path, *texts: str) -> list[str]:
    """What is said about files `a.fleets.yaml`, `b.fleets.yaml` and so on; nothing if all is well.

    The part in brackets, the advice, is left out.
    """
    for letter, text in zip("abcdef", texts, strict=False):
        (directory / f"{letter}.fleets.yaml").write_text(text)
    try:
        load_documents(directory)
    except DocumentError as error:
        shown = [str(problem).replace(f"{directory}/", "") for problem in error.problems]
        return [line.replace(".fleets.yaml:", ":").partition(" (")[0] for line in shown]
    return []


# --- in one file ---------------------------------------------------------------------------------


def test_a_problem_of_the_yaml_hides_nothing_else_of_its_file(directory: Path) -> None:
    text = HEAD + (
        "safety: {max_ttl: 10d}\n"
        "fleets:\n"
        "  one:\n"
        "    nodes: 010\n"
        "    ttl: 20d\n"
        "    extends: europ\n"
        "    resources: {gpu: H1000}\n"
        "    providers: [simulatd]\n"
        "    env: {API_KEY: hunter2}\n"
        "    tem: x\n"
        "    grace: 1h\n"
        "    grace: 2h\n"
        "  two:\n"
        "    <<: {}\n"
        "    max_gpu_hour_usd: 1e3\n"
        "    countries: [NO, no]\n"
    )
    assert told(directory, text) == [
        "a:7:12: 010: an octal-looking number: some readers take the leading 0 for base 8",
        "a:8:10: ttl is longer than the 10d that safety.max_ttl allows",
        "a:9:14: unknown profile europ",
        "a:10:22: gpu: 'H1000' does not name one known GPU; did you mean H100 or V100 or P100?",
        "a:11:17: unknown provider simulatd",
        "a:12:20: this value looks like a secret, which never stands in the documents",
        "a:13:5: unknown key tem",
        "a:15:5: key grace stands twice in one mapping: in line 14 and in line 15",
        "a:17:5: the merge key << is refused: it can override safety fields unseen",
        "a:18:23: 1e3: a number with an exponent is not read",
        'a:19:21: countries: country codes are capital letters: write "NO"',
    ]


WRITABLE = (
    "nodes", "nodes.min", "nodes.target", "resources", "resources.gpu", "resources.gpu.name",
    "resources.gpu.memory", "resources.gpu.count", "resources.any_of", "resources.ordered",
    "resources.cpu", "resources.memory", "resources.disk", "resources.cuda", "providers",
    "exclude_providers", "regions", "countries", "exclude_countries", "spot_policy", "offers",
    "offers.min_reliability", "offers.verified", "offers.hosting", "offers.exclude_hosts",
    "offers.allow_hosts", "max_gpu_hour_usd", "max_node_hour_usd", "ttl", "expires_at", "grace",
    "image", "env", "env.A", "lifecycle", "lifecycle.prevent_destroy", "team", "owner", "labels",
    "labels.a", "extends",
)  # fmt: skip


@pytest.mark.parametrize("value", ["010", "!x y", "!x {a: b}", "*nothing"])
@pytest.mark.parametrize("path", WRITABLE)
def test_a_refused_value_is_reported_once_whatever_key_it_stands_under(
    path: str, value: str, directory: Path
) -> None:
    written = value
    for key in reversed(path.split(".")):
        written = f"{{{key}: {written}}}"
    found = told(directory, f"{HEAD}defaults: {{{GPU}}}\nfleets: {{f: {written}}}\n")
    assert len([line for line in found if "is missing" not in line]) == 1, found


@pytest.mark.parametrize(
    "written",
    [
        "version: 010", "workspace: 1e3", "workspace: x\nworkspace: y", "providers: !x {}",
        "providers: {simulated: 010}", "fleets: 010", "fleets: {f: 010}", "profiles: {p: 1e3}",
        "defaults: 010", "safety: 010", "safety: {max_destroy: {count: 010}}", "state: 010",
        "notifiers: {n: {type: webhook, url: 010}}", "notifiers: {n: {<<: {}}}", "<<: {}",
        "defaults: {nodes: {<<: {}}}", "fleets: {f: {resources: {gpu: {<<: {}}}}}",
        "fleets: {f: {resources: {<<: {}}}}", "defaults: {nodes: {min: 2, max: 010}}",
        "7: x", "fleets: {f: {7: x}}", "010", "fleets: {f: {}, f: {}}",
    ],
)  # fmt: skip
def test_no_second_problem_follows_from_a_refused_part(written: str, directory: Path) -> None:
    rest = HEAD.splitlines(keepends=True)
    kept = [line for line in rest if not written.startswith(line.partition(":")[0])]
    whole = "" if written == "010" else "".join(kept)
    assert len(told(directory, f"{whole}{written}\n")) == 1


def test_an_unknown_key_is_told_although_its_value_is_refused_too(directory: Path) -> None:
    assert told(directory, f"{HEAD}fleets: {{f: {{{GPU}, max_price: 1e3}}}}\n") == [
        "a:4:36: unknown key max_price",
        "a:4:47: 1e3: a number with an exponent is not read",
    ]


def test_a_list_where_a_mapping_belongs_is_told_although_an_entry_is_refused(
    directory: Path,
) -> None:
    assert told(directory, f"{HEAD}fleets: [010]\n") == [
        "a:4:9: fleets: a mapping expected, found a list",
        "a:4:10: 010: an octal-looking number: some readers take the leading 0 for base 8",
    ]


def test_what_stands_behind_an_alias_is_told_once(directory: Path) -> None:
    fleets = "".join(f"  f{number}: *a\n" for number in range(90))
    text = f"{HEAD}profiles:\n  a: &a {{{GPU}, nod: 1, tl: 1, nodes: 010}}\nfleets:\n{fleets}"
    assert told(directory, text) == [
        "a:5:32: unknown key nod",
        "a:5:40: unknown key tl",
        "a:5:54: 010: an octal-looking number: some readers take the leading 0 for base 8",
    ]


def test_a_fleet_may_lack_a_gpu_and_live_too_long(directory: Path) -> None:
    assert told(directory, f"{HEAD}fleets:\n  f: {{ttl: 90d}}\n") == [
        "a:5:3: fleets.f asks for no GPU",
        "a:5:12: ttl is longer than the 30d that safety.max_ttl allows",
    ]


def test_a_syntax_error_ends_its_file_and_no_other_one(directory: Path) -> None:
    good = f"{HEAD}fleets: {{f: {{{GPU}, nod: 1}}}}\n"
    assert told(directory, good, "a: 010\nb: @x\nc: 010\n") == [
        "a:4:36: unknown key nod",
        "b:1:4: 010: an octal-looking number: some readers take the leading 0 for base 8",
        "b:2:4: no value can begin with @",
    ]


# --- between files -------------------------------------------------------------------------------


def test_problems_between_files_come_with_those_inside_them(directory: Path) -> None:
    assert told(
        directory,
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
def test_nothing_is_said_about_a_fleet_whose_profile_is_broken(
    broken: str, directory: Path
) -> None:
    found = told(directory, f"{HEAD}fleets: {{f: {{extends: p}}}}\n", f"{broken}\n")
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
    broken: str, line: int, directory: Path
) -> None:
    fleet = f"fleets: {{g: {{{GPU}, providers: [simulated]}}}}\n"
    found = [each for each in told(directory, fleet, broken) if "asks for no GPU" not in each]
    assert [each.split(":")[:2] for each in found] in ([["b", str(line)]], [["b", str(line + 1)]])


def test_what_is_missing_everywhere_is_told_although_a_fleet_is_broken(directory: Path) -> None:
    assert told(directory, f"fleets:\n  f: {{{GPU}, nod: 1, extends: p}}\n") == [
        "a:1:1: key version is missing",
        "a:1:1: key workspace is missing",
        "a:1:1: no provider is configured",
        "a:2:29: unknown key nod",
        "a:2:46: unknown profile p",
    ]


@pytest.mark.parametrize(
    "safety", ["safety: {max_ttl: 90}", "safety: 010", "safty: {max_ttl: 90d}", "safety: {<<: {}}"]
)
def test_a_ttl_is_not_measured_by_a_limit_that_is_not_known(safety: str, directory: Path) -> None:
    found = told(directory, f"{HEAD}fleets: {{f: {{{GPU}, ttl: 40d}}}}\n", safety)
    assert [line[0] for line in found] == ["b"], found


@pytest.mark.parametrize(
    "fleet", ["ttl: 3", "tl: 3h", "ttl: 3h, ttl: 4h", "<<: {}", "extends: [gone, long]"]
)
def test_a_ttl_of_a_profile_is_not_blamed_when_the_fleet_may_have_its_own(
    fleet: str, directory: Path
) -> None:
    profiles = "profiles: {long: {ttl: 40d}}\n"
    own = fleet if "extends" in fleet else f"extends: long, {fleet}"
    found = told(directory, f"{HEAD}{profiles}fleets: {{f: {{{GPU}, {own}}}}}\n")
    assert len(found) == 1, found
    assert "longer than" not in found[0]


def test_an_unread_file_may_hold_the_defaults(directory: Path) -> None:
    found = told(directory, f"{HEAD}fleets: {{f: {{}}, g: {{ttl: 40d, {GPU}}}}}\n", "a: [")
    assert [line[0] for line in found] == ["b"], found


def test_defaults_in_two_files_are_told_once_and_not_for_every_fleet(directory: Path) -> None:
    first = f"{HEAD}defaults: {{ttl: 1h}}\nfleets: {{f: {{}}, g: {{}}}}\n"
    assert told(directory, first, f"defaults: {{{GPU}, regions: [010]}}\n") == [
        "b:1:1: defaults stands in two files: first at a:4",
        "b:1:44: 010: an octal-looking number: some readers take the leading 0 for base 8",
    ]


def test_a_fleet_that_is_declared_twice_is_checked_twice(directory: Path) -> None:
    assert told(
        directory,
        f"{HEAD}fleets:\n  f: {{{GPU}, ttl: 40d}}\n",
        f"fleets:\n  f: {{{GPU}, ttl: 50d, extends: p}}\n",
    ) == [
        "a:5:34: ttl is longer than the 30d that safety.max_ttl allows",
        "b:2:3: fleets.f is declared twice: first at a:5",
        "b:2:34: ttl is longer than the 30d that safety.max_ttl allows",
        "b:2:48: unknown profile p",
    ]


def test_a_profile_that_is_declared_twice_may_be_meant_to_have_another_name(
    directory: Path,
) -> None:
    first = f"{HEAD}profiles: {{p: {{}}}}\nfleets: {{f: {{extends: q}}}}\n"
    assert told(directory, first, f"profiles: {{p: {{{GPU}}}}}\n") == [
        "b:1:12: profiles.p is declared twice: first at a:4"
    ]


def test_nodes_of_a_broken_fleet_are_not_counted(directory: Path) -> None:
    text = f"{HEAD}defaults: {{nodes: 20000, {GPU}}}\nfleets:\n  a: {{nodes: 010}}\n  b: {{}}\n"
    assert len(told(directory, text)) == 1
    assert any("40,000 nodes" in line for line in told(directory, text + "  c: {}\n"))


# --- limits --------------------------------------------------------------------------------------


def test_a_file_lists_100_problems_of_all_kinds_in_reading_order(directory: Path) -> None:
    fleets = "".join(f"  f{number}: {{nodes: 010, nod: 1, extends: p}}\n" for number in range(40))
    found = told(directory, f"{HEAD}fleets:\n{fleets}", "flets: {}\n")
    assert len(found) == 102
    assert found[100] == "a:38:21: 20 more problems are not listed"
    places = [tuple(map(int, line.split(":")[1:3])) for line in found[:101]]
    assert places == sorted(places)
    assert found[101] == "b:1:1: unknown key flets"


@pytest.mark.parametrize("profiles", [1, 9_000])
def test_I23_thousands_of_unknown_profiles_take_less_than_two_seconds(
    profiles: int, directory: Path
) -> None:
    known = "".join(f"  p{number}: {{}}\n" for number in range(profiles))
    fleets = "".join(f"  f{number}: {{extends: q{number}}}\n" for number in range(9_000))
    began = time.process_time()
    found = told(directory, f"{HEAD}profiles:\n{known}fleets:\n{fleets}")
    assert time.process_time() - began < 2
    assert found[-1].endswith("8900 more problems are not listed")


# --- anything at all -----------------------------------------------------------------------------

KEYS = st.sampled_from(
    "version workspace providers fleets profiles defaults safety state notifiers f p Bad nodes min"
    " max resources gpu gp any_of extends ttl tl labels env type url max_ttl max_destroy count"
    " market path simulated lifecycle offers <<".split()
)
SCALARS = st.sampled_from(
    ["1", "010", "1e3", "x", "lab", "p", "[p]", "L4", "40d", "!x y", "*a", "", "true", "{}", "[]"]
)


def _flow(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"


VALUES = st.recursive(
    SCALARS, lambda below: st.lists(st.tuples(KEYS, below), max_size=4).map(_flow), max_leaves=30
)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(pairs=st.lists(st.tuples(KEYS, VALUES), max_size=6))
def test_whatever_is_written_is_loaded_or_refused_with_problems_in_order(
    pairs: list[tuple[str, str]],
) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in pairs)
    problems: tuple[Problem, ...] = ()
    try:
        load_text("fleets.yaml", text.encode())
    except DocumentError as error:
        problems = error.problems or pytest.fail("an error without a problem")
    places = [(problem.line, problem.column) for problem in problems]
    assert places == sorted(places)
    assert all(line > 0 for line, _ in places)
    assert len(set(problems)) == len(problems) <= 101
