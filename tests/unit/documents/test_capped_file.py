"""Files that a person names are read with care (bad inputs 14 and 42)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from reconciler.documents.yaml_source import read_capped
from reconciler.model.errors import DocumentError

MIB = 2**20


def refusal(path: str | Path) -> str:
    with pytest.raises(DocumentError) as caught:
        read_capped(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.file) == (0, str(path))
    return str(problem)


def test_a_file_is_read_whole_and_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "fleets.yaml").write_bytes(b"version: 1\n")
    (tmp_path / "link.yaml").symlink_to("fleets.yaml")
    assert read_capped(tmp_path / "fleets.yaml") == b"version: 1\n"
    assert read_capped(str(tmp_path / "link.yaml")) == b"version: 1\n"


def test_input_14_a_file_of_1_mib_is_read_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * MIB)
    assert len(read_capped(path)) == MIB
    path.write_bytes(b"#" * (MIB + 1))
    assert "at most 1 MiB (1,048,576 bytes); this one has 1,048,577 bytes" in refusal(path)


def test_input_14_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(2**40)  # sparse: reading it would end this test
    assert "this one has 1,099,511,627,776 bytes" in refusal(path)


def test_input_42_a_directory_is_named_as_such(tmp_path: Path) -> None:
    assert "this is a directory; a document must be a regular file" in refusal(tmp_path)


def test_input_42_a_named_pipe_without_a_writer_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "this is a named pipe" in refusal(tmp_path / "pipe.yaml")


def test_input_42_a_socket_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may have 108 bytes only
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.yaml")
        assert "this is a socket" in refusal("s.yaml")


def test_input_42_a_device_is_named_as_such_and_never_read() -> None:
    assert "this is a character device" in refusal("/dev/zero")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = tmp_path / "closed.yaml"
    path.write_bytes(b"a: 1")
    path.chmod(0)
    assert "reading is not permitted" in refusal(path)


@pytest.mark.parametrize("name", ["a\0b.yaml", "x" * 5000])
def test_an_impossible_name_is_refused(name: str) -> None:
    assert "the file cannot be read" in refusal(name)


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert "the file cannot be read" in refusal(tmp_path / "loop.yaml")
