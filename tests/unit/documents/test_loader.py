"""From a directory of documents to one DesiredState."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from reconciler.documents import loader
from reconciler.documents import meaning_digest as digesting
from reconciler.documents.document_files import FILES_MAX
from reconciler.documents.loader import find_documents, load_documents, load_text
from reconciler.model.errors import DocumentError
from reconciler.model.fleet import Safety
from reconciler.model.quantity import GIB, Range

ROOT = Path(__file__).parents[3]
HEAD = "version: 1\nworkspace: lab\nproviders: {simulated: {}}\n"
FLEET = HEAD + "fleets: {f: {resources: {gpu: L4}}}\n"


def write(directory: Path, **files: str) -> Path:
    """Files by name, `_` standing for `.`: ``b_fleets_yaml``."""
    for name, text in files.items():
        (directory / name.replace("_", ".")).write_text(text)
    return directory


def told(directory: Path) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load_documents(directory)
    return [str(problem).replace(f"{directory}/", "") for problem in caught.value.problems]


# --- which files -------------------------------------------------------------------------------


def test_fleets_yaml_and_every_file_of_that_ending_are_read_in_order(tmp_path: Path) -> None:
    write(tmp_path, fleets_yaml="", b_fleets_yaml="", a_fleets_yaml="", notes_yaml="")
    (tmp_path / ".#b.fleets.yaml").symlink_to("ada@laptop.4711")  # an editor's lock
    assert [path.name for path in find_documents(tmp_path)] == [
        "a.fleets.yaml",
        "b.fleets.yaml",
        "fleets.yaml",
    ]


def test_a_directory_without_documents_names_the_command_that_writes_one(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        find_documents(tmp_path)
    assert "gpu-shopper init" in str(caught.value.problems[0])


def test_a_directory_that_does_not_exist_is_a_document_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        find_documents(tmp_path / "nowhere")
    assert "cannot be read" in str(caught.value.problems[0])


def test_a_file_with_the_wrong_ending_is_reported_and_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, fleets_yaml=FLEET, b_fleets_yml="")
    assert told(tmp_path) == [
        "b.fleets.yml: this file would be passed over: documents end in .yaml"
        " (rename it to fleets.yaml or NAME.fleets.yaml, or move it away)"
    ]


def test_a_link_inside_the_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "lab").write_text(FLEET)
    (tmp_path / "fleets.yaml").symlink_to("shared/lab")
    assert list(load_documents(tmp_path).fleets) == ["f"]


def test_two_thousand_files_are_the_limit(tmp_path: Path) -> None:
    for number in range(FILES_MAX):
        (tmp_path / f"{number}.fleets.yaml").touch()
    assert len(find_documents(tmp_path)) == FILES_MAX
    (tmp_path / "fleets.yaml").touch()
    with pytest.raises(DocumentError) as caught:
        find_documents(tmp_path)
    assert "2,001 documents" in str(caught.value.problems[0])


# --- several files as one ----------------------------------------------------------------------


def test_all_problems_of_all_files_come_at_once_in_reading_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        fleets_yaml=HEAD + "fleets:\n  f:\n    ttl: 4\n    node: 3\n    resources: {gpu: H1000}\n",
        b_fleets_yaml="fleets:\n  g: {ttl: 1h, ttl: 2h}\n",
        c_fleets_yaml="flets: {}\n",
    )
    assert told(tmp_path) == [
        "b.fleets.yaml:2:16: key ttl stands twice in one mapping: in line 2 and in line 2"
        " (remove or rename one of them)",
        "c.fleets.yaml:1:1: unknown key flets (did you mean fleets?)",
        'fleets.yaml:6:10: ttl: a duration needs a unit: write "4h", "4m"',
        "fleets.yaml:7:5: unknown key node (did you mean nodes?)",
        "fleets.yaml:8:22: gpu: 'H1000' does not name one known GPU;"
        " did you mean H100 or V100 or P100?",
    ]


def test_version_and_workspace_stand_in_one_file_or_agree(tmp_path: Path) -> None:
    write(tmp_path, fleets_yaml=FLEET, b_fleets_yaml="workspace: lab\nversion: 1\n")
    assert load_documents(tmp_path).workspace == "lab"
    write(tmp_path, b_fleets_yaml="workspace: other\n")
    assert told(tmp_path) == [
        "fleets.yaml:2:1: workspace is lab here and other at b.fleets.yaml:1 (all files must agree)"
    ]


def test_missing_version_workspace_and_provider_are_named_together(tmp_path: Path) -> None:
    write(tmp_path, fleets_yaml="fleets: {}\n")
    assert told(tmp_path) == [
        "fleets.yaml:1:1: key version is missing (write version: 1)",
        "fleets.yaml:1:1: key workspace is missing"
        " (write workspace: and a name for this configuration)",
        "fleets.yaml:1:1: no provider is configured (write providers: {simulated: {}})",
    ]


def test_settings_of_the_whole_workspace_stand_in_one_file(tmp_path: Path) -> None:
    write(tmp_path, fleets_yaml=FLEET + "safety: {tick: 1m}\n", z_fleets_yaml="safety: {}\n")
    assert told(tmp_path) == [
        "z.fleets.yaml:1:1: safety stands in two files: first at fleets.yaml:5"
        " (keep it in one file)"
    ]


def test_providers_that_are_not_there_are_named_with_the_nearest_one(tmp_path: Path) -> None:
    write(
        tmp_path,
        fleets_yaml="version: 1\nworkspace: lab\nproviders: {pegasus: {}, sim: {type: simulated}}\n"
        "fleets: {f: {resources: {gpu: L4}, exclude_providers: [sims]}}\n",
    )
    assert told(tmp_path) == [
        "fleets.yaml:3:13: pegasus is not a type of provider that this version has"
        " (use simulated or lambda or runpod or tensordock or vastai, or write type: simulated"
        " or lambda or runpod or tensordock or vastai below this name)",
        "fleets.yaml:4:56: unknown provider sims (did you mean sim?)",
    ]


def test_a_type_that_is_written_and_not_installed_is_named(tmp_path: Path) -> None:
    write(tmp_path, fleets_yaml=FLEET.replace("simulated: {}", "cheap: {type: pegasus}"))
    (problem,) = told(tmp_path)
    assert "pegasus is not a type of provider that is installed here" in problem
    assert "or install the package that brings it" in problem


@pytest.mark.parametrize("real", ["lambda", "runpod", "tensordock", "vastai"])
def test_play_money_and_real_money_are_never_in_one_workspace(tmp_path: Path, real: str) -> None:
    write(tmp_path, fleets_yaml=FLEET.replace("simulated: {}", f"simulated: {{}}, {real}: {{}}"))
    (problem,) = told(tmp_path)
    assert "simulated and real providers cannot be in one workspace" in problem


def test_a_real_provider_has_no_file_of_a_market(tmp_path: Path) -> None:
    fleet = FLEET.replace("simulated: {}", "cheap: {type: vastai, market: m.sqlite}")
    write(tmp_path, fleets_yaml=fleet)
    (problem,) = told(tmp_path)
    assert "market is the file of a simulated market (remove it)" in problem


# --- values ------------------------------------------------------------------------------------


def test_everything_that_can_be_written_about_a_fleet_arrives() -> None:
    desired = load_text(
        "-",
        b"""
version: 1
workspace: lab
providers: {sim: {type: simulated, market: markets/eu.db, max_hourly_usd: 12.50}}
state: {backend: local, path: state/here.json}
safety:
  undeclared: report
  max_destroy: {count: 0, percent: 10}
  allow_empty: true
  max_ttl: 20d
  tick: 2m
notifiers:
  chat: {type: webhook, url: "${env:HOOK_URL}"}
fleets:
  f:
    nodes: {min: 2, target: 3, max: 6}
    resources: {gpu: {name: A100, memory: 80GB, count: 2}, cpu: 16, memory: 64GB..128GB,
                disk: 100GB.., cuda: 12.4..}
    providers: [sim]
    regions: [eu-north]
    countries: [NO]
    exclude_countries: [SE]
    spot_policy: spot
    gang: true
    placement: spread
    uniform: false
    offers: {min_reliability: 0.95, exclude_hosts: [h1], allow_hosts: [h2]}
    max_gpu_hour_usd: 2
    max_node_hour_usd: 4.50
    ttl: 1d12h
    expires_at: 2026-03-01T18:00:00+01:00
    grace: 30m
    image: ubuntu:24.04
    env: {A: plain, B: "${file:secrets/b}"}
    team: research
    owner: ada
    labels: {project: atlas}
""",
    )
    made = desired.fleets["f"]
    assert (made.nodes.minimum, made.nodes.target, made.nodes.maximum) == (2, 3, 6)
    assert made.resources.gpu[0].models == ("A100-PCIE-80GB", "A100-SXM-80GB")
    assert made.resources.gpu[0].count == 2
    assert made.resources.cpu == Range(Decimal(16), Decimal(16))
    assert made.resources.memory.maximum == 128 * GIB
    assert made.resources.disk_bytes == 100 * GIB
    assert made.resources.cuda.minimum == Decimal("12.4")
    assert made.where.providers == {"sim"}
    assert made.where.exclude_countries == {"SE"}
    assert made.spot
    assert made.offers.allow_hosts == {"h2"}
    assert made.node_cap_usd(2) == Decimal(4)
    assert (made.gang, made.placement, made.uniform) == (True, "spread", False)
    assert desired.providers["sim"].max_hourly_usd == Decimal("12.50")
    assert made.ttl == timedelta(hours=36)
    assert made.expires_at == datetime(2026, 3, 1, 17, tzinfo=UTC)
    assert made.expires_at.tzinfo is UTC
    assert made.env == {"A": "plain", "B": "${file:secrets/b}"}
    assert desired.safety == Safety("report", 0, 10, True, timedelta(days=20), timedelta(minutes=2))
    assert desired.providers["sim"].market == "markets/eu.db"
    assert desired.notifiers["chat"].url == "${env:HOOK_URL}"
    assert desired.state_path == "state/here.json"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("3", (3, 3, 3)), ("0", (0, 0, 0)), ("2..6", (2, 2, 6)), ("{min: 1, max: 4}", (1, 1, 4))],
)
def test_nodes_are_a_number_a_range_or_a_mapping(
    written: str, expected: tuple[int, int, int]
) -> None:
    text = f"{HEAD}fleets: {{f: {{resources: {{gpu: L4}}, nodes: {written}}}}}\n"
    nodes = load_text("-", text.encode()).fleets["f"].nodes
    assert (nodes.minimum, nodes.target, nodes.maximum) == expected


@pytest.mark.parametrize("written", ["..6", "2..", "6..2", "1.5..2", "two", "20001", "{max: 2}"])
def test_other_node_counts_are_refused(written: str) -> None:
    text = f"{HEAD}fleets: {{f: {{resources: {{gpu: L4}}, nodes: {written}}}}}\n"
    with pytest.raises(DocumentError):
        load_text("-", text.encode())


@pytest.mark.parametrize("written", ["100", "..100GB", "50GB..100GB", "0GB", "[100GB]"])
def test_a_disk_needs_a_minimum_and_takes_no_maximum(written: str) -> None:
    text = f"{HEAD}fleets: {{f: {{resources: {{gpu: L4, disk: {written}}}}}}}\n"
    with pytest.raises(DocumentError) as caught:
        load_text("-", text.encode())
    assert "disk" in str(caught.value.problems[0])


def test_a_fleet_without_a_gpu_is_refused() -> None:
    with pytest.raises(DocumentError) as caught:
        load_text("-", f"{HEAD}fleets:\n  f: {{ttl: 1h}}\n".encode())
    assert str(caught.value.problems[0]) == (
        "-:5:3: fleets.f asks for no GPU (write resources: {gpu: RTX4090})"
    )


def test_good_documents_load_without_the_libraries_that_only_word_errors() -> None:
    code = (
        "import sys; from reconciler.documents.loader import load_text; "
        f"load_text('-', {FLEET.encode()!r}); "
        "print(sorted({'jsonschema', 'httpx', 'deepdiff', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"


# --- limits ------------------------------------------------------------------------------------


def _many_fleets(directory: Path, count: int) -> None:
    write(directory, fleets_yaml=HEAD + "defaults: {resources: {gpu: L4}}\n")
    for start in range(0, count, 10_000):
        names = range(start, min(start + 10_000, count))
        text = "fleets:\n" + "".join(f"  f{number}: {{}}\n" for number in names)
        (directory / f"{start}.fleets.yaml").write_text(text)


def test_a_million_yaml_nodes_together_are_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert loader.TOTAL_YAML_NODES_MAX == 1_000_000
    write(tmp_path, fleets_yaml=HEAD, b_fleets_yaml="fleets: {f: {resources: {gpu: L4}}}\n")
    read = sum(_yaml_nodes(path) for path in tmp_path.iterdir())
    monkeypatch.setattr(loader, "TOTAL_YAML_NODES_MAX", read)
    assert load_documents(tmp_path).fleets
    monkeypatch.setattr(loader, "TOTAL_YAML_NODES_MAX", read - 1)
    assert f"more than {read - 1} nodes together" in "\n".join(told(tmp_path))


def _yaml_nodes(path: Path) -> int:
    """Keys, values and mappings."""
    node = yaml.compose(path.read_text(), yaml.SafeLoader)
    assert node is not None
    return _inside(node)


def _inside(node: yaml.Node) -> int:
    if isinstance(node, yaml.MappingNode):
        return 1 + sum(_inside(one) for pair in node.value for one in pair)
    return 1


def test_twenty_thousand_fleets_are_the_limit(tmp_path: Path) -> None:
    _many_fleets(tmp_path, 20_000)
    assert len(load_documents(tmp_path).fleets) == 20_000
    _many_fleets(tmp_path, 20_001)
    assert "20,001 fleets; at most 20,000" in "\n".join(told(tmp_path))


def test_twenty_thousand_declared_nodes_are_the_limit() -> None:
    text = HEAD + "defaults: {resources: {gpu: L4}}\nfleets:\n  a: {nodes: 1..19999}\n"
    assert len(load_text("-", f"{text}  b: {{nodes: 1}}\n".encode()).fleets) == 2
    with pytest.raises(DocumentError) as caught:
        load_text("-", f"{text}  b: {{nodes: 2}}\n".encode())
    assert "20,001 nodes are declared" in str(caught.value.problems[0])


def test_a_file_with_hundreds_of_problems_lists_a_hundred_and_counts_the_rest() -> None:
    fleets = "".join(f"  f{number}: {{node: 1}}\n" for number in range(300))
    with pytest.raises(DocumentError) as caught:
        load_text("-", f"{HEAD}fleets:\n{fleets}".encode())
    assert len(caught.value.problems) == 101
    assert "200 more problems" in str(caught.value.problems[-1])


# --- digest ------------------------------------------------------------------------------------


def test_the_digest_does_not_depend_on_order_files_units_or_where_a_setting_stands(
    tmp_path: Path,
) -> None:
    one = load_text(
        "-",
        b"""
version: 1
workspace: lab
providers: {simulated: {}}
fleets:
  a: {resources: {gpu: L4, disk: 80GB}, ttl: 60m, max_gpu_hour_usd: 0.60, labels: {x: x, y: y}}
  b: {resources: {gpu: T4}, ttl: 1h, regions: [n, s]}
""",
    )
    write(
        tmp_path,
        fleets_yaml="# a comment\nproviders: {simulated: }\nworkspace: lab\nversion: 1\n"
        "fleets: {b: {regions: [s, n], resources: {gpu: {name: T4}}}}\n",
        z_fleets_yaml="defaults: {ttl: 1h}\nprofiles: {p: {labels: {y: y}}}\n"
        "fleets: {a: {extends: p, max_gpu_hour_usd: 0.6, labels: {x: x},"
        " resources: {disk: 80GB.., gpu: 'L4:1'}}}\n",
    )
    other = load_documents(tmp_path)
    assert one == other
    assert digesting.meaning_digest(one) == digesting.meaning_digest(other)
    assert len(digesting.meaning_digest(one)) == 64


def test_a_price_has_one_digest_however_many_zeros_it_ends_in() -> None:
    digests = set()
    for price in ("0.6", "0.60", "0.600"):
        digesting._plain_part.cache_clear()  # it would answer for equal prices
        text = f"{HEAD}fleets: {{f: {{resources: {{gpu: L4}}, max_gpu_hour_usd: {price}}}}}\n"
        digests.add(digesting.meaning_digest(load_text("-", text.encode())))
    assert len(digests) == 1


CHANGES = (
    "ttl: 2h", "nodes: 2", "spot_policy: spot", "gang: true",
    "placement: spread", "placement: same_region", "uniform: false",
    "max_gpu_hour_usd: 0.61", "max_node_hour_usd: 1",
    "expires_at: 2026-03-01T18:00:00Z", "grace: 1m", "image: u", "env: {A: b}", "team: x",
    "lifecycle: {prevent_destroy: true}", "lifecycle: {prevent_destroy: false}", "owner: x",
    "labels: {a: b}", "regions: [x]", "countries: [NO]", "exclude_countries: [NO]",
    "providers: [simulated]", "exclude_providers: [simulated]",
    "offers: {verified: false}", "offers: {hosting: community}",
)  # fmt: skip


def test_the_digest_changes_with_every_word_of_a_budget() -> None:
    """They are read as models of their own, which once ended `plan -out` in a traceback."""
    budget = "match: {team: t, labels: {x: y}}, limit_usd: 3, period: day, on_exceed: [notify]"
    texts = [
        budget,
        budget.replace("day", "hour"),
        budget.replace("limit_usd: 3", "limit_usd: 4"),
        budget.replace("team: t", "team: u"),
        budget.replace("[notify]", "[notify, freeze]"),
    ]
    desired = [load_text("-", f"{FLEET}budgets: {{b: {{{one}}}}}\n".encode()) for one in texts]
    assert len({digesting.meaning_digest(one) for one in desired}) == len(texts)


def test_the_digest_changes_with_every_setting() -> None:
    digests = {digesting.meaning_digest(load_text("-", FLEET.encode()))}
    for line in CHANGES:
        text = f"{HEAD}fleets: {{f: {{resources: {{gpu: L4}}, {line}}}}}\n"
        digests.add(digesting.meaning_digest(load_text("-", text.encode())))
    for more in ("safety: {allow_empty: true}", "state: {path: d/s}", "profiles: {}"):
        digests.add(digesting.meaning_digest(load_text("-", f"{FLEET}{more}\n".encode())))
    capped = HEAD.replace("simulated: {}", "simulated: {max_hourly_usd: 5}")
    digests.add(
        digesting.meaning_digest(
            load_text("-", f"{capped}fleets: {{f: {{resources: {{gpu: L4}}}}}}\n".encode())
        )
    )
    assert len(digests) == 1 + len(CHANGES) + 3  # an unused profile means nothing
