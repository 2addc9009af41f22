"""I8: whatever stands in the files of a lock, it never has two holders."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.errors import StateLocked
from reconciler.statefile.backend import LockInfo
from reconciler.statefile.local_file import LocalFile
from reconciler.statefile.lock_info import decode_info, encode_info
from reconciler.statefile.process_identity import this_process
from tests.fuzz.mutation import JUNK
from tests.unit.statefile.any_state import texts
from tests.unit.statefile.damage import check_told, damaged
from tests.unit.statefile.states import now

HOLDER = LockInfo(
    "0123", "apply", "ops@host", "1", now(), "state/demo.json", "elsewhere", 42, "boot", "7"
)
FIELDS = json.loads(encode_info(HOLDER))
HERE = this_process()
NEAR = {"host": HERE.host, "boot_id": HERE.boot_id, "pid": HERE.pid}
"""What another process of this host would have written, but for when it began."""

few = settings(max_examples=30, suppress_health_check=list(HealthCheck))


@st.composite
def sidecars(draw: st.DrawFn) -> bytes:
    """Of this process, of another one, damaged, forged, or nothing of the kind."""
    changes = draw(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.sampled_from(JUNK)))
    near = draw(st.sets(st.sampled_from(sorted(NEAR))))
    some = json.dumps(FIELDS | {name: NEAR[name] for name in near} | changes).encode()
    return draw(st.one_of(st.just(some), damaged(some), st.binary(max_size=40)))


def infos() -> st.SearchStrategy[LockInfo]:
    moments = st.datetimes(timezones=st.just(UTC))
    return st.builds(
        LockInfo,
        *[texts()] * 4,
        moments,
        *[texts()] * 2,
        st.integers(0, 2**40),
        *[texts()] * 2,
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("locked") / "state" / "demo.json"


def _open(path: Path) -> LocalFile:
    return LocalFile(path, "demo", now)


def _beside(path: Path, ending: str, data: bytes) -> None:
    file = path.with_name(path.name + ending)
    file.write_bytes(data)
    file.chmod(0o600)


def _is_refused(path: Path) -> bool:
    try:
        with _open(path).lock("plan", timeout_seconds=0):
            return False
    except StateLocked as error:
        check_told(error, 4)
        return bool(error.fix)


@few
@given(infos())
def test_a_holder_reads_back(info: LockInfo) -> None:
    assert decode_info(encode_info(info)) == info
    assert encode_info(decode_info(encode_info(info))) == encode_info(info)


@few
@given(sidecars(), st.binary(max_size=40))
def test_I8_while_one_holds_it_nobody_else_does_whatever_stands_there(
    path: Path, sidecar: bytes, content: bytes
) -> None:
    backend = _open(path)
    with backend.lock("apply", timeout_seconds=0) as held:
        _beside(path, ".lock.info", sidecar)
        _beside(path, ".lock", content)
        assert _is_refused(path)
        with pytest.raises(StateLocked):
            _open(path).unlock(decode_info(sidecar).id)
        assert not held.still_ours, "it may not be said that nobody wrote there"
        with pytest.raises(StateLocked):
            backend.fence()
    path.with_name("demo.json.lock.info").unlink(missing_ok=True)


@few
@given(sidecars())
def test_bad_input_60_what_was_left_behind_is_passed_over_or_a_person_names_it(
    path: Path, sidecar: bytes
) -> None:
    """Only for a holder that is proven dead nobody is asked; any other is removed by its id."""
    _beside(path, ".lock.info", sidecar)
    if _is_refused(path):
        assert _open(path).unlock(decode_info(sidecar).id) == decode_info(sidecar)
    with _open(path).lock("apply", timeout_seconds=0) as held:
        assert held.still_ours
        assert _is_refused(path)
    assert not path.with_name("demo.json.lock.info").exists()


@few
@given(sidecars())
def test_of_another_host_nothing_is_ever_proven(path: Path, sidecar: bytes) -> None:
    """Whatever changes but the host: from here nobody can tell that it is dead."""
    info = decode_info(sidecar)
    _beside(path, ".lock.info", sidecar)
    refused = _is_refused(path)
    path.with_name("demo.json.lock.info").unlink(missing_ok=True)
    assert refused or info.host == HERE.host
