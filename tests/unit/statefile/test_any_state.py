"""Whatever a state holds comes back, and whatever happens to its file is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.model.errors import StateError
from reconciler.model.record import LeaseRecord, RecordedState
from reconciler.statefile.format import RecordTexts, decode, encode
from reconciler.statefile.local_file import LocalFile
from tests.unit.statefile.any_state import states
from tests.unit.statefile.damage import check_told, damaged, forged, sealed
from tests.unit.statefile.states import lease, now, state

STORED = encode(state(serial=2))
FIELDS = {name: value for name, value in json.loads(STORED).items() if name != "checksum"}

of_a_state = settings(max_examples=25, suppress_health_check=list(HealthCheck))
few = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@of_a_state
@given(states())
def test_whatever_a_state_holds_comes_back_and_gives_the_same_bytes(drawn: RecordedState) -> None:
    data = encode(drawn)
    assert data.isascii()
    assert decode(data, "x") == drawn
    assert encode(decode(data, "x")) == data


@settings(of_a_state, max_examples=8)
@given(st.lists(states(), min_size=2, max_size=3))
def test_what_was_encoded_before_changes_no_byte(several: list[RecordedState]) -> None:
    texts = RecordTexts()
    for one in several:
        assert encode(one, texts) == encode(one)


def test_bad_input_53_lone_surrogates_that_name_something_are_not_one_name() -> None:
    """pydantic writes each of them as U+FFFD, so that the last one would take the others' place."""
    names = {f"simulated {chr(code)}": f"m-{code}" for code in (0xD800, 0xD801, 0xFFFD)}
    strange = state(duplicates=names)
    assert decode(encode(strange), "x").duplicates == names


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with a good backup beside it."""
    path = tmp_path_factory.mktemp("damaged") / "state" / "demo.json"
    first = LocalFile(path, "demo", now).write(state(), expected_serial=None)
    LocalFile(path, "demo", now).write(first.with_(instances={}), expected_serial=1)
    path.write_bytes(STORED)
    return path


@few
@given(damaged(STORED))
def test_bad_input_57_any_change_is_refused_with_the_backup_and_nothing_is_written_over_it(
    place: Path, data: bytes
) -> None:
    place.write_bytes(data)
    if data == STORED:
        assert LocalFile(place, "demo", now).read() == state(serial=2)
        return
    backend = LocalFile(place, "demo", now)
    with pytest.raises(StateError) as caught:
        backend.read()
    check_told(caught.value, 13)
    assert "state/demo.json" in caught.value.what
    assert "gpu-shopper state restore 1" in caught.value.fix
    with pytest.raises(StateError):
        backend.write(state(instances={}), expected_serial=2)
    assert place.read_bytes() == data


@few
@given(forged(FIELDS))
def test_a_forged_state_is_refused_or_is_one_that_can_be_stored_again(data: bytes) -> None:
    """Else a state would be read, acted on, and could never be saved."""
    try:
        found = decode(data, "x")
    except StateError as error:
        check_told(error, 13)
        return
    stored = encode(found)
    assert decode(stored, "x") == found
    assert encode(decode(stored, "x")) == stored


@pytest.mark.parametrize("ttl", [0.5, True, "PT4H", "14400"])
def test_a_duration_that_is_no_whole_number_of_seconds_is_damage(ttl: object) -> None:
    """Found by the test above: half a second was read, and would have been stored as none."""
    leases = {"train": {**json.loads(lease().model_dump_json()), "ttl": ttl}}
    with pytest.raises(StateError, match="damaged"):
        decode(sealed({**FIELDS, "leases": leases}), "x")
    assert LeaseRecord.model_validate(leases["train"] | {"ttl": 14400}) == lease()
