"""The recorded lives are played through the adapters of today, without any network."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.errors import AuthenticationFailed
from reconciler.model.instance import InstanceStatus
from reconciler.providers.vastai import orders
from tests.cassettes.life import MARK
from tests.cassettes.recording import (
    RECORDED,
    Recorded,
    play,
    record_from_face,
    record_from_provider,
)
from tests.cassettes.scrubbing import Scrubber, secrets_in

FROM_FACES = "recorded from the face of the simulated market, not from the provider"
CASSETTES = pytest.mark.parametrize("one", RECORDED.values(), ids=RECORDED)


def label_of(one: Recorded) -> str:
    return str(json.loads(one.path.read_text())["recorded"])


@CASSETTES
def test_a_recorded_life_is_played_to_its_end(one: Recorded) -> None:
    life = play(one, one.path)
    assert life.ready.status is InstanceStatus.RUNNING
    assert life.ready.ssh is not None
    assert life.listed.label == life.ready.label == str(MARK)
    assert life.listed.gpu_count == life.rented.gpu_count
    assert life.listed.usd_per_hour is not None
    assert life.rented.rentable_for is None or life.rented.rentable_for > timedelta(hours=1)
    assert life.balance in (None, Decimal(25))


@CASSETTES
def test_I10_a_cassette_says_where_it_is_from_and_holds_no_secret(one: Recorded) -> None:
    text = one.path.read_text()
    assert label_of(one).startswith("recorded from the ")
    assert secrets_in(text, ["k" * 64]) == []


@CASSETTES
def test_a_cassette_of_a_face_is_what_the_face_would_give_today(
    one: Recorded, tmp_path: Path
) -> None:
    if label_of(one) != FROM_FACES:
        pytest.skip("it is from the provider itself")
    record_from_face(one, tmp_path / "fresh.json")
    same = (tmp_path / "fresh.json").read_bytes() == one.path.read_bytes()
    assert same, f"run `make cassettes PROVIDER={one.name}`"


def test_a_recording_that_fails_leaves_the_old_one_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "vastai.json"
    path.write_bytes(RECORDED["vastai"].path.read_bytes())
    with pytest.raises(AuthenticationFailed):
        record_from_provider(RECORDED["vastai"], path, {}, Decimal(1))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == RECORDED["vastai"].path.read_bytes()


def test_an_adapter_that_asks_otherwise_does_not_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "DISK_GB_MIN", 33)
    with pytest.raises(Exception, match="no recorded interaction matches it"):
        play(RECORDED["vastai"], RECORDED["vastai"].path)


def test_of_an_answer_only_what_is_on_the_list_is_kept() -> None:
    scrubber = Scrubber({"id", "credit", "rows", "public_ipaddr"}, account=("email", "id", 1))
    private = {
        "id": 4711,
        "email": "somebody@example.com",
        "credit": 1234.5,
        "ssh_key": "ssh-ed25519 AAAA",
        "rows": [{"id": 5, "token": "s3cret", "public_ipaddr": "198.51.100.7 "}],
    }
    assert json.loads(scrubber.body(json.dumps(private))) == {
        "id": 1,
        "credit": 25.0,
        "rows": [{"id": 5, "public_ipaddr": "203.0.113.10"}],
    }
    assert "s3cret" not in scrubber.body("<html>s3cret</html>")


@pytest.mark.parametrize(
    "planted",
    [
        '"authorization": "Bearer x"',
        '"instance_api_key": "' + "d15a" * 16 + '"',
        '"note": "ghp_0123456789abcdefghij"',
        '"key": "my-own-key-3141"',
    ],
)
def test_a_planted_secret_is_found(planted: str) -> None:
    text: Any = RECORDED["vastai"].path.read_text()
    assert secrets_in(text + planted, ["my-own-key-3141"])
