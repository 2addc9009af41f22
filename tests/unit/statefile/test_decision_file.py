from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.decision import DecisionInputs, RecordedDecision
from reconciler.model.errors import GpuShopperError, StateError, UsageRefused
from reconciler.model.fleet import NotifierSettings
from reconciler.model.plan import Mode, PlanRequest
from reconciler.operations.recording import decision_of, replay, replay_file
from reconciler.planning.planner import compute_plan
from reconciler.statefile.decision_file import (
    _bytes,
    _digest,
    decode_decision,
    encode_decision,
    read_decision,
    write_decision,
)
from tests.builders import (
    complete,
    desired,
    fleet,
    instance,
    observed,
    offer,
    offer_book,
    record,
    recorded_state,
)
from tests.markets import START

SECRET = "https://hooks.example.com/a-secret-part"


def decision(**changes: Any) -> RecordedDecision:
    """An apply that buys one machine, keeps one and knows a webhook."""
    machine = record()
    fields: dict[str, Any] = {
        "desired": desired(
            fleet(nodes=2, env={"TOKEN": "${env:TOKEN}", "MODE": "fast"}),
            notifiers={"team": NotifierSettings("team", SECRET)},
        ),
        "recorded": recorded_state(machine),
        "observed": observed(complete("simulated", instance(machine))),
        "offers": offer_book(offer("o1"), offer("o2", "0.41")),
        "now": START,
        "request": PlanRequest(Mode.APPLY),
    }
    inputs = DecisionInputs(**{**fields, **changes})
    plan = compute_plan(
        inputs.desired, inputs.recorded, inputs.observed, inputs.offers, inputs.now, inputs.request
    )
    return decision_of(inputs, plan, plan)


def resealed(data: bytes, **changes: Any) -> bytes:
    """A file that somebody altered, with a checksum that is right again."""
    fields = {**json.loads(data), **changes}
    del fields["checksum"]
    body = _bytes(fields)
    return b'{"checksum":"sha256:%s",' % _digest(body) + body[1:]


def test_a_decision_comes_back_and_is_decided_as_before(tmp_path: Path) -> None:
    kept = decision()
    write_decision(tmp_path / "d.json", kept)
    back = read_decision(tmp_path / "d.json")
    assert back.text == kept.text
    assert "+ fleet.train[1]" in back.text
    assert replay(back).same
    assert encode_decision(back) == encode_decision(kept)


def test_documents_that_could_not_be_read_are_recorded_as_such() -> None:
    kept = decision(desired=None, request=PlanRequest(Mode.LOOP))
    assert replay(decode_decision(encode_decision(kept), "d")).same


def test_references_stay_references_and_the_addresses_of_notifiers_are_left_out() -> None:
    data = encode_decision(decision()).decode()
    assert "${env:TOKEN}" in data
    assert SECRET not in data
    assert "secret" not in data


def test_I24_the_file_is_private_replaced_as_a_whole_and_leaves_nothing_beside_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "d.json"
    path.write_text("something else")
    path.chmod(0o666)
    write_decision(path, decision())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["d.json"]


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("untouched")
    (tmp_path / "d.json").symlink_to(tmp_path / "other")
    write_decision(tmp_path / "d.json", decision())
    assert (tmp_path / "other").read_text() == "untouched"
    assert replay_file(tmp_path / "d.json").same


def test_a_place_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(GpuShopperError, match=r"cannot write .*No such file") as caught:
        write_decision(tmp_path / "nowhere" / "d.json", decision())
    assert caught.value.exit_code == 1


def test_I7_a_flipped_or_missing_byte_anywhere_is_noticed() -> None:
    data = encode_decision(decision())
    for at in range(0, len(data) - 1, 97):
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        for damaged in (flipped, data[:at]):
            with pytest.raises(StateError) as caught:
                decode_decision(damaged, "d.json")
            assert caught.value.exit_code == 13
            assert len(caught.value.lines()) <= 10


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"{" * 100_000,
        b"\xff\xfe",
        b"9" * 9999,
    ],
    ids=len,
)
def test_what_is_no_recorded_decision_is_refused(data: bytes) -> None:
    with pytest.raises(StateError, match="no whole recorded decision"):
        decode_decision(data, "d.json")


def test_a_newer_format_is_refused_by_its_number() -> None:
    with pytest.raises(StateError, match="format version 2, this program knows 1"):
        decode_decision(resealed(encode_decision(decision()), version=2), "d.json")


def test_an_altered_value_is_refused_with_its_place() -> None:
    data = encode_decision(decision())
    inner = json.loads(data)["decision"]
    inner["inputs"]["offers"]["listings"][0]["offers"][1]["usd_per_hour"] = "NaN"
    with pytest.raises(StateError) as caught:
        decode_decision(resealed(data, decision=inner), "d.json")
    assert "inputs.offers.listings.0.offers.1.usd_per_hour" in caught.value.why


def test_a_fleet_of_more_nodes_than_can_be_declared_is_not_counted_out(tmp_path: Path) -> None:
    data = encode_decision(decision())
    inner = json.loads(data)["decision"]
    inner["inputs"]["desired"]["fleets"][0][1]["nodes"]["maximum"] = 10**12
    (tmp_path / "d.json").write_bytes(resealed(data, decision=inner))
    with pytest.raises(StateError, match="it was altered"):
        replay_file(tmp_path / "d.json")


def test_another_input_is_another_plan() -> None:
    kept = decision()
    later = replace(kept, inputs=replace(kept.inputs, now=START.replace(hour=13)))
    assert not replay(later).same_text
    assert not replay(replace(kept, digest="0" * 64)).same
    assert replay(replace(kept, digest="0" * 64)).same_text


def test_a_name_that_is_no_file_is_a_usage_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", ".", "pipe", "a\0b"):
        with pytest.raises(UsageRefused):
            read_decision(tmp_path / name)
