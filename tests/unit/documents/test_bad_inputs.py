"""Each of the first thirty bad inputs of RELIABILITY.md is refused, with its place and a fix."""

from __future__ import annotations

import socket
import tracemalloc
from pathlib import Path

import pytest

from reconciler.documents.loader import load_documents
from reconciler.model.errors import DocumentError, EmptyDocuments
from reconciler.model.exit_code import ExitCode
from tests.unit.documents.bad_input_cases import BAD_INPUTS, FLEET, BadInput
from tests.work import I23_CALLS_MAX, calls_of

TESTED_ELSEWHERE = {14: "test_bad_input_14_a_huge_file_is_refused_without_being_read"}
JARGON = ("pydantic", "Input should", "Value error", "Extra inputs", "type=", "Traceback")


def _refused(case: BadInput, directory: Path) -> DocumentError:
    for name, content in case.files.items():
        (directory / name).write_bytes(content)
    for name, target in case.links.items():
        (directory / name).symlink_to(target)
    with pytest.raises(DocumentError) as caught:
        load_documents(directory)
    return caught.value


@pytest.mark.parametrize("case", BAD_INPUTS, ids=str)
def test_bad_input_is_refused_at_its_place_with_words_of_our_own(
    case: BadInput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("reading documents must not open a connection (bad input 30)")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    refused: list[DocumentError] = []
    calls = calls_of(lambda: refused.append(_refused(case, tmp_path)))
    (error,) = refused

    told = [str(problem).replace(f"{tmp_path}/", "") for problem in error.problems]
    assert len(told) == len(case.told), told
    for text, expected in zip(told, case.told, strict=True):
        assert text.startswith(expected.place), text
        assert [phrase for phrase in expected.phrases if phrase not in text] == [], text
    printed = "\n".join(error.lines())
    assert [word for word in JARGON if word in printed] == []
    assert not case.hidden or case.hidden not in printed
    assert "\x1b" not in printed
    assert error.exit_code is ExitCode.DOCUMENTS_INVALID
    assert calls < I23_CALLS_MAX, "I23: at most 2 s of CPU for any configuration"


def test_every_bad_input_from_1_to_30_is_in_the_table_or_excepted_by_name() -> None:
    assert {case.number for case in BAD_INPUTS} | set(TESTED_ELSEWHERE) == set(range(1, 31))
    assert all(name in globals() for name in TESTED_ELSEWHERE.values())


def test_bad_input_14_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "fleets.yaml").open("wb") as file:
        file.truncate(50 * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(DocumentError, match="1 problem") as caught:
            load_documents(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 9 * 2**20, "what it read is what it held"
    assert "52,428,800 bytes" in str(caught.value.problems[0])


@pytest.mark.parametrize("text", [b"", b"\n\n", b"# only a comment\n", b"---\n"])
def test_bad_input_20_documents_that_hold_nothing_can_be_told_apart(
    text: bytes, tmp_path: Path
) -> None:
    (tmp_path / "fleets.yaml").write_bytes(text)
    with pytest.raises(EmptyDocuments):
        load_documents(tmp_path)


def test_bad_input_20_one_emptied_file_among_others_is_a_plain_document_error(
    tmp_path: Path,
) -> None:
    (tmp_path / "fleets.yaml").write_bytes(FLEET)
    (tmp_path / "b.fleets.yaml").write_bytes(b"# cut off by a checkout\n")
    with pytest.raises(DocumentError) as caught:
        load_documents(tmp_path)
    assert not isinstance(caught.value, EmptyDocuments)


@pytest.mark.parametrize("fleets", [b"fleets: {}\n", b"fleets:\n", b""])
def test_bad_input_20_documents_without_fleets_are_a_desired_state_without_fleets(
    fleets: bytes, tmp_path: Path
) -> None:
    head = b"version: 1\nworkspace: lab\nproviders: {simulated: {}}\n"
    (tmp_path / "fleets.yaml").write_bytes(head + fleets)
    assert load_documents(tmp_path).fleets == {}
