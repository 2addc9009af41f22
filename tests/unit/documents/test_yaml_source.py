"""The strict reader: good documents keep their places, bad inputs are refused with theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.documents.yaml_guard import build_tree
from reconciler.documents.yaml_source import (
    Data,
    Path,
    Position,
    SourceDocument,
    read_document,
)
from reconciler.documents.yaml_text import decode_document
from reconciler.model.errors import DocumentError
from reconciler.model.problem import Problem

REPEATABLE = settings(derandomize=True, deadline=None, database=None)

FILE = "fleets.yaml"
LOADERS = [yaml.SafeLoader] + ([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])

QUICKSTART = """\
# a comment
version: 1
workspace: alice-laptop-7k2p
fleets:
  dev:
    resources: { gpu: RTX4090 }
    countries: [NO, 'yes', on]
    max_gpu_hour_usd: 0.60
    ttl: 12:30
    gang: true
    team:
"""


def read(text: str | bytes) -> SourceDocument:
    return read_document(FILE, text if isinstance(text, bytes) else text.encode())


def problems_of(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return caught.value.problems


def refusals(raw_bytes: bytes, loader: object) -> tuple[Problem, ...]:
    """Every problem that the guard finds, whether or not it ends the reading."""
    try:
        return build_tree(FILE, decode_document(FILE, raw_bytes), loader=loader).problems
    except DocumentError as error:
        return error.problems


def only_problem(text: str | bytes) -> str:
    problems = problems_of(text)
    assert len(problems) == 1, [str(problem) for problem in problems]
    return str(problems[0])


# --- good documents ------------------------------------------------------------------------------


def test_plain_data_comes_out_with_exact_types() -> None:
    dev = {
        "resources": {"gpu": "RTX4090"},
        "countries": ["NO", "yes", "on"],
        "max_gpu_hour_usd": Decimal("0.60"),
        "ttl": "12:30",
        "gang": True,
        "team": None,
    }
    assert read(QUICKSTART).data == {
        "version": 1,
        "workspace": "alice-laptop-7k2p",
        "fleets": {"dev": dev},
    }


def test_every_key_and_value_keeps_its_place() -> None:
    source = read(QUICKSTART)
    assert source.position_of(()) == Position(2, 1)
    assert source.position_of(("fleets", "dev"), key=True) == Position(5, 3)
    assert source.position_of(("fleets", "dev", "ttl")) == Position(9, 10)
    assert source.position_of(("fleets", "dev", "ttl"), key=True) == Position(9, 5)
    assert source.position_of(("fleets", "dev", "countries", 1)) == Position(7, 21)
    assert source.position_of(("fleets", "dev", "team")) == Position(11, 10)


def test_a_path_that_does_not_exist_leads_to_its_nearest_parent() -> None:
    source = read(QUICKSTART)
    assert source.position_of(("fleets", "dev", "nodes", "min"), key=True) == Position(5, 3)
    assert source.position_of(("fleets", "dev", "countries", 9)) == Position(7, 16)
    assert source.position_of(("nothing",)) == Position(2, 1)


def test_quoted_scalars_are_always_text() -> None:
    assert read("""{a: '010', b: "1e3", c: 'true', d: "", e: '<<'}""").data == {
        "a": "010", "b": "1e3", "c": "true", "d": "", "e": "<<",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "---\n...\n", "~"])
def test_input_20_an_empty_document_is_read_as_nothing(text: str) -> None:
    source = read(text)
    assert source.data is None
    assert source.position_of(("fleets",)).line >= 1


def test_a_byte_order_mark_and_crlf_do_not_move_places() -> None:
    source = read(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: \xc3\xa9\xc3\xa9 \r\n")
    assert source.data == {"a": 1, "b": {"c": "éé"}}
    assert source.position_of(("a",), key=True) == Position(1, 1)
    assert source.position_of(("b", "c")) == Position(3, 6)


def test_an_alias_is_a_copy_whose_inner_places_are_those_of_the_anchor() -> None:
    source = read("a: &x\n  b: [1]\nc: *x\nd: &n 5\ne: *n\n")
    assert source.data == {"a": {"b": [1]}, "c": {"b": [1]}, "d": 5, "e": 5}
    assert isinstance(source.data, dict)
    assert source.data["a"] is not source.data["c"]
    assert source.position_of(("c",)) == Position(3, 4)
    assert source.position_of(("c", "b", 0)) == Position(2, 7)
    assert source.nodes == 1 + 4 + (4 + 4) + (1 + 1)


# --- bad inputs of RELIABILITY.md, by number -----------------------------------------------------

BAD_INPUTS = [
    (1, "a: 1\nb: 2\na: 3\n", "3:1: key a stands twice in one mapping: in line 1 and in line 3"),
    (1, "f:\n  t: {}\n  t: {}", "3:3: key t stands twice in one mapping: in line 2 and in line 3"),
    (1, "{a: 1, 'a': 2}", "1:8: key a stands twice"),
    (4, "limit_usd: 1e3", "1:12: 1e3: a number with an exponent is not read (write 1000"),
    (5, "nodes: 010", "1:8: 010: an octal-looking number"),
    (6, "max_gpu_hour_usd: .nan", "1:19: .nan: not a finite number"),
    (6, "max_gpu_hour_usd: -.inf", "1:19: -.inf: not a finite number"),
    (10, "a:\n\tb: 1\n", "2:1: a tab stands where YAML allows only spaces"),
    (10, "a:\n  b: 1\n\tc: 2\n", "3:1: a tab stands"),
    (12, "&a [*a]", "1:5: cycle: alias *a stands inside its own anchor &a of line 1"),
    (12, "a: &x\n  b: {c: *x}", "2:10: cycle: alias *x"),
    (13, "[" * 500, "1:65: level 65 of nesting; at most 64"),
    (13, "[" * 100_000, "1:65: level 65 of nesting"),
    (13, "{a: " * 100_000, "1:257: level 65 of nesting"),
    (13, "- " * 100_000, "1:129: level 65 of nesting"),
    (14, "a" * (2**20 + 1), "fleets.yaml: a document may have at most 1 MiB"),
    (15, "a: !!python/object/apply:os.system [x]", "1:4: tag !!python/object/apply:os.system"),
    (15, "a: !!str b", "1:4: tag !!str: tags are refused"),
    (15, "a: ! b", "1:4: tag !: tags are refused"),
    (17, "a:\n  - " + "9" * 5000, "2:5: 999"),
    (17, "nodes: " + "9" * 19, "a number of 19 digits; at most 18"),
    (18, b"a: b\0", "1:5: byte offset 4: a NUL character"),
    (18, b"\xef\xbb\xbfa: b\0", "1:5: byte offset 7: a NUL character"),
    (18, b"a: \xc3\xa9\x1b[2J", "1:5: byte offset 5: the control character U+001B"),
    (18, b"a: 1\nb: \xff", "2:4: byte 0xff at byte offset 8 is not valid UTF-8"),
    (18, b"\xef\xbb\xbfa: \xff", "1:4: byte 0xff at byte offset 6 is not valid UTF-8"),
    (18, b"a: \xed\xa0\x80", "1:4: byte 0xed at byte offset 3 is not valid UTF-8"),
    (18, "a: b".encode("utf-16"), "1:1: the text seems to be UTF-16 or UTF-32 (by its byte order"),
    (18, "a: b".encode("utf-16-le"), "UTF-32 without a byte order mark (NUL at byte offset 1)"),
    (18, "a: b".encode("utf-16-be"), "UTF-32 without a byte order mark (NUL at byte offset 0)"),
    (18, "a: b".encode("utf-32-be"), "UTF-32 without a byte order mark (NUL at byte offset 0)"),
    (18, 'a: "\\0"', "1:4: an escape for NUL"),
    (19, "a: 1\n---\nb: 2\n", "2:1: one document expected in a file, a second one begins here"),
    (21, "b: {<<: {a: 1}}", "1:5: the merge key << is refused"),
]


@pytest.mark.parametrize(
    ("number", "text", "said"),
    BAD_INPUTS,
    ids=lambda value: str(value)[:24].encode("unicode_escape"),
)
def test_a_bad_input_is_refused_at_its_place(number: int, text: str | bytes, said: str) -> None:
    assert said in only_problem(text), f"bad input {number}"


@pytest.mark.parametrize("text", ["ttl: 12:30", "region: no", "expires_at: 2026-02-30"])
def test_inputs_2_3_and_16_arrive_as_text_for_the_schema_to_judge(text: str) -> None:
    key, _, value = text.partition(": ")
    assert read(text).data == {key: value}


def test_input_11_an_alias_bomb_is_stopped_by_its_count_of_nodes() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9)]
    bomb = "\n".join(["l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]", *levels])
    message = only_problem(bomb)
    assert "expands to more than 100,000 nodes" in message
    assert message.startswith("fleets.yaml:6:")  # before the first level that would not fit


OTHER_REFUSALS = [
    ("1: x", '1:1: key 1 is read as a number; a key must be text (write "1")'),
    ("true: x", "1:1: key true is read as true or false"),
    ("?\n: x", "1:2: a key is missing before ':'"),
    ("null: x", "1:1: a key is missing"),
    ("? [a]\n: b", "1:3: a key must be text, not a list, mapping or alias"),
    ("a: &x 1\n*x : b", "2:1: a key must be text"),
    ("a: *nothing", "1:4: alias *nothing names no anchor"),
    ("countries: *", "1:13: an anchor (&) or alias (*) without a name"),
    ("a: &x 1\nb: &x 2", "2:4: anchor &x is defined twice, first in line 1"),
    ("%YAML 1.2\n---\na: 1", "1:1: a line that starts with % is a YAML directive"),
    ("a: 1\n...\n%TAG ! x\n---\nb", "3:1: a line that starts with % is a YAML directive"),
    ("# note\u2028prevent_destroy: false", "1:7: byte offset 6: the invisible line break U+2028"),
    ("a: b\x85c: d", "1:5: byte offset 4: the invisible line break U+0085"),
    ("a: 1\rb: 2", "1:5: byte offset 4: a carriage return without a line feed"),
    ("a: 1\n\ufeffb: 2", "2:1: byte offset 5: a byte order mark inside the text"),
    ("a: 'x\nb: 2\n", "1:4: the quoted text that begins here is never closed"),
    ("a: 'x\n---\n", "1:4: the quoted text that begins here is never closed"),
    ('a: "\\xzz"', "an escape inside double quotes that is not hexadecimal"),
    ("a: [1,\nb: 2\n", "needs ',' or ']' here"),
    ("f:\n  a: 1\n  b\n  c: 2\n", "3:3: this line is not followed by the ':' of a key"),
    ("a:\n  b: 1\n c: 2\n", "3:2: this does not fit into the"),
    ("a: b: c", "1:5: a ':' stands where no key can end"),
    ("a: @x", "1:4: no value can begin with @"),
    ('a: "\\q"', "an unknown escape inside double quotes"),
    ('a: "\\U7fffffff"', "an escape inside double quotes that names no character"),
    ('a: "\\Uffffffff"', "an escape inside double quotes that names no character"),
]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(("text", "said"), OTHER_REFUSALS)
def test_other_bad_yaml_is_refused_alike_by_both_parsers(
    text: str, said: str, loader: object
) -> None:
    assert said in "\n".join(str(problem) for problem in refusals(text.encode(), loader))


def test_half_a_surrogate_pair_is_refused_where_the_pure_parser_would_accept_it() -> None:
    assert len(refusals(b'a: "\\ud800"', yaml.SafeLoader)) == 1


# --- limits, at the limit and one more -----------------------------------------------------------


def _block_nested(levels: int) -> str:
    return "".join(f"{'  ' * level}a:\n" for level in range(levels))


def _flow_nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def _nested_through_alias(levels: int) -> str:
    return f"- &x {_flow_nested(30)}\n- {'[' * (levels - 31)}*x{']' * (levels - 31)}"


def _aliases(count: int) -> str:
    return "[&x 1" + ", *x" * count + "]"


def _nodes(count: int) -> str:
    return "[" + "1," * (count - 1) + "]"


def _nodes_through_alias(count: int) -> str:
    return f"- &x {_nodes(40_000)}\n- *x\n- {_nodes(count - 80_001)}"


def _scalar(size_bytes: int) -> str:
    return "a: é" + "x" * (size_bytes - 2)


def _key(size_bytes: int) -> str:
    return "? " + "x" * size_bytes


LIMITS = [
    (_block_nested, 64, "65:129", "level 65 of nesting"),
    (_flow_nested, 64, "1:65", "level 65 of nesting"),
    (_nested_through_alias, 64, "2:37", "this alias expands to more than 64 levels"),
    (_aliases, 100, "1:408", "more than 100 aliases"),
    (_nodes, 100_000, "1:200000", "the document expands to more than 100,000 nodes"),
    (_nodes_through_alias, 100_000, "3:", "the document expands to more than 100,000 nodes"),
    (_scalar, 65_536, "1:4", "a value of 65,537 bytes; at most 65,536"),
    (_key, 65_536, "1:3", "a value of 65,537 bytes; at most 65,536"),
]


@pytest.mark.parametrize(("make", "limit", "place", "said"), LIMITS)
def test_a_document_at_the_limit_is_read_and_one_more_is_refused(
    make: Callable[[int], str], limit: int, place: str, said: str
) -> None:
    read(make(limit))
    message = only_problem(make(limit + 1))
    assert message.startswith(f"{FILE}:{place}")
    assert said in message


def test_a_file_of_1_mib_is_read_and_one_byte_more_is_refused() -> None:
    assert read(b"#" * 2**20).data is None
    assert "this one has 1,048,577 bytes" in only_problem(b"#" * (2**20 + 1))


def test_the_node_count_includes_keys_and_what_aliases_expand_to() -> None:
    assert read("a: &x [1, 2]\nb: *x").nodes == 1 + 2 + 3 + 3


@pytest.mark.parametrize("loader", LOADERS)
def test_the_guard_holds_for_the_pure_parser_too(loader: object) -> None:
    with pytest.raises(DocumentError) as caught:
        build_tree(FILE, "[" * 100_000, loader=loader)
    assert "1:65: level 65" in str(caught.value.problems[0])


# --- all at once, and nothing leaks --------------------------------------------------------------


def test_all_problems_are_reported_together_in_reading_order() -> None:
    text = "a: 010\nb: 1e3\na: 2\n<<: {}\n7: x\nc: !t .nan\nd: [1\n"
    places = [(problem.line, problem.column) for problem in problems_of(text)]
    assert places == [(1, 4), (2, 4), (3, 1), (4, 1), (5, 1), (6, 4), (8, 1)]


def test_a_problem_found_late_is_still_listed_where_a_reader_meets_it() -> None:
    places = [(problem.line, problem.column) for problem in problems_of("? [010]\n: x")]
    assert places == [(1, 3), (1, 4)]


def test_a_file_full_of_errors_ends_after_100_of_them() -> None:
    assert len(problems_of("- 010\n" * 100)) == 100
    problems = problems_of("- 010\n" * 101)
    assert len(problems) == 101
    assert "more than 100 problems" in problems[-1].message


def test_at_most_ten_forbidden_characters_are_listed() -> None:
    assert len(problems_of("a: \x01" * 50)) == 10


@pytest.mark.parametrize(
    "text",
    [
        "api_key: 0123456789",
        "secrets:\n  first: [{deep: 0123456789}]",
        "env: {HF_TOKEN: 0123456789e1}",
        "note: 0x" + "0123456789abcdef" * 4,
        "a: 1\nsk-0123456789abcdef: x\nsk-0123456789abcdef: y",
        "[{api_key: x, api_key: 0123456789}]",
    ],
)
def test_input_27_a_value_that_looks_secret_is_not_echoed(text: str) -> None:
    assert "123456789" not in "\n".join(str(problem) for problem in problems_of(text))


def test_text_in_messages_is_escaped_and_cut() -> None:
    message = only_problem('"a\\e[2J": 1\n"a\\e[2J": 2\n')
    assert "\x1b" not in message
    assert r"key a\x1b[2J stands twice" in message
    assert len(only_problem(f"{'k' * 500}: 1\n{'k' * 500}: 2\n")) < 200


# --- anything at all -----------------------------------------------------------------------------

YAML_PIECES = st.lists(
    st.sampled_from(
        ["a", "b: ", ": ", "- ", "? ", "\n", "  ", "\n  ", "\t", "&x ", "*x", "[", "]", "{", "}",
         ", ", "'", '"', "|\n", ">-\n", "!!str ", "!", "<<", "---\n", "...\n", "#", "%", "010",
         "1e3", "\\", "\\ud800", "\\Uffffffff", "\0", "\x85", "\ufeff", "é", "~", "@", "\r\n"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


def _can_be_printed(problem: Problem) -> bool:
    has_place = problem.line > 0 and problem.column > 0
    return str(problem).isprintable() and (has_place or problem.line == 0)


@pytest.mark.parametrize("loader", LOADERS)
@REPEATABLE
@given(raw_bytes=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_raise_anything_but_a_document_error(loader: object, raw_bytes: bytes) -> None:
    assert all(_can_be_printed(problem) for problem in refusals(raw_bytes, loader))


@pytest.mark.parametrize("loader", LOADERS)
@REPEATABLE
@given(text=YAML_PIECES)
def test_no_broken_yaml_raises_anything_but_a_document_error(loader: object, text: str) -> None:
    assert all(_can_be_printed(problem) for problem in refusals(text.encode(), loader))


def paths_of(data: Data, path: Path) -> Iterator[Path]:
    yield path
    if isinstance(data, dict | list):
        for step, below in data.items() if isinstance(data, dict) else enumerate(data):
            yield from paths_of(below, (*path, step))


@REPEATABLE
@given(text=YAML_PIECES)
def test_every_value_read_has_a_place_inside_the_text(text: str) -> None:
    try:
        source = read(text)
    except DocumentError:
        return
    lines = text.split("\n")
    for path in paths_of(source.data, ()):
        for place in (source.position_of(path), source.position_of(path, key=True)):
            assert 1 <= place.column <= len(lines[place.line - 1]) + 1
