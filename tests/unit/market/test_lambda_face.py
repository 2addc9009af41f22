"""Lambda's face by itself: what the vendor publishes and people report, asked in plain HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.market.errors import MarketError
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faces.lambda_cloud import LambdaFace, key_of
from reconciler.market.faults import Fault
from reconciler.market.ledger import living
from reconciler.market.units import usd
from reconciler.market.world import World
from tests.markets import START, market_offer, small_world

MINUTE = timedelta(minutes=1)
TYPE = "gpu_1x_rtx4090"
ORDER = {"region_name": "nl-amsterdam", "instance_type_name": TYPE, "ssh_key_names": ["laptop"]}


class Renter:
    """Somebody with the key, whose calls are far enough apart."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.face = LambdaFace()
        self.now: datetime = START
        self.authorization = f"Bearer {key_of(world)}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> FaceAnswer:
        self.now += MINUTE
        return self.ask_again(method, path, body, **headers)

    def ask_again(self, method: str, path: str, body: Any = None, **headers: str) -> FaceAnswer:
        """At the same moment as the call before."""
        content = b"" if body is None else json.dumps(body).encode()
        named = {"Authorization": self.authorization, **headers}
        request = FaceRequest.of(method, f"/api/v1/{path}", named, content)
        return self.face.handle_at(self.world, request, self.now)

    def told(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status == 200, answer
        return json.loads(answer.body)["data"]

    def launch(self, **changes: Any) -> FaceAnswer:
        return self.ask("POST", "instance-operations/launch", {**ORDER, **changes})

    def terminate(self, *ids: str) -> FaceAnswer:
        return self.ask("POST", "instance-operations/terminate", {"instance_ids": list(ids)})


@contextmanager
def renter(*offers: Any) -> Iterator[Renter]:
    with small_world(*offers) as world:
        yield Renter(world)


def code(answer: FaceAnswer) -> str:
    return str(json.loads(answer.body)["error"]["code"])


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Basic !!", "Token x"])
def test_a_key_that_is_none_is_401_with_its_code(given: str) -> None:
    with renter() as me:
        answer = me.ask("GET", "instances", Authorization=given)
    assert (answer.status, code(answer)) == (401, "global/invalid-api-key")


def test_the_key_may_come_as_a_user_without_a_password() -> None:
    with renter() as me:
        me.authorization = "Basic " + base64.b64encode(f"{key_of(me.world)}:".encode()).decode()
        assert me.told("GET", "instances") == []


def test_types_by_name_with_whole_cents_and_the_regions_that_have_some() -> None:
    texas = market_offer("b", region="us-texas", country="US")
    dearer = market_offer("c", base_microusd=404_999)
    bid = market_offer("d", spot=True, base_microusd=100_000)
    with renter(market_offer("a"), texas, dearer, bid) as me:
        types = me.told("GET", "instance-types")
    assert set(types) == {TYPE, f"{TYPE}_t1"}
    first = types[TYPE]
    assert first["instance_type"]["price_cents_per_hour"] == 40
    assert types[f"{TYPE}_t1"]["instance_type"]["price_cents_per_hour"] == 41
    assert first["instance_type"]["gpu_description"] == "RTX 4090 (24 GB)"
    assert first["instance_type"]["specs"]["gpus"] == 1
    assert first["regions_with_capacity_available"] == [
        {"name": "nl-amsterdam", "description": "Amsterdam, NL"},
        {"name": "us-texas", "description": "Texas, USA"},
    ]


def test_a_launch_gives_an_id_and_the_machine_has_all_the_rest() -> None:
    tags = [{"key": "gs-node", "value": "x"}]
    with renter() as me:
        made = json.loads(me.launch(name="mine", tags=tags, user_data="#cloud-config\n").body)
        assert list(made["data"]) == ["instance_ids"]
        (number,) = made["data"]["instance_ids"]
        assert len(number) == 32
        (machine,) = living(me.world, me.now)
        assert (machine.label, machine.disk_bytes) == ("mine", 0)
        booting = me.told("GET", f"instances/{number}")
        assert (booting["status"], "ip" in booting) == ("booting", False)
        me.now += 10 * MINUTE
        (row,) = me.told("GET", "instances")
        assert (row["id"], row["status"], row["tags"], row["name"]) == (
            number, "active", tags, "mine",
        )  # fmt: skip
        assert row["ip"] == machine.ssh_host
        cents = row["instance_type"]["price_cents_per_hour"]
        assert usd(machine.microusd_per_hour) * 100 == cents
        assert me.told("GET", "instance-types")[TYPE]["regions_with_capacity_available"] == []
        sold_out = me.launch()
        assert sold_out.status == 400
        assert code(sold_out) == "instance-operations/launch/insufficient-capacity"


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"quantity": 2}, 400, "global/invalid-parameters"),
        ({"region_name": None}, 400, "global/invalid-parameters"),
        ({"instance_type_name": "gpu_9x_moon"}, 400, "global/invalid-parameters"),
        ({"ssh_key_names": []}, 400, "global/invalid-parameters"),
        ({"ssh_key_names": ["laptop", "other"]}, 400, "global/invalid-parameters"),
        ({"ssh_key_names": ["nobody"]}, 404, "global/object-does-not-exist"),
        ({"file_system_names": ["fs"]}, 404, "global/object-does-not-exist"),
        ({"name": "x" * 65}, 400, "global/invalid-parameters"),
        ({"hostname": "UPPER"}, 400, "global/invalid-parameters"),
        ({"tags": [{"key": "Upper", "value": "x"}]}, 400, "global/invalid-parameters"),
        ({"tags": [{"key": "a", "value": "x"}]}, 400, "global/invalid-parameters"),
        ({"tags": [{"key": "ab", "value": "x" * 129}]}, 400, "global/invalid-parameters"),
        ({"user_data": "x" * (2**20 + 1)}, 400, "global/invalid-parameters"),
        (
            {"region_name": "us-moon-1"},
            400,
            "instance-operations/launch/insufficient-capacity",
        ),
    ],
    ids=str,
)
def test_the_published_limits_of_a_launch(changes: Any, status: int, said: str) -> None:
    with renter() as me:
        refused = me.launch(**changes)
        assert (refused.status, code(refused)) == (status, said)
        assert living(me.world, me.now) == ()


def test_an_end_before_the_launch_is_refused_and_the_row_says_why() -> None:
    with renter() as me:
        (number,) = json.loads(me.launch().body)["data"]["instance_ids"]
        path = f"instances/{number}"
        me.now += timedelta(seconds=1)
        row = json.loads(me.ask_again("GET", path).body)["data"]
        assert row["actions"]["terminate"]["reason_code"] == "vm-has-not-launched"
        me.now += timedelta(seconds=1)
        early = me.ask_again("POST", "instance-operations/terminate", {"instance_ids": [number]})
        assert (early.status, code(early)) == (400, "global/invalid-parameters")
        assert len(living(me.world, me.now)) == 1


def test_what_is_terminated_stays_in_lists_for_a_while_and_is_then_denied() -> None:
    with renter() as me:
        machine = me.world.place_foreign(START, "m")
        number = machine.id.rjust(32, "0")
        (ended,) = json.loads(me.terminate(number).body)["data"]["terminated_instances"]
        assert (ended["id"], ended["status"]) == (number, "terminating")
        me.now += timedelta(seconds=15)
        (row,) = json.loads(me.ask_again("GET", "instances").body)["data"]
        assert row["status"] == "terminated"
        assert living(me.world, me.now) == ()
        assert me.told("GET", "instances") == []
        for answer in (me.ask("GET", f"instances/{number}"), me.terminate(number)):
            assert (answer.status, code(answer)) == (404, "global/object-does-not-exist")


def test_one_unknown_id_ends_none_of_those_that_are_named_with_it() -> None:
    with renter() as me:
        machine = me.world.place_foreign(START, "m")
        assert me.terminate(machine.id.rjust(32, "0"), "f" * 32).status == 404
        assert len(living(me.world, me.now)) == 1


def test_a_name_can_be_changed_and_tags_cannot() -> None:
    with renter() as me:
        tags = [{"key": "gs-node", "value": "x"}]
        (number,) = json.loads(me.launch(name="a", tags=tags).body)["data"]["instance_ids"]
        row = me.told("POST", f"instances/{number}", {"name": "b", "tags": []})
        assert (row["name"], row["tags"]) == ("b", tags)


def test_keys_are_registered_by_name_and_kept_with_the_market() -> None:
    with renter() as me:
        assert [key["name"] for key in me.told("GET", "ssh-keys")] == ["laptop"]
        key = me.told("POST", "ssh-keys", {"name": "gs", "public_key": "ssh-ed25519 AAAA"})
        assert me.ask("POST", "ssh-keys", {"name": "gs", "public_key": "x"}).status == 400
        assert me.ask("POST", "ssh-keys", {"name": "pair"}).status == 400
        me.face = LambdaFace()
        assert [one["name"] for one in me.told("GET", "ssh-keys")] == ["laptop", "gs"]
        assert me.launch(ssh_key_names=["gs"]).status == 200
        me.told("DELETE", f"ssh-keys/{key['id']}")
        assert me.ask("DELETE", f"ssh-keys/{key['id']}").status == 404


def test_one_call_a_second_and_one_launch_in_twelve() -> None:
    with renter() as me:
        me.told("GET", "instances")
        me.now += timedelta(seconds=0.99)
        assert me.ask_again("GET", "regions").status == 429
        me.now += timedelta(seconds=0.01)
        assert me.ask_again("GET", "regions").status == 200
        me.launch()
        me.now += timedelta(seconds=11.99)
        assert me.ask_again("POST", "instance-operations/launch", ORDER).status == 429
        me.now += timedelta(seconds=0.01)
        assert me.ask_again("POST", "instance-operations/launch", ORDER).status == 400


def test_a_refusal_of_pace_may_be_no_json() -> None:
    with renter() as me:
        me.told("GET", "regions")
        bodies = {me.ask_again("GET", "regions").body for _ in range(4)}
    assert len(bodies) == 2
    assert b"Too Many Requests" in bodies


def test_a_fault_of_the_market_is_answered_in_their_words() -> None:
    with renter() as me:
        fault = Fault(error="unavailable", done=True, carries_id=True)
        me.world.script_fault(fault, "create_instance", times=1)
        answer = me.launch()
        (machine,) = living(me.world, me.now)
        assert (answer.status, code(answer)) == (500, "global/internal-error")
        assert json.loads(answer.body)["data"]["instance_ids"] == [machine.id.rjust(32, "0")]
        slow = Fault(error="rate-limited", delay=timedelta(seconds=60))
        me.world.script_fault(slow, "destroy_instance", times=1, instance_id=machine.id)
        late = me.terminate(machine.id.rjust(32, "0"))
        assert (late.status, late.headers["Retry-After"]) == (429, "60")
        assert len(living(me.world, me.now)) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", "instances/7"),
        ("POST", "instance-operations/restart"),
        ("GET", "instances/../ssh-keys"),
        ("PATCH", "instances/7"),
    ],
)
def test_what_is_not_simulated_is_404(method: str, path: str) -> None:
    with renter() as me:
        answer = me.ask(method, path)
        assert (answer.status, code(answer)) == (404, "global/not-found")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_a_body_that_cannot_be_read_is_400(body: bytes) -> None:
    with renter() as me:
        headers = {"Authorization": me.authorization}
        request = FaceRequest.of("POST", "/api/v1/instance-operations/launch", headers, body)
        assert me.face.handle_at(me.world, request, me.now).status == 400
        assert living(me.world, me.now) == ()


def test_a_market_that_breaks_is_500(monkeypatch: pytest.MonkeyPatch) -> None:
    with renter() as me:

        def broken(*_: object) -> None:
            raise MarketError("the disk is full")

        monkeypatch.setattr(me.world, "list_machines", broken)
        assert me.ask("GET", "instances").status == 500
