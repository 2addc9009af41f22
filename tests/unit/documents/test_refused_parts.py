"""What the YAML reader refuses leaves the rest of the document as it was written."""

from __future__ import annotations

import pytest

from reconciler.documents.yaml_source import REFUSED, Data, Path, read_what_can_be
from reconciler.model.errors import DocumentError

LEFT_STANDING = [
    ("{a: 010, b: 1}", {"a": REFUSED, "b": 1}),
    ("{a: [1, 1e3, 3]}", {"a": [1, REFUSED, 3]}),
    ("{a: !x {b: 1}, c: 1}", {"a": REFUSED, "c": 1}),
    ("{a: !!str b, c: 1}", {"a": REFUSED, "c": 1}),
    ("{a: {b: 1}, a: 2, c: 3}", {"a": REFUSED, "c": 3}),
    ("{<<: {a: 1}, b: 2}", {"b": 2}),
    ("{7: a, b: 2}", {"b": 2}),
    ("{? [a] : 1, b: 2}", {"b": 2}),
    ("{a: *nothing, b: 2}", {"a": REFUSED, "b": 2}),
    ("{a: &x 1, b: &x 2, c: *x}", {"a": 1, "b": 2, "c": REFUSED}),
    ("{a: &x 010, b: *x, c: 1}", {"a": REFUSED, "b": REFUSED, "c": 1}),
    ("{a: '" + "x" * 65_537 + "', b: 1}", {"a": REFUSED, "b": 1}),
]


@pytest.mark.parametrize(("text", "data"), LEFT_STANDING, ids=lambda value: str(value)[:24])
def test_a_refused_value_or_key_leaves_the_rest_as_written(text: str, data: Data) -> None:
    source = read_what_can_be("fleets.yaml", text.encode())
    assert len(source.problems) == 1
    assert source.data == data


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("{a: {<<: {}, b: 1}}", {("a",)}),
        ("{a: [{1: x}]}", {("a", 0)}),
        ("{a: 1, a: 2}", {()}),
        ("{a: &x {1: x}, b: *x}", {("a",), ("b",)}),
        ("{a: 010}", set()),
        ("{a: !x {1: x}}", set()),
    ],
)
def test_mappings_in_which_a_key_was_refused_are_named(text: str, paths: set[Path]) -> None:
    assert read_what_can_be("fleets.yaml", text.encode()).incomplete_mappings() == paths


@pytest.mark.parametrize("text", ["a: [1", "a: 1\n---\nb: 2", "[" * 65, b"a: \xff"])
def test_syntax_errors_limits_and_encodings_end_the_reading(text: str | bytes) -> None:
    with pytest.raises(DocumentError):
        read_what_can_be("fleets.yaml", text if isinstance(text, bytes) else text.encode())
