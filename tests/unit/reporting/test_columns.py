from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.reporting.columns import Column, cut, display_width, table, wrap
from reconciler.reporting.wording import slots_text


def test_columns_are_aligned_and_no_line_ends_in_spaces() -> None:
    columns = (Column("NAME"), Column("RATE", right=True), Column("NOTE"))
    assert table(columns, [["a", "1.5", ""], ["bcd", "12.5", "late"]]) == [
        "NAME  RATE  NOTE",
        "a      1.5",
        "bcd   12.5  late",
    ]


def test_east_asian_letters_take_two_columns() -> None:
    assert display_width("東京") == 4
    lines = table((Column("R"), Column("N")), [["東京", "1"], ["x", "2"]])
    assert [display_width(line) for line in lines[1:]] == [7, 7]


def test_combining_letters_take_none() -> None:
    assert display_width("e\u0301") == 1


def test_an_empty_column_is_left_out_and_no_rows_give_no_table() -> None:
    columns = (Column("A"), Column("B"))
    assert table(columns, [["", "x"]]) == ["B", "x"]
    assert table(columns, []) == []


def test_a_wide_table_shrinks_what_may_shrink_then_drops_what_may_go() -> None:
    columns = (Column("ID", shrink_to=8), Column("PRICE", right=True), Column("EXTRA", optional=1))
    rows = [["i" * 40, "1.00", "e" * 10]]
    assert table(columns, rows, width=30) == [
        "ID            PRICE EXTRA",
        "iiiiiiiiii...  1.00 eeeeeeeeee",
    ]
    assert table(columns, rows, width=20) == ["ID             PRICE", "iiiiiiiiiii...  1.00"]


def test_an_id_is_never_cut_it_stands_below_its_row_where_it_does_not_fit() -> None:
    columns = (Column("ID", shrink_to=4, whole=True), Column("PRICE", right=True))
    rows = [["abc", "1.00"], ["i" * 20, "22.00"], ["j" * 40, "3.00"]]
    assert table(columns, rows, width=30) == [
        "ID                       PRICE",
        "abc                       1.00",
        "iiiiiiiiiiiiiiiiiiii     22.00",
        "                          3.00",
        "    " + "j" * 26,
        "    " + "j" * 14,
    ]


def test_wrapped_lines_keep_inner_spaces_and_hang() -> None:
    assert wrap("one  two three", width=10, hang=2) == ["one  two", "  three"]


@given(st.text(max_size=300), st.integers(10, 80), st.integers(0, 4), st.integers(0, 4))
def test_I22_wrapped_text_is_printable_and_fits(
    text: str, width: int, indent: int, hang: int
) -> None:
    for line in wrap(text, width=width, indent=indent, hang=hang):
        assert line.isprintable()
        assert display_width(line) <= width


@given(st.lists(st.lists(st.text(max_size=90), min_size=3, max_size=3), min_size=1, max_size=4))
def test_I22_a_table_is_printable_and_fits(rows: list[list[str]]) -> None:
    columns = (Column("A", shrink_to=4), Column("B", right=True), Column("C", optional=1))
    for line in table(columns, rows):
        assert line.isprintable()
        assert display_width(line) <= 80


@given(st.text(max_size=50), st.integers(0, 20))
def test_cut_text_fits(text: str, width: int) -> None:
    assert display_width(cut(text, width)) <= width


def test_slots_are_written_as_ranges_and_long_lists_end() -> None:
    assert slots_text("train", [3]) == "fleet.train[3]"
    assert slots_text("train", [5, 0, 1, 2, 5]) == "fleet.train[0..2,5]"
    assert slots_text("train", range(0, 20, 2)) == "fleet.train[0,2,4,6,...]"
