"""Fleets that are written alike are read once, and nobody can tell it by what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.documents.fleet_document import parse_document
from reconciler.documents.like_blocks import LikeBlocks
from reconciler.documents.loader import load_documents, load_text
from reconciler.documents.yaml_source import read_what_can_be
from tests.unit.documents.told import GPU, HEAD, told

ONE = f"{{{GPU}, ttl: 2h, labels: {{tier: a}}}}"


def test_like_fleets_differ_in_their_names_alone(tmp_path: Path) -> None:
    (tmp_path / "a.fleets.yaml").write_text(HEAD + f"fleets: {{one: {ONE}, two: {ONE}}}\n")
    (tmp_path / "b.fleets.yaml").write_text(f"fleets: {{three: {ONE}}}\n")
    fleets = load_documents(tmp_path).fleets
    assert {name: fleet.name for name, fleet in fleets.items()} == {
        "one": "one", "three": "three", "two": "two",
    }  # fmt: skip
    alone = load_text("fleets.yaml", (HEAD + f"fleets: {{two: {ONE}}}\n").encode())
    assert fleets["two"] == alone.fleets["two"]
    assert fleets["one"].resources is fleets["two"].resources is fleets["three"].resources


def test_blocks_of_two_files_are_one_value_and_keep_their_order() -> None:
    known = LikeBlocks()
    sources = [read_what_can_be(name, f"fleets: {{b: {ONE}, a: {ONE}, c: {{}}}}".encode())
               for name in ("x", "y")]  # fmt: skip
    first, second = (parse_document(source, known).document.fleets for source in sources)
    assert list(first) == list(second) == ["b", "a", "c"]
    assert first["b"] is first["a"] is second["b"] is second["a"]
    assert first["c"] is second["c"] is not first["a"]


def test_each_of_like_fleets_has_a_budget_of_its_own() -> None:
    block = f"{{{GPU}, budget: {{max_total_usd: 5}}}}"
    desired = load_text("fleets.yaml", (HEAD + f"fleets: {{a: {block}, b: {block}}}\n").encode())
    own = [desired.fleets[name].own_budget for name in ("a", "b")]
    assert [budget and budget.fleets for budget in own] == [["a"], ["b"]]
    assert len(desired.budgets) == 2


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (f"{{{GPU}, ttl: 40d}}", "ttl is longer than the 30d that safety.max_ttl allows"),
        (f"{{{GPU}, extends: nobody}}", "unknown profile nobody"),
        (f"{{{GPU}, providers: [nobody]}}", "unknown provider nobody"),
        (f"{{{GPU}, budget: nobody}}", "unknown budget nobody"),
        ("{ttl: 1h}", "asks for no GPU"),
        (f"{{{GPU}, grace: soon}}", "grace: "),
        (f"{{{GPU}, spot_policy: on-demand, spot: {{min_on_demand: 1}}}}", "spot"),
    ],
)
def test_what_is_wrong_with_like_fleets_is_told_at_the_place_of_each(
    tmp_path: Path, written: str, said: str
) -> None:
    first = HEAD + f"fleets:\n  fine: {{{GPU}}}\n  one: {written}\n  two: {written}\n"
    lines = told(tmp_path, first, f"fleets:\n  three: {written}\n")
    assert [line.partition(": ")[0].rpartition(":")[0] for line in lines] == ["a:6", "a:7", "b:2"]
    assert all(said in line for line in lines)


@pytest.mark.parametrize("other", ["true", "'1'", "1.0"])
def test_what_is_equal_and_not_written_alike_is_read_by_itself(tmp_path: Path, other: str) -> None:
    fleets = f"fleets:\n  one: {{{GPU}, nodes: 1}}\n  two: {{{GPU}, nodes: {other}}}\n"
    (line,) = told(tmp_path, HEAD + fleets)
    assert line.startswith("a:6:")


def test_a_wrong_name_is_told_though_its_block_is_like_another(tmp_path: Path) -> None:
    (line,) = told(tmp_path, HEAD + f"fleets:\n  one: {ONE}\n  TWO: {ONE}\n")
    assert line.startswith("a:6:3: ")


def test_a_fleet_beside_a_gap_stands_for_no_other(tmp_path: Path) -> None:
    gap = HEAD + "fleets:\n  one: {<<: {}, ttl: 1h}\n"
    lines = told(tmp_path, gap, "fleets:\n  two: {ttl: 1h}\n")
    assert [line.partition(": ")[0] for line in lines] == ["a:5:9", "b:2:3"]
