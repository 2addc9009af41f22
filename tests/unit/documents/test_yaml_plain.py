"""The short way through a document gives what the guard gives, or leaves it to the guard."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from reconciler.documents.yaml_guard import DEPTH_MAX, NODES_MAX, Tree, build_tree
from reconciler.documents.yaml_plain import plain_data
from reconciler.documents.yaml_source import data_of, read_what_can_be
from reconciler.documents.yaml_text import decode_document
from reconciler.model.errors import DocumentError
from tests.unit.documents.bad_input_cases import BAD_INPUTS
from tests.unit.documents.test_refused_parts import LEFT_STANDING
from tests.unit.documents.test_yaml_source import LOADERS, QUICKSTART, REPEATABLE, YAML_PIECES

FILE = "fleets.yaml"
EXAMPLES = sorted((Path(__file__).parents[3] / "examples").rglob("*.yaml"))


def guarded(text: str) -> Tree | None:
    """None where the guard refuses anything."""
    try:
        tree = build_tree(FILE, text)
    except DocumentError:
        return None
    return None if tree.problems else tree


def check(text: str, loader: object) -> bool:
    """Whether the short way answers; then its data, types and order included, are the guard's."""
    plain, tree = plain_data(text, loader=loader), guarded(text)
    if plain is None:
        return False
    assert tree is not None, text
    data = None if tree.root is None else data_of(tree.root)
    assert (repr(plain[0]), plain[1]) == (repr(data), tree.node_count)
    return True


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "text",
    [QUICKSTART, "", "# nothing\n", "one", "[a, {b: [c]}, 0.60, ~]", "{a: {}, b: []}", "? a\n: b",
     "'<<': 1", "['<<', \"7\"]", "{'7': a, 'null': b, '': c}", "a: |\n  one\n  two\n", "--- a\n...",
     "[" * DEPTH_MAX + "]" * DEPTH_MAX,
     *(path.read_text() for path in EXAMPLES)],
    ids=lambda text: str(text)[:20],
)  # fmt: skip
def test_a_document_that_needs_no_word_goes_the_short_way(text: str, loader: object) -> None:
    assert check(text, loader)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "text",
    ["a: &x 1", "a: &x {}", "a: !x 1", "a: !!map {}", "a: 1\n---\nb: 2", "{a: 1, a: 2}", "{[a]: 1}",
     "{? {a: 1} : 2}", "7: a", "~: a", "a: 010", "a: <<", '["\\0"]', "a: [", "\ta", "*a",
     "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1),
     "a: " + "x" * 16_385, "'" + "x" * 16_385 + "'",
     *(text for text, _ in LEFT_STANDING)],
    ids=lambda text: str(text)[:20],
)  # fmt: skip
def test_what_needs_a_word_is_left_to_the_guard(text: str, loader: object) -> None:
    assert plain_data(text, loader=loader) is None


def test_the_limit_of_nodes_is_the_guards() -> None:
    longest = "[" + "a," * (NODES_MAX - 1) + "]"
    read = plain_data(longest)
    assert read is not None
    assert read[1] == NODES_MAX
    assert plain_data("[a," + longest[1:]) is None


@pytest.mark.parametrize("loader", LOADERS)
@REPEATABLE
@given(text=YAML_PIECES)
def test_both_ways_agree_on_any_text(loader: object, text: str) -> None:
    try:
        decoded = decode_document(FILE, text.encode("utf-8", "surrogatepass"))
    except DocumentError:
        return
    check(decoded, loader)


def test_both_ways_agree_on_every_bad_input() -> None:
    answered = 0
    for content in (content for case in BAD_INPUTS for content in case.files.values()):
        try:
            answered += check(decode_document(FILE, content), LOADERS[-1])
        except DocumentError:
            continue
    assert answered > 5  # bad by what they mean


def test_the_place_of_a_value_is_found_though_it_was_read_without_places() -> None:
    source = read_what_can_be(FILE, QUICKSTART.encode())
    assert plain_data(QUICKSTART) is not None
    places = [source.position_of(("fleets", "dev", "ttl"), key=key) for key in (False, True)]
    assert [str(place) for place in places] == ["9:10", "9:5"]
