from __future__ import annotations

import hashlib
import json
from datetime import datetime
from decimal import Decimal

import pytest

from reconciler.model.errors import StateError
from reconciler.statefile.format import VERSION, RecordTexts, decode, encode
from tests.unit.statefile.states import instance, lease, state


def _lines(error: StateError) -> str:
    return "\n".join(error.lines())


def test_a_state_reads_back_as_it_was_written() -> None:
    assert decode(encode(state()), "x") == state()


def test_the_same_state_gives_the_same_bytes_in_any_order_of_its_maps() -> None:
    forward = {"a": instance(0), "b": instance(1)}
    backward = dict(reversed(forward.items()))
    assert encode(state(instances=forward)) == encode(state(instances=backward))


def test_the_stored_form_is_one_ascii_line_with_text_for_money_and_utc_times() -> None:
    data = encode(state())
    fields = json.loads(data)
    record = fields["instances"]["m-0"]
    assert data.isascii()
    assert data.endswith(b"}\n")
    assert data.count(b"\n") == 1
    assert fields["version"] == VERSION
    assert fields["checksum"].startswith("sha256:")
    assert record["usd_per_hour"] == "2.00"
    assert record["created_at"] == "2026-03-01T12:00:00Z"
    assert fields["leases"]["train"]["ttl"] == 14400


def test_bad_input_53_a_lone_surrogate_from_a_provider_survives_and_the_state_stays_valid() -> None:
    strange = state(instances={"m-0": instance(instance_id="label \ud800 \udfff")})
    assert decode(encode(strange), "x") == strange


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"\0" * 64, "64 zero bytes"),
        (b"<html>oops</html>", "does not begin as a state file does"),
        (b"[]", "does not begin as a state file does"),
        (b"[" * 100_000, "does not begin as a state file does"),
        (b'{"serial":' + b"9" * 5000 + b"}", "does not begin as a state file does"),
        (b'{"version":2,"workspace":"demo"}', "does not begin as a state file does"),
        (encode(state())[:-40], "checksum"),
        (encode(state())[:-40] + b"\0" * 40, "checksum"),
        (encode(state()) + b"\n", "checksum"),
    ],
)
def test_bad_input_57_what_is_no_state_file_is_refused_with_the_reason(
    data: bytes, why: str
) -> None:
    with pytest.raises(StateError) as caught:
        decode(data, "state/demo.json")
    assert caught.value.exit_code == 13
    assert "state/demo.json: the state is damaged" in _lines(caught.value)
    assert why in _lines(caught.value)


def test_bad_input_57_any_single_flipped_bit_is_noticed() -> None:
    data = encode(state(instances={}, intents={}))
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << (position % 8)
        with pytest.raises(StateError):
            decode(bytes(flipped), "x")


def test_bad_input_57_a_changed_byte_is_reported_with_both_checksums_shortened() -> None:
    data = encode(state())
    written = json.loads(data)["checksum"].removeprefix("sha256:")
    with pytest.raises(StateError) as caught:
        decode(data.replace(b'"2.00"', b'"1.00"'), "x")
    assert f"checksum written {written[:12]}..." in caught.value.why
    assert written not in caught.value.why


@pytest.mark.parametrize("version", [VERSION + 1, 10**400])
def test_bad_input_58_a_newer_version_is_refused_with_both_numbers(version: int) -> None:
    with pytest.raises(StateError) as caught:
        decode(json.dumps({"format": "new", "version": version}).encode(), "x")
    assert f"format version {str(version)[:10]}" in caught.value.what
    assert f"this program knows {VERSION}" in caught.value.what


def test_a_well_summed_file_with_an_unknown_field_is_refused_without_echoing_values() -> None:
    body = json.dumps({"surprise": "s3cret", "version": 1, "workspace": "demo", "lineage": "l"})
    digest = hashlib.sha256(body.encode()).hexdigest()
    with pytest.raises(StateError) as caught:
        decode(f'{{"checksum":"sha256:{digest}",{body[1:]}'.encode(), "x")
    assert "surprise: extra_forbidden" in _lines(caught.value)
    assert "s3cret" not in _lines(caught.value)


def test_a_state_with_a_value_of_the_wrong_kind_is_never_written() -> None:
    with pytest.raises(StateError, match="could not be read again"):
        encode(state().with_(serial="twelve"))


def test_money_keeps_every_digit() -> None:
    exact = Decimal("0.1234567890123456789")
    kept = decode(encode(state(instances={"m-0": instance(usd_per_hour=exact)})), "x")
    assert kept.instances["m-0"].usd_per_hour == exact


def test_times_come_back_aware() -> None:
    saved = decode(encode(state(saved_at=datetime.fromisoformat("2026-03-01T14:00:00+02:00"))), "x")
    assert saved.saved_at is not None
    assert saved.saved_at.utcoffset() is not None


def test_texts_of_records_written_before_change_no_byte() -> None:
    texts = RecordTexts()
    first = state(instances={"a": instance(0), "b": instance(1)})
    changed = instance(1, instance_id="label \ud800 \x7f")
    for one in (
        first,
        first.with_(serial=9),
        first.with_(instances={**first.instances, "b": changed, "c": instance(2)}),
        first.with_(instances={"b": changed}),
        first.with_(instances={"b": changed.with_(instance_id="7")}),
        first.with_(instances={"b": changed.with_(instance_id="8 \x7f", usd_per_hour=Decimal(2))}),
        first.with_(instances={"z": changed}),
        first,
    ):
        assert encode(one, texts) == encode(one)
        assert decode(encode(one, texts), "x") == one


def test_a_record_of_another_kind_is_not_stored() -> None:
    with pytest.raises(StateError):
        encode(state().with_(instances={"m-0": lease()}))


def test_I23_a_duration_beyond_all_time_is_damage_and_no_traceback() -> None:
    """Found by the fuzzer: target "state", seed 0, input 583."""
    fields = json.loads(encode(state(leases={"train": lease()})))
    fields["leases"]["train"]["grace"] = 2**63
    del fields["checksum"]
    body = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    digest = hashlib.sha256(body).hexdigest().encode()
    with pytest.raises(StateError, match="damaged"):
        decode(b'{"checksum":"sha256:' + digest + b'",' + body[1:], "x")
