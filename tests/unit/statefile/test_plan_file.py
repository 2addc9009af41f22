"""Plan files: whole or refused, private, and never in place of anything else."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from reconciler.model.errors import GpuShopperError, StalePlan, UsageRefused
from reconciler.model.plan_document import PlanDocument
from reconciler.model.saved_plan import PlanOrigin
from reconciler.reporting.plan_json import plan_document
from reconciler.statefile.files import Files
from reconciler.statefile.plan_file import check_target, encode_plan, read_plan, write_plan
from tests.builders import create, plan

ORIGIN = PlanOrigin("lineage-1", 7, "0" * 64, {"simulated": "account-1"})


def document(**changes: object) -> PlanDocument:
    return plan_document(plan(creates=(create(),), **changes), ORIGIN)


def saved(directory: Path) -> Path:
    path = directory / "p"
    write_plan(path, document())
    return path


def test_a_plan_reads_back_as_it_was_written(tmp_path: Path) -> None:
    assert read_plan(saved(tmp_path)) == document()


def test_a_plan_is_one_line_for_its_owner_alone_and_leaves_nothing_beside_it(
    tmp_path: Path,
) -> None:
    path = saved(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().count(b"\n") == 1
    assert os.listdir(tmp_path) == ["p"]


def test_a_plan_of_ours_is_replaced(tmp_path: Path) -> None:
    path = saved(tmp_path)
    write_plan(path, document(workspace="other"))
    assert read_plan(path).workspace == "other"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_bad_input_34_no_byte_can_be_changed_unnoticed(tmp_path: Path) -> None:
    path = saved(tmp_path)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(StalePlan) as caught:
            read_plan(path)
        assert caught.value.exit_code == 10
        assert caught.value.why


@pytest.mark.parametrize("left", [0, 1, 40, 100, 500, -1])
def test_a_plan_that_was_cut_is_refused(tmp_path: Path, left: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(StalePlan, match="no plan that can be used"):
        read_plan(path)


def test_a_plan_of_a_newer_format_is_refused_with_both_numbers(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'plan":1,', b'plan":2,', 1))
    with pytest.raises(StalePlan) as caught:
        read_plan(path)
    assert caught.value.why == "it has format 2, this program knows 1"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"usd_per_hour":"0.40"', b'"usd_per_hour":"NaN" '),
        (b'"usd_per_hour":"0.40"', b'"usd_per_hour":-0.400'),
        (b'"usd_per_hour":"0.40"', b'"usd_per_hour":0.4000'),
        (b'"mode":"apply"', b'"mode":"other"'),
        (b'"sighted"', b'"surpris"'),
        (b'"format_version":"1.0"', b'"format_version":"9.0"'),
    ],
)
def test_a_forged_checksum_does_not_help_a_content_that_makes_no_sense(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    path = saved(tmp_path)
    head, comma, rest = path.read_bytes().partition(b'",')
    assert old in rest
    rest = rest.replace(old, new, 1)
    prefix = head[: head.index(b"sha256:") + 7]
    path.write_bytes(prefix + hashlib.sha256(rest).hexdigest().encode() + comma + rest)
    with pytest.raises(StalePlan) as caught:
        read_plan(path)
    assert "its content does not" in caught.value.why


@pytest.mark.parametrize("content", [b"", b"version: 1\n", b'{"checksum":"sha256:'])
def test_nothing_but_a_plan_is_ever_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine"
    path.write_bytes(content)
    with pytest.raises(UsageRefused, match="not a plan file"):
        check_target(path)
    with pytest.raises(UsageRefused, match="not a plan file"):
        write_plan(path, document())
    assert path.read_bytes() == content


def test_I24_a_link_is_neither_written_through_nor_read_through(tmp_path: Path) -> None:
    path = saved(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(path)
    before = path.read_bytes()
    with pytest.raises(UsageRefused, match="not a regular file"):
        write_plan(link, document(workspace="other"))
    with pytest.raises(UsageRefused, match="symbolic link"):
        read_plan(link)
    assert path.read_bytes() == before
    assert link.is_symlink()


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (".", "pipe"):
        with pytest.raises(UsageRefused, match="not a regular file"):
            check_target(tmp_path / name)
        with pytest.raises(UsageRefused, match="not a regular file"):
            read_plan(tmp_path / name)


def test_names_that_do_not_exist_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageRefused, match="there is no plan file"):
        read_plan(tmp_path / "nothing")
    with pytest.raises(UsageRefused, match="there is no directory"):
        check_target(tmp_path / "nowhere" / "p")
    check_target(tmp_path / "new")


class FullDisk(Files):
    def write(self, descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_old_plan_and_nothing_else(tmp_path: Path) -> None:
    path = saved(tmp_path)
    before = path.read_bytes()
    with pytest.raises(GpuShopperError, match="No space left") as caught:
        write_plan(path, document(workspace="other"), files=FullDisk())
    assert caught.value.exit_code == 1
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["p"]


def test_the_same_document_gives_the_same_bytes() -> None:
    assert encode_plan(document()) == encode_plan(document())
