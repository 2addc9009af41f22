"""One run tells everything: a problem hides no other one, and none is told that only follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents.loader import load_text
from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem
from tests.unit.documents.told import GPU, HEAD, told
from tests.work import I23_CALLS_MAX, calls_of

# --- in one file ---------------------------------------------------------------------------------


def test_a_problem_of_the_yaml_hides_nothing_else_of_its_file(tmp_path: Path) -> None:
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
    assert told(tmp_path, text) == [
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
    "labels.a", "extends", "vm_image", "setup", "ports", "secrets", "secrets.A", "ssh", "ssh.user",
    "ssh.public_keys", "ssh.generate", "ready", "ready.timeout", "ready.on_fail", "ready.attempts",
)  # fmt: skip


@pytest.mark.parametrize("value", ["010", "!x y", "!x {a: b}", "*nothing"])
@pytest.mark.parametrize("path", WRITABLE)
def test_a_refused_value_is_reported_once_whatever_key_it_stands_under(
    path: str, value: str, tmp_path: Path
) -> None:
    written = value
    for key in reversed(path.split(".")):
        written = f"{{{key}: {written}}}"
    found = told(tmp_path, f"{HEAD}defaults: {{{GPU}}}\nfleets: {{f: {written}}}\n")
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
def test_no_second_problem_follows_from_a_refused_part(written: str, tmp_path: Path) -> None:
    rest = HEAD.splitlines(keepends=True)
    kept = [line for line in rest if not written.startswith(line.partition(":")[0])]
    whole = "" if written == "010" else "".join(kept)
    assert len(told(tmp_path, f"{whole}{written}\n")) == 1


def test_an_unknown_key_is_told_although_its_value_is_refused_too(tmp_path: Path) -> None:
    assert told(tmp_path, f"{HEAD}fleets: {{f: {{{GPU}, max_price: 1e3}}}}\n") == [
        "a:4:36: unknown key max_price",
        "a:4:47: 1e3: a number with an exponent is not read",
    ]


def test_a_list_where_a_mapping_belongs_is_told_although_an_entry_is_refused(
    tmp_path: Path,
) -> None:
    assert told(tmp_path, f"{HEAD}fleets: [010]\n") == [
        "a:4:9: fleets: a mapping expected, found a list",
        "a:4:10: 010: an octal-looking number: some readers take the leading 0 for base 8",
    ]


def test_what_stands_behind_an_alias_is_told_once(tmp_path: Path) -> None:
    fleets = "".join(f"  f{number}: *a\n" for number in range(90))
    text = (
        f"{HEAD}profiles:\n  a: &a {{{GPU}, nod: 1, tl: 1, xx: 1, nodes: 010}}\nfleets:\n{fleets}"
    )
    assert told(tmp_path, text) == [
        "a:5:32: unknown key nod",
        "a:5:40: unknown key tl",
        "a:5:47: unknown key xx",
        "a:5:61: 010: an octal-looking number: some readers take the leading 0 for base 8",
    ]


def test_a_fleet_may_lack_a_gpu_and_live_too_long(tmp_path: Path) -> None:
    assert told(tmp_path, f"{HEAD}fleets:\n  f: {{ttl: 90d}}\n") == [
        "a:5:3: fleets.f asks for no GPU",
        "a:5:12: ttl is longer than the 30d that safety.max_ttl allows",
    ]


def test_a_syntax_error_ends_its_file_and_no_other_one(tmp_path: Path) -> None:
    good = f"{HEAD}fleets: {{f: {{{GPU}, nod: 1}}}}\n"
    assert told(tmp_path, good, "a: 010\nb: @x\nc: 010\n") == [
        "a:4:36: unknown key nod",
        "b:1:4: 010: an octal-looking number: some readers take the leading 0 for base 8",
        "b:2:4: no value can begin with @",
    ]


# --- limits --------------------------------------------------------------------------------------


def test_a_file_lists_100_problems_of_all_kinds_in_reading_order(tmp_path: Path) -> None:
    fleets = "".join(f"  f{number}: {{nodes: 010, nod: 1, extends: p}}\n" for number in range(40))
    found = told(tmp_path, f"{HEAD}fleets:\n{fleets}", "flets: {}\n")
    assert len(found) == 102
    assert found[100] == "a:38:21: 20 more problems are not listed"
    places = [tuple(map(int, line.split(":")[1:3])) for line in found[:101]]
    assert places == sorted(places)
    assert found[101] == "b:1:1: unknown key flets"


@pytest.mark.parametrize("profiles", [1, 9_000])
def test_I23_thousands_of_unknown_profiles_take_no_more_work_than_two_seconds_hold(
    profiles: int, tmp_path: Path
) -> None:
    known = "".join(f"  p{number}: {{}}\n" for number in range(profiles))
    fleets = "".join(f"  f{number}: {{extends: q{number}}}\n" for number in range(9_000))
    text = f"{HEAD}profiles:\n{known}fleets:\n{fleets}"
    found: list[str] = []
    assert calls_of(lambda: found.extend(told(tmp_path, text))) < I23_CALLS_MAX
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
