"""Vast.ai's face by itself: what the vendor publishes and people report, asked in plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.market.errors import MarketError
from reconciler.market.faces.exchange import FaceAnswer, FaceRequest
from reconciler.market.faces.vast import VastFace, key_of
from reconciler.market.faults import Fault
from reconciler.market.ledger import living
from reconciler.market.world import World
from tests.markets import START, market_offer, small_world

MINUTE = timedelta(minutes=1)
ORDER = {"image": "pytorch/pytorch", "disk": 20, "label": "mine", "cancel_unavail": True}


class Renter:
    """Somebody with the key, whose calls are far enough apart."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.face = VastFace()
        self.now: datetime = START
        self.key = key_of(world)

    def ask(self, method: str, target: str, body: Any = None, **headers: str) -> FaceAnswer:
        self.now += MINUTE
        return self.ask_again(method, target, body, **headers)

    def ask_again(self, method: str, target: str, body: Any = None, **headers: str) -> FaceAnswer:
        """At the same moment as the call before."""
        named = {"Authorization": f"Bearer {self.key}", **headers}
        content = b"" if body is None else json.dumps(body).encode()
        request = FaceRequest.of(method, target, named, content)
        return self.face.handle_at(self.world, request, self.now)

    def told(self, method: str, target: str, body: Any = None) -> Any:
        answer = self.ask(method, target, body)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def offers(self, **query: Any) -> list[dict[str, Any]]:
        found = self.told("POST", "/api/v0/bundles/", query)["offers"]
        assert isinstance(found, list)
        return found

    def rent(self, ask_id: int, **changes: Any) -> FaceAnswer:
        return self.ask("PUT", f"/api/v0/asks/{ask_id}/", {**ORDER, **changes})


@contextmanager
def renter(*offers: Any) -> Iterator[Renter]:
    with small_world(*offers) as world:
        yield Renter(world)


def many(count: int) -> list[Any]:
    return [market_offer(f"o{n:03}", base_microusd=400_000 + n) for n in range(count)]


def code(answer: FaceAnswer) -> str:
    return str(json.loads(answer.body).get("error"))


def test_a_missing_key_is_403_and_an_unknown_one_404() -> None:
    with renter() as me:
        missing = me.ask("GET", "/api/v1/instances/", Authorization="")
        unknown = me.ask("GET", "/api/v1/instances/", Authorization="Bearer " + "f" * 64)
    assert (missing.status, code(missing)) == (403, "auth_error")
    assert (unknown.status, code(unknown)) == (404, "auth_error")


def test_a_search_shows_64_offers_however_many_one_asks_for() -> None:
    with renter(*many(100)) as me:
        first = me.offers(limit=500, order=[["dph_total", "asc"]])
        last = first[-1]["dph_total"]
        second = me.offers(order=[["dph_total", "asc"]], dph_total={"gte": last})
        assert len(first) == 64
        assert len({row["id"] for row in first + second}) == 100
        assert me.offers(id={"eq": first[0]["id"]}) == []


def test_a_search_without_a_word_about_it_shows_verified_machines_only() -> None:
    with renter(market_offer("a"), market_offer("b", verified=False)) as me:
        assert len(me.offers()) == 1
        assert len(me.offers(verified={"in": [True, False]})) == 2


def test_the_prices_of_a_row_fit_together() -> None:
    with renter(market_offer(disk_microusd_per_gib=137)) as me:
        (row,) = me.offers(allocated_storage=100)
    assert row["dph_total"] == pytest.approx(row["dph_base"] + row["storage_cost"] * 100 / 720)


def test_an_ask_dies_with_the_machine_that_is_rented_by_it() -> None:
    with renter(market_offer(stock=2)) as me:
        (ask,) = me.offers()
        made = json.loads(me.rent(ask["id"]).body)
        assert made["success"] is True
        assert len(made["instance_api_key"]) == 64
        refused = me.rent(ask["id"])
        assert refused.status == 400
        assert "no_such_ask" in json.loads(refused.body)["msg"]
        (other,) = me.offers()
        assert other["id"] != ask["id"]
        assert len(living(me.world, me.now)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"image": None},
        {"image": "x" * 1025},
        {"disk": 7},
        {"disk": "20"},
        {"label": "x" * 257},
        {"onstart": "x" * 5000},
        {"env": {"A": "x" * 33_000}},
        {"price": "0.1"},
        {"disk": 10**6},
    ],
)
def test_the_published_limits_of_a_create(changes: dict[str, Any]) -> None:
    with renter(market_offer("od"), market_offer("b", spot=True, capacity_key="host of od")) as me:
        (ask,) = me.offers()
        refused = me.rent(ask["id"], **changes)
        assert (refused.status, code(refused)) == (400, "invalid_args")
        assert living(me.world, me.now) == ()


def test_a_bid_that_is_too_low_is_refused_or_makes_a_stopped_machine() -> None:
    spot = market_offer("b", spot=True, capacity_key="host of od", base_microusd=100_000)
    with renter(market_offer("od"), spot) as me:
        (ask,) = me.offers(type="bid")
        assert ask["min_bid"] == 0.1
        assert me.rent(ask["id"], price=0.05).status == 410
        made = json.loads(me.rent(ask["id"], price=0.05, cancel_unavail=False).body)
        assert made["success"] is False
        row = me.told("GET", f"/api/v0/instances/{made['new_contract']}/")["instances"]
        assert (row["actual_status"], row["intended_status"]) == (None, "stopped")
        assert len(living(me.world, me.now)) == 1


def test_machines_come_25_a_page_and_a_row_that_goes_meanwhile_skips_nobody() -> None:
    with renter(*many(40)) as me:
        for n in range(40):
            me.world.place_foreign(START, f"m{n}", offer_id=f"o{n:03}")
        first = me.told("GET", "/api/v1/instances/?limit=99")
        assert (len(first["instances"]), first["total_instances"]) == (25, 40)
        me.told("DELETE", f"/api/v0/instances/{first['instances'][0]['id']}/", {})
        token = first["next_token"]
        second = me.told("GET", f"/api/v1/instances/?after_token={token}")
        assert (len(second["instances"]), second["next_token"]) == (15, None)
        assert len(me.told("GET", "/api/v1/instances/?limit=0")["instances"]) == 5
        refused = me.ask("GET", "/api/v1/instances/?after_token=rubbish")
        assert (refused.status, code(refused)) == (400, "invalid_token")


def test_listings_can_be_filtered_by_label_and_not_by_a_price() -> None:
    with renter(*many(3)) as me:
        for n in range(3):
            me.world.place_foreign(START, f"m{n}", offer_id=f"o{n:03}")
        found = me.told("GET", '/api/v1/instances/?select_filters={"label":{"eq":"m1"}}')
        assert [row["label"] for row in found["instances"]] == ["m1"]
        assert found["label_counts"] == {"m1": 1}
        refused = me.ask("GET", '/api/v1/instances/?select_filters={"dph_total":{"lt":1}}')
        assert (refused.status, code(refused)) == (400, "invalid_request")


def test_a_machine_that_is_gone_is_200_with_null_and_404_for_a_destroy() -> None:
    with renter() as me:
        machine = me.world.place_foreign(START, "m")
        assert me.told("DELETE", f"/api/v0/instances/{machine.id}/", {})["success"] is True
        assert me.told("GET", f"/api/v0/instances/{machine.id}/") == {"instances": None}
        gone = me.ask("DELETE", f"/api/v0/instances/{machine.id}/", {})
        assert (gone.status, code(gone)) == (404, "no_such_instance")
        assert living(me.world, me.now) == ()
        bad = me.ask("DELETE", "/api/v0/instances/nonsense/", {})
        assert (bad.status, code(bad)) == (400, "invalid_args")


@pytest.mark.parametrize(
    ("method", "target", "seconds"),
    [
        ("GET", "/api/v1/instances/", 1.0),
        ("GET", "/api/v0/instances/7/", 2.0),
        ("DELETE", "/api/v0/instances/7/", 3.0),
        ("PUT", "/api/v0/asks/7/", 4.5),
    ],
)
def test_calls_of_one_endpoint_have_to_lie_apart(method: str, target: str, seconds: float) -> None:
    with renter() as me:
        me.ask(method, target, ORDER)
        me.now += timedelta(seconds=seconds - 0.01)
        assert me.ask_again(method, target, ORDER).status == 429
        me.now += timedelta(seconds=13)
        assert me.ask_again(method, target, ORDER).status != 429


def test_a_create_that_comes_too_early_is_punished() -> None:
    with renter() as me:
        me.rent(7)
        me.now += timedelta(seconds=4)
        assert me.ask_again("PUT", "/api/v0/asks/7/", ORDER).status == 429
        me.now += timedelta(seconds=11)
        assert me.ask_again("PUT", "/api/v0/asks/7/", ORDER).status == 429
        me.now += timedelta(seconds=12)
        assert me.ask_again("PUT", "/api/v0/asks/7/", ORDER).status == 400


def test_ten_searches_a_minute() -> None:
    with renter() as me:
        me.offers()
        statuses = [me.ask_again("POST", "/api/v0/bundles/", {}).status for _ in range(10)]
        assert statuses == [200] * 9 + [429]
        me.now += MINUTE
        assert me.ask_again("POST", "/api/v0/bundles/", {}).status == 200


def test_a_refusal_of_pace_has_five_shapes() -> None:
    with renter() as me:
        me.ask("GET", "/api/v1/instances/")
        bodies = {me.ask_again("GET", "/api/v1/instances/").body for _ in range(10)}
    assert len(bodies) == 5


def test_a_fault_of_the_market_is_answered_in_their_words() -> None:
    with renter() as me:
        (ask,) = me.offers()
        me.world.script_fault(
            Fault(error="unavailable", done=True, carries_id=True), "create_instance", times=1
        )
        answer = me.rent(ask["id"])
        (machine,) = living(me.world, me.now)
        assert answer.status == 500
        assert json.loads(answer.body)["new_contract"] == int(machine.id)
        slow = Fault(error="rate-limited", delay=timedelta(seconds=60))
        me.world.script_fault(slow, "destroy_instance", times=1)
        late = me.ask("DELETE", f"/api/v0/instances/{machine.id}/", {})
        assert (late.status, late.headers["Retry-After"]) == (429, "60")
        assert len(living(me.world, me.now)) == 1


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("POST", "/api/v1/instances/"),
        ("GET", "/api/v0/instances/../users/current/"),
        ("PUT", "/api/v0/volumes/"),
        ("PATCH", "/api/v0/instances/7/"),
    ],
)
def test_what_is_not_simulated_is_404(method: str, target: str) -> None:
    with renter() as me:
        assert me.ask(method, target).status == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"disk": NaN}'])
def test_a_body_that_cannot_be_read_is_400(body: bytes) -> None:
    with renter() as me:
        (ask,) = me.offers()
        me.now += MINUTE
        headers = {"Authorization": f"Bearer {me.key}"}
        request = FaceRequest.of("PUT", f"/api/v0/asks/{ask['id']}/", headers, body)
        assert me.face.handle_at(me.world, request, me.now).status == 400
        assert living(me.world, me.now) == ()


def test_a_market_that_breaks_is_500(monkeypatch: pytest.MonkeyPatch) -> None:
    with renter() as me:

        def broken(*_: object) -> None:
            raise MarketError("the disk is full")

        monkeypatch.setattr(me.world, "list_machines", broken)
        assert me.ask("GET", "/api/v1/instances/").status == 500
