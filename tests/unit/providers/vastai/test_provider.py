"""What each answer of Vast.ai means: what exists, what is gone, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import pytest

from reconciler.clock import LoopClock
from reconciler.model.errors import (
    AnotherInstance,
    AuthenticationFailed,
    CreateOutcomeUnknown,
    CreateRefused,
    InstanceNotFound,
    OfferGone,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from reconciler.model.instance import InstanceStatus
from reconciler.model.observation import Complete, Partial
from reconciler.providers.base import Created, CreateRequest, OfferQuery
from reconciler.providers.vastai.api import VastApi
from reconciler.providers.vastai.provider import VastProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi
from tests.builders import offer
from tests.markets import START
from tests.unit.providers.vastai.rows import INSTANCE, OFFER
from tests.virtual_time import run_virtual

Result = TypeVar("Result")
KEY = "0123456789abcdef0123456789abcdef"
USER = {"id": 123456, "email": "a@example.com", "credit": 25.4}
SECRET = "hf_0123456789"
Said = tuple[int, Any]


class Script(httpx.AsyncBaseTransport):
    """Says what it is told, the last thing for ever, and of the account what ``who`` is."""

    def __init__(self, *said: Said, who: Said = (200, USER)) -> None:
        self.said = list(said)
        self.who = who
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v0/users/current/":
            status, body = self.who
        else:
            self.asked.append(request)
            status, body = self.said[min(len(self.asked), len(self.said)) - 1]
        text = body if isinstance(body, str) else json.dumps(body)
        return httpx.Response(status, stream=httpx.ByteStream(text.encode(errors="replace")))


def ask(
    question: Callable[[VastProvider], Awaitable[Result]], *said: Said
) -> tuple[Result, Script]:
    script = Script(*said)
    return ask_over(script, question), script


def ask_over(script: Script, question: Callable[[VastProvider], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        clock = LoopClock(START)
        base = parse_api_base("https://console.vast.ai")
        door = JsonApi(base, KEY, clock, lambda: 0.5, transport=script)
        provider = VastProvider("vastai", VastApi(door), clock)
        try:
            return await question(provider)
        finally:
            await provider.close()

    return run_virtual(run)


def refused(
    kind: type[ProviderError], question: Callable[[VastProvider], Awaitable[Any]], *said: Said
) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(question, *said)
    assert type(caught.value) is kind, caught.value.lines()
    everything = " ".join(caught.value.lines())
    assert KEY not in everything
    assert SECRET not in everything
    return caught.value


def request(**changes: Any) -> CreateRequest:
    fields: dict[str, Any] = {
        "mark": "gs1-train-0-k3v9",
        "offer": offer("30412345", provider="vastai"),
        "disk_bytes": 50 * 2**30,
        "image": None,
        "env": {"TOKEN": SECRET},
        "ends_at": START + timedelta(hours=4),
    }
    return CreateRequest(**{**fields, **changes})


def create(provider: VastProvider) -> Awaitable[Created]:
    return provider.create_instance(request())


def error(code: str, msg: str = "", **more: Any) -> dict[str, Any]:
    return {"success": False, "error": code, "msg": msg, **more}


NO_SUCH_ASK = "error 404/3603: no_such_ask Instance type by id 30412345 is not available."
BAD_KEY = error("auth_error", "Invalid user key")

# --- create -------------------------------------------------------------------------------------


def test_I10_a_cut_answer_shows_nothing_of_the_key_that_the_machine_was_given() -> None:
    """It has one of its own, beside ours, which is known and cut out."""
    whole = '{"success": true, "new_contract": 7, "instance_api_key": "d15a77c0ffee0123"}'
    for cut in (whole[:-1], whole[:-12], f"[{whole}"):
        with pytest.raises(CreateOutcomeUnknown) as caught:
            ask_over(Script((200, cut)), create)
        assert "d15a" not in "".join(caught.value.lines())
    with pytest.raises(CreateOutcomeUnknown, match="<html>Just a moment"):
        ask_over(Script((200, "<html>Just a moment</html>")), create)


def test_a_create_is_sent_as_the_vendor_wants_it() -> None:
    made, script = ask(create, (200, {"success": True, "new_contract": 12345678}))
    assert made == Created("12345678", None)
    (sent,) = script.asked
    assert (sent.method, sent.url.path) == ("PUT", "/api/v0/asks/30412345/")
    assert json.loads(sent.content) == {
        "client_id": "me",
        "image": "vastai/base-image:@vastai-automatic-tag",
        "disk": 50,
        "label": "gs1-train-0-k3v9",
        "runtype": "ssh_direct",
        "target_state": "running",
        "cancel_unavail": True,
        "env": {"TOKEN": SECRET, "GPU_SHOPPER_NODE": "gs1-train-0-k3v9"},
        "onstart": "env >> /etc/environment",
    }


def test_a_bid_names_its_price_because_without_one_the_machine_is_on_demand() -> None:
    bid = offer("30412345-bid", "0.12", spot=True, provider="vastai")
    made = (200, {"success": True, "new_contract": 1})
    _, script = ask(lambda provider: provider.create_instance(request(offer=bid)), made)
    (sent,) = script.asked
    assert sent.url.path == "/api/v0/asks/30412345/"
    assert json.loads(sent.content)["price"] == 0.12


@pytest.mark.parametrize(
    "said",
    [
        (200, {"success": False, "new_contract": 7}),
        (200, {"new_contract": 7}),
        (400, error("invalid_args", NO_SUCH_ASK, new_contract=7)),
        (410, error("no_such_ask", new_contract=7)),
        (500, error("internal_error", new_contract=7)),
        (404, {**BAD_KEY, "new_contract": 7}),
        (429, error("rate_limit_exceeded", new_contract=7)),
    ],
)
def test_C1_4_an_answer_with_an_id_made_a_machine_whatever_else_it_says(said: Said) -> None:
    found = refused(CreateOutcomeUnknown, create, said)
    assert isinstance(found, CreateOutcomeUnknown)
    assert found.instance_id == "7"


@pytest.mark.parametrize(
    "said",
    [
        (200, {}),
        (200, {"success": True}),
        (200, {"success": True, "new_contract": None}),
        (200, {"success": True, "new_contract": "12"}),
        (200, {"success": True, "new_contract": 0}),
        (200, {"success": True, "new_contract": True}),
        (200, {"success": True, "new_contract": 1.5}),
        (200, {"success": False}),
        (200, error("something_new")),
        (200, error("invalid_args", NO_SUCH_ASK, success=True)),
        (200, error("invalid_args", NO_SUCH_ASK, new_contract=None)),
        (200, "<html>"),
        (200, '{"success": true, "new_con'),
        (200, "null"),
        (201, {"success": True, "new_contract_id": 7}),
        (401, BAD_KEY),
        (403, ""),
        (404, ""),
        (404, BAD_KEY),
        (404, error("not_found")),
        (409, error("conflict")),
        (429, "API requests too frequent: endpoint threshold=4.5"),
        (500, ""),
        (500, error("invalid_args", NO_SUCH_ASK)),
        (502, "<html>Bad Gateway</html>"),
        (503, error("insufficient_credit")),
    ],
    ids=str,
)
def test_I11_what_does_not_say_that_nothing_was_made_may_have_made_it(said: Said) -> None:
    found = refused(CreateOutcomeUnknown, create, said)
    assert isinstance(found, CreateOutcomeUnknown)
    assert found.instance_id is None


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((400, error("invalid_args", NO_SUCH_ASK)), OfferGone),
        ((404, error("invalid_args", NO_SUCH_ASK)), OfferGone),
        ((410, error("no_such_ask", "error 410/3907: no longer available")), OfferGone),
        ((200, error("invalid_args", NO_SUCH_ASK)), OfferGone),
        ((403, error("invalid_args", "error 403/3586: Offer 1 is not your own.")), OfferGone),
        ((400, error("insufficient_credit", "Your account lacks credit")), CreateRefused),
        ((200, error("insufficient_credit", "Your account lacks credit")), CreateRefused),
        ((400, error("invalid_args", "image")), CreateRefused),
        ((400, error("invalid_price")), CreateRefused),
        ((400, error("no_ssh_key_for_vm")), CreateRefused),
        ((429, error("rate_limit_exceeded")), CreateRefused),
        ((429, {"detail": "API requests too frequent endpoint threshold=4.5"}), CreateRefused),
        (
            (429, {"message": "too many requests by the client", "code": "429 Too Many Requests"}),
            CreateRefused,
        ),
    ],
    ids=str,
)
def test_words_that_say_that_nothing_was_made(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, create, said)


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 503])
def test_I26_whatever_is_answered_a_create_is_sent_once(status: int) -> None:
    script = Script((status, {}))
    with pytest.raises(ProviderError):
        ask_over(script, create)
    assert len(script.asked) == 1


def test_an_offer_that_ends_before_the_lease_is_not_rented() -> None:
    short = offer("1", rentable_for=timedelta(hours=3), provider="vastai")
    long = offer("1", rentable_for=timedelta(hours=5), provider="vastai")
    script = Script((200, {}))
    with pytest.raises(OfferGone, match="ends before the lease"):
        ask_over(script, lambda provider: provider.create_instance(request(offer=short)))
    assert script.asked == []
    made = (200, {"success": True, "new_contract": 1})
    ask(lambda provider: provider.create_instance(request(offer=long)), made)


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "x" * 1025},
        {"env": {"-p 80:80": "1"}},
        {"env": {"A B": "1"}},
        {"env": {"A": "x" * 33_000}},
    ],
)
def test_an_order_that_cannot_be_carried_out_is_not_sent(changes: dict[str, Any]) -> None:
    script = Script((200, {}))
    with pytest.raises(CreateRefused):
        ask_over(script, lambda provider: provider.create_instance(request(**changes)))
    assert script.asked == []


@pytest.mark.parametrize(("gib", "disk"), [(50, 50), (1, 8), (20.5, 21)])
def test_a_disk_is_ordered_in_whole_gigabytes_and_never_smaller(gib: float, disk: int) -> None:
    wanted = request(disk_bytes=int(gib * 2**30))
    made = (200, {"success": True, "new_contract": 1})
    _, script = ask(lambda provider: provider.create_instance(wanted), made)
    assert json.loads(script.asked[0].content)["disk"] == disk


def test_I10_a_secret_that_an_error_repeats_is_cut_out() -> None:
    said = (400, error("invalid_args", f"bad value TOKEN={SECRET} for key {KEY}"))
    found = refused(CreateRefused, create, said)
    assert "[redacted]" in found.what


# --- destroy ------------------------------------------------------------------------------------


def destroy(provider: VastProvider) -> Awaitable[None]:
    return provider.destroy_instance("12345678")


def test_a_destroy_is_accepted_only_where_it_says_so() -> None:
    _, script = ask(destroy, (200, {"success": True, "msg": "destroying"}))
    (sent,) = script.asked
    assert (sent.method, sent.url.path, sent.content) == (
        "DELETE",
        "/api/v0/instances/12345678/",
        b"{}",
    )


@pytest.mark.parametrize("code", ["no_such_instance", "not_found"])
def test_C4_9_their_words_for_a_machine_that_is_gone(code: str) -> None:
    refused(InstanceNotFound, destroy, (404, error(code)))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((404, BAD_KEY), AuthenticationFailed),
        ((404, error("", "Session expired. Please log in again.")), AuthenticationFailed),
        ((401, ""), AuthenticationFailed),
        ((403, error("auth_error", "This action requires login.")), AuthenticationFailed),
        ((403, ""), AuthenticationFailed),
        ((404, ""), UnexpectedResponse),
        ((404, "not_found"), UnexpectedResponse),
        ((404, {"detail": "Not Found"}), UnexpectedResponse),
        ((410, ""), UnexpectedResponse),
        ((200, ""), UnexpectedResponse),
        ((200, "<html>"), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, []), UnexpectedResponse),
        ((200, {"success": "true"}), UnexpectedResponse),
        ((200, {"success": False, "msg": "try again in 60 seconds"}), UnexpectedResponse),
        ((400, error("invalid_args", "invalid instance_id")), UnexpectedResponse),
        ((429, "API requests too frequent"), RateLimited),
        ((500, ""), ProviderUnavailable),
        ((503, "<html>"), ProviderUnavailable),
    ],
    ids=str,
)
def test_M3_M4_nothing_else_means_accepted_or_gone(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, destroy, said)


@pytest.mark.parametrize("bad", ["../users/1", "12\r\nX: y", "", "no-such-machine", "٣", "9" * 30])
def test_bad_input_51_nothing_is_sent_with_an_id_that_is_no_number(bad: str) -> None:
    script = Script((200, {"success": True}))
    with pytest.raises(InstanceNotFound):
        ask_over(script, lambda provider: provider.destroy_instance(bad))
    assert script.asked == []


# --- read ---------------------------------------------------------------------------------------


def read(provider: VastProvider) -> Awaitable[Any]:
    return provider.get_instance("12345678")


def test_a_machine_is_read() -> None:
    found, _ = ask(read, (200, {"instances": INSTANCE}))
    assert (found.id, found.status) == ("12345678", InstanceStatus.RUNNING)


@pytest.mark.parametrize(
    "said",
    [(200, {"instances": None}), (404, error("no_such_instance")), (404, error("not_found"))],
)
def test_C2_16_a_machine_is_denied_only_by_their_own_words(said: Said) -> None:
    refused(InstanceNotFound, read, said)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((404, BAD_KEY), AuthenticationFailed),
        ((404, ""), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, None), UnexpectedResponse),
        ((200, {"instances": []}), UnexpectedResponse),
        ((200, {"instances": {}}), UnexpectedResponse),
        ((200, {"instances": {**INSTANCE, "id": 999}}), AnotherInstance),
        ((200, {"success": False, "instances": None}), UnexpectedResponse),
        ((500, {"instances": None}), ProviderUnavailable),
    ],
    ids=str,
)
def test_nothing_else_means_gone(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, read, said)


# --- list ---------------------------------------------------------------------------------------


def page(*ids: int, token: str | None = None, total: int | None = None, **more: Any) -> Said:
    rows = [{**INSTANCE, "id": one} for one in ids]
    body = {"success": True, "next_token": token, "instances": rows, **more}
    return 200, body if total is None else {**body, "total_instances": total}


def listing(*said: Said) -> tuple[Complete | Partial, Script]:
    return ask(lambda provider: provider.list_instances(), *said)


def test_pages_are_followed_by_their_token_to_the_end() -> None:
    found, script = listing(page(1, 2, token="t1", total=3), page(3, total=3))
    assert isinstance(found, Complete)
    assert found.account == "123456"
    assert [one.id for one in found.instances] == ["1", "2", "3"]
    assert [dict(one.url.params).get("after_token") for one in script.asked] == [None, "t1"]
    assert dict(script.asked[0].url.params)["limit"] == "25"


def test_C2_10_a_row_that_comes_twice_is_one_machine() -> None:
    found, _ = listing(page(1, 1, 2, total=2))
    assert isinstance(found, Complete)
    assert [one.id for one in found.instances] == ["1", "2"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([page(1, total=2)], "1 of 2 machines"),
        ([page(1, token="t"), page(2, token="t")], "circle"),
        ([page(1, token="t"), page(token="u")], "empty and says that more follow"),
        ([page(1, token="t"), (500, "")], "page 2 could not be read"),
        ([page(1, token="t"), (400, error("invalid_token"))], "page 2 could not be read"),
        ([page(1, token="t"), (200, "<html>")], "page 2 could not be read"),
        ([page(1, token="t"), (200, {"instances": None, "next_token": None})], "page 2"),
        ([(200, {"success": True, "instances": [INSTANCE]})], "next_token"),
        ([(200, {"instances": [INSTANCE], "next_token": 5})], "next_token"),
        ([(200, {"instances": None, "next_token": None})], "instances"),
        ([(200, {"instances": {}, "next_token": None})], "instances"),
        ([(200, {"next_token": None})], "instances"),
        ([(200, {"instances": [None], "next_token": None})], "1 row(s) of page 1"),
        ([(200, {"instances": [{**INSTANCE, "id": "../x"}], "next_token": None})], "1 row(s)"),
        ([(200, {"instances": [{**INSTANCE, "label": 7}], "next_token": None})], "1 row(s)"),
    ],
    ids=str,
)
def test_M1_M2_a_listing_that_may_miss_something_is_partial(said: list[Said], why: str) -> None:
    found, _ = listing(*said)
    assert isinstance(found, Partial)
    assert why in found.why


def test_a_listing_of_a_hundred_pages_is_whole() -> None:
    said = [page(number, token=f"t{number}") for number in range(1, 100)]
    found, script = listing(*said, page(100))
    assert isinstance(found, Complete), found
    assert len(script.asked) == len(found.instances) == 100


def test_bad_input_56_pages_end_at_a_hundred() -> None:
    said = [page(number, token=f"t{number}") for number in range(1, 130)]
    found, script = listing(*said)
    assert isinstance(found, Partial)
    assert "more than 100 pages" in found.why
    assert len(script.asked) == 100


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((404, BAD_KEY), AuthenticationFailed),
        ((401, ""), AuthenticationFailed),
        ((404, ""), UnexpectedResponse),
        ((410, ""), UnexpectedResponse),
        ((200, []), UnexpectedResponse),
        ((200, "<html>"), UnexpectedResponse),
        ((200, {"success": False, "instances": [], "next_token": None}), UnexpectedResponse),
        ((503, ""), ProviderUnavailable),
        ((429, "API requests too frequent"), RateLimited),
    ],
    ids=str,
)
def test_M1_a_listing_that_failed_is_never_an_empty_one(
    said: Said, kind: type[ProviderError]
) -> None:
    refused(kind, lambda provider: provider.list_instances(), said)


def test_a_key_that_is_revoked_between_two_pages_is_said() -> None:
    refused(
        AuthenticationFailed,
        lambda provider: provider.list_instances(),
        page(1, token="t"),
        (404, BAD_KEY),
    )


# --- offers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "types"), [({False}, ["ondemand"]), ({False, True}, ["ondemand", "bid"])]
)
def test_offers_are_asked_for_as_the_query_says(kinds: set[bool], types: list[str]) -> None:
    query = OfferQuery(kinds=frozenset(kinds))
    said = (200, {"offers": [OFFER]})
    found, script = ask(lambda provider: provider.list_offers(query), said)
    assert [json.loads(one.content)["type"] for one in script.asked] == types
    assert len(found.offers) == len(types)


def test_a_search_quota_is_not_waited_for() -> None:
    said = (429, error("search_quota_exceeded", "daily search quota"))
    script = Script(said)
    with pytest.raises(RateLimited, match="search_quota_exceeded"):
        ask_over(script, lambda provider: provider.list_offers(OfferQuery()))
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "said", [(200, {}), (200, {"offers": None}), (200, {"offers": {}}), (200, []), (200, "<html>")]
)
def test_a_search_without_a_list_is_no_market_without_offers(said: Said) -> None:
    refused(UnexpectedResponse, lambda provider: provider.list_offers(OfferQuery()), said)
