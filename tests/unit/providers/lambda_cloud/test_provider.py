"""What each answer of Lambda means: what exists, what is gone, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from reconciler.clock import LoopClock
from reconciler.model.errors import (
    AnotherInstance,
    AuthenticationFailed,
    CreateOutcomeUnknown,
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from reconciler.model.instance import InstanceStatus
from reconciler.model.observation import Complete, Partial
from reconciler.planning.offer_matching import match_offers
from reconciler.providers.base import Created, CreateRequest, OfferQuery
from reconciler.providers.lambda_cloud.api import LambdaApi
from reconciler.providers.lambda_cloud.provider import LambdaProvider
from reconciler.transport.api_base import parse_api_base
from reconciler.transport.json_api import JsonApi
from tests.builders import fleet, offer
from tests.markets import START
from tests.unit.providers.lambda_cloud.rows import (
    EVENTS,
    ID,
    INSTANCE,
    ITEM,
    KEY_LINE,
    KEYS,
    OWNER,
    error,
)
from tests.unit.providers.scripted import Said, Script
from tests.virtual_time import run_virtual

Result = TypeVar("Result")
KEY = "secret_0123456789abcdef.0123456789abcdef"
SECRET = "hf_0123456789"
MARK = "gs1-0123456789-train-0-0thsbkw-abcdefgh"
ALWAYS = {"/api/v1/audit-events": EVENTS, "/api/v1/ssh-keys": KEYS}


def ask(
    question: Callable[[LambdaProvider], Awaitable[Result]], *said: Said
) -> tuple[Result, Script]:
    script = Script(*said, always=ALWAYS)
    return ask_over(script, question), script


def ask_over(script: Script, question: Callable[[LambdaProvider], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        clock = LoopClock(START)
        base = parse_api_base("https://cloud.lambda.ai/api/v1")
        door = JsonApi(base, KEY, clock, lambda: 0.5, transport=script)
        provider = LambdaProvider("lambda", LambdaApi(door), clock)
        try:
            return await question(provider)
        finally:
            await provider.close()

    return run_virtual(run)


def refused(
    kind: type[ProviderError], question: Callable[[LambdaProvider], Awaitable[Any]], *said: Said
) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(question, *said)
    assert type(caught.value) is kind, caught.value.lines()
    everything = " ".join(caught.value.lines())
    assert KEY not in everything
    assert SECRET not in everything
    assert "t0k3n" not in everything
    return caught.value


def request(**changes: Any) -> CreateRequest:
    fields: dict[str, Any] = {
        "mark": MARK,
        "offer": offer("gpu_1x_a10@us-west-1", provider="lambda"),
        "disk_bytes": 50 * 2**30,
        "image": None,
        "env": {"TOKEN": SECRET},
        "ends_at": START + timedelta(hours=4),
    }
    return CreateRequest(**{**fields, **changes})


def create(provider: LambdaProvider) -> Awaitable[Created]:
    return provider.create_instance(request())


MADE = (200, {"data": {"instance_ids": [ID]}})
BAD_KEY = error("global/invalid-api-key")
CAPACITY = error("instance-operations/launch/insufficient-capacity")

# --- launch -------------------------------------------------------------------------------------


def test_a_launch_is_sent_as_the_vendor_wants_it() -> None:
    made, script = ask(create, MADE)
    assert made == Created(ID, None)
    (sent,) = script.asked
    assert (sent.method, sent.url.path) == ("POST", "/api/v1/instance-operations/launch")
    body = json.loads(sent.content)
    config = json.loads(body.pop("user_data").removeprefix("#cloud-config\n"))
    assert body == {
        "region_name": "us-west-1",
        "instance_type_name": "gpu_1x_a10",
        "ssh_key_names": ["laptop"],
        "name": MARK,
        "tags": [
            {"key": "gs-node", "value": MARK},
            {"key": "gs-created", "value": START.strftime("%Y%m%dt%H%M%Sz")},
        ],
    }
    assert config == {
        "write_files": [
            {
                "path": "/etc/environment",
                "append": True,
                "content": f"\nTOKEN={SECRET}\nGPU_SHOPPER_NODE={MARK}\n",
            }
        ]
    }


@pytest.mark.parametrize(
    ("image", "sent"),
    [
        ("lambda-stack-24-04", {"family": "lambda-stack-24-04"}),
        ("0123456789abcdef0123456789abcdef", {"id": "0123456789abcdef0123456789abcdef"}),
        ("01234567-89ab-cdef-0123-456789abcdef", {"id": "01234567-89ab-cdef-0123-456789abcdef"}),
    ],
)
def test_a_vm_image_is_a_family_or_an_id(image: str, sent: dict[str, str]) -> None:
    _, script = ask(lambda provider: provider.create_instance(request(vm_image=image)), MADE)
    assert json.loads(script.asked[0].content)["image"] == sent


def test_setup_runs_once_as_root_with_the_variables_set() -> None:
    wanted = request(setup="pip install 'x'", env={"A": "b c"})
    _, script = ask(lambda provider: provider.create_instance(wanted), MADE)
    config = json.loads(json.loads(script.asked[0].content)["user_data"].partition("\n")[2])
    file = config["write_files"][1]
    assert config["runcmd"] == [["sh", file["path"]]]
    assert file["permissions"] == "0700"
    assert file["content"] == (f"export A='b c'\nexport GPU_SHOPPER_NODE={MARK}\npip install 'x'\n")


@pytest.mark.parametrize(
    "said",
    [
        (200, {**error("global/unknown"), "data": {"instance_ids": [ID]}}),
        (201, {"data": {"instance_ids": [ID]}}),
        (400, {**CAPACITY, "data": {"instance_ids": [ID]}}),
        (401, {**BAD_KEY, "data": {"instance_ids": [ID]}}),
        (429, {"data": {"instance_ids": [ID]}}),
        (500, {**error("global/internal-error"), "data": {"instance_ids": [ID]}}),
        (200, {"data": {"instance_ids": [ID, "b" * 32]}}),
    ],
    ids=str,
)
def test_C1_4_an_answer_with_an_id_made_a_machine_whatever_else_it_says(said: Said) -> None:
    found = refused(CreateOutcomeUnknown, create, said)
    assert isinstance(found, CreateOutcomeUnknown)
    assert found.instance_id == ID


@pytest.mark.parametrize(
    "said",
    [
        (200, {}),
        (200, {"data": None}),
        (200, {"data": {}}),
        (200, {"data": {"instance_ids": []}}),
        (200, {"data": {"instance_ids": None}}),
        (200, {"data": {"instance_ids": [7]}}),
        (200, {"data": {"instance_ids": ["../x"]}}),
        (200, {"data": [ID]}),
        (200, CAPACITY),
        (200, "<html>"),
        (200, '{"data": {"instance_ids": ["0920'),
        (200, "null"),
        (400, {**CAPACITY, "data": {}}),
        (400, error("global/something-new")),
        (400, {"error": "insufficient-capacity"}),
        (400, {"error": {"code": 7}}),
        (400, ""),
        (401, BAD_KEY),
        (403, error("global/forbidden")),
        (403, ""),
        (404, ""),
        (404, error("global/not-found")),
        (409, error("global/conflict")),
        (429, "Too Many Requests"),
        (500, ""),
        (500, CAPACITY),
        (502, "<html>Bad Gateway</html>"),
        (503, error("global/quota-exceeded")),
        (400, error("provider/internal-unavailable")),
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
        ((400, CAPACITY), InsufficientCapacity),
        ((400, error("global/invalid-parameters")), CreateRefused),
        ((400, error("global/quota-exceeded")), CreateRefused),
        ((400, error("instance-operations/launch/file-system-in-wrong-region")), CreateRefused),
        ((403, error("global/account-inactive")), CreateRefused),
        ((403, error("global/invalid-address")), CreateRefused),
        ((404, error("global/object-does-not-exist")), CreateRefused),
        ((429, error("global/too-many-requests")), CreateRefused),
    ],
    ids=str,
)
def test_codes_that_say_that_nothing_was_made(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, create, said)


@pytest.mark.parametrize("status", [200, 400, 404, 429, 500, 503])
def test_I26_whatever_is_answered_a_launch_is_sent_once(status: int) -> None:
    script = Script((status, {}), always=ALWAYS)
    with pytest.raises(ProviderError):
        ask_over(script, create)
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "pytorch/pytorch"},
        {"ports": (8000,)},
        {"vm_image": "../x y"},
        {"env": {"A B": "1"}},
        {"env": {"A": "two\nlines"}},
        {"env": {"A": "a # b"}},
        {"env": {"A": 'quo"te'}},
        {"env": {"A": " space"}},
        {"env": {"A": "back\\slash"}},
        {"env": {"A": "\u2028"}},
        {"setup": "x" * 1_000_001},
    ],
    ids=str,
)
def test_an_order_that_cannot_be_carried_out_is_not_sent(changes: dict[str, Any]) -> None:
    script = Script(MADE, always=ALWAYS)
    with pytest.raises(CreateRefused):
        ask_over(script, lambda provider: provider.create_instance(request(**changes)))
    assert script.asked == []


def test_I10_a_secret_that_an_error_repeats_is_cut_out() -> None:
    said = (400, error("global/invalid-parameters", f"bad value TOKEN={SECRET} for key {KEY}"))
    found = refused(CreateRefused, create, said)
    assert "[redacted]" in found.what


# --- SSH keys -----------------------------------------------------------------------------------

OURS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOURSOURSOURSOURSOURSOURSOURSOURSOURSOURSOUR"
SECOND = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAISECONDSECONDSECONDSECONDSECONDSECONDSECON"


def create_with(*keys: str) -> Callable[[LambdaProvider], Awaitable[Created]]:
    return lambda provider: provider.create_instance(request(ssh_public_keys=keys))


def registered(*lines: str) -> dict[str, Any]:
    rows = [{"id": f"k{n}", "name": f"key-{n}", "public_key": line} for n, line in enumerate(lines)]
    return {"data": rows}


def config_of(script: Script) -> dict[str, Any]:
    found = json.loads(json.loads(script.asked[-1].content)["user_data"].partition("\n")[2])
    assert isinstance(found, dict)
    return found


def test_all_keys_of_the_account_get_in_where_the_order_brings_none() -> None:
    always = {**ALWAYS, "/api/v1/ssh-keys": registered(f"{OURS} a", f"{SECOND} b")}
    script = Script(MADE, always=always)
    ask_over(script, create)
    assert json.loads(script.asked[0].content)["ssh_key_names"] == ["key-0"]
    assert config_of(script)["ssh_authorized_keys"] == [f"{SECOND} b"]


def test_a_key_that_is_known_is_named_and_the_others_come_in_by_cloud_init() -> None:
    always = {**ALWAYS, "/api/v1/ssh-keys": registered(KEY_LINE, f"  {OURS}   me@laptop ")}
    script = Script(MADE, always=always)
    ask_over(script, create_with(OURS, SECOND))
    assert json.loads(script.asked[0].content)["ssh_key_names"] == ["key-1"]
    assert config_of(script)["ssh_authorized_keys"] == [SECOND]


def test_a_key_that_is_not_known_is_registered_first_under_a_name_of_its_content() -> None:
    script = Script(
        (200, registered(KEY_LINE)),
        (200, {"data": {"id": "k9", "name": "gs-x", "public_key": OURS}}),
        (200, registered(KEY_LINE, OURS)),
        MADE,
        always={"/api/v1/audit-events": EVENTS},
    )
    ask_over(script, create_with(OURS))
    sent = json.loads(script.asked[1].content)
    assert sent["public_key"] == OURS
    assert sent["name"].startswith("gs-")
    assert json.loads(script.asked[3].content)["ssh_key_names"] == ["key-1"]


def test_two_programs_that_register_one_key_at_once_both_find_it() -> None:
    script = Script(
        (200, registered()),
        (400, error("global/invalid-parameters", "name is taken")),
        (200, registered(OURS)),
        MADE,
        always={"/api/v1/audit-events": EVENTS},
    )
    assert ask_over(script, create_with(OURS)) == Created(ID, None)


@pytest.mark.parametrize(
    "said",
    [
        [(200, {"data": []})],
        [(200, {"data": None})],
        [(200, {"data": [{"name": "x"}]})],
        [(401, BAD_KEY)],
        [(503, "")],
        [(200, "<html>")],
    ],
    ids=str,
)
def test_without_a_key_nothing_is_ordered_and_surely_nothing_exists(said: list[Said]) -> None:
    script = Script(*said, always={"/api/v1/audit-events": EVENTS})
    with pytest.raises(CreateRefused):
        ask_over(script, create)
    assert {one.method for one in script.asked} == {"GET"}


def test_a_key_that_was_refused_is_not_named_again() -> None:
    script = Script(
        (200, registered(OURS)),
        (404, error("global/object-does-not-exist", "SSH key was not found")),
        (200, registered(SECOND)),
        MADE,
        always={"/api/v1/audit-events": EVENTS},
    )

    async def twice(provider: LambdaProvider) -> Created:
        with pytest.raises(CreateRefused):
            await create(provider)
        return await create(provider)

    assert ask_over(script, twice) == Created(ID, None)


# --- terminate ----------------------------------------------------------------------------------


def destroy(provider: LambdaProvider) -> Awaitable[None]:
    return provider.destroy_instance(ID)


ENDED = {"data": {"terminated_instances": [{**INSTANCE, "status": "terminating"}]}}


def test_a_destroy_is_accepted_only_where_it_names_the_machine() -> None:
    _, script = ask(destroy, (200, ENDED))
    (sent,) = script.asked
    assert sent.url.path == "/api/v1/instance-operations/terminate"
    assert json.loads(sent.content) == {"instance_ids": [ID]}


def test_C4_9_their_code_for_a_machine_that_is_gone() -> None:
    refused(InstanceNotFound, destroy, (404, error("global/object-does-not-exist")))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((401, BAD_KEY), AuthenticationFailed),
        ((401, ""), AuthenticationFailed),
        ((403, error("global/account-inactive")), AuthenticationFailed),
        ((403, error("global/forbidden")), AuthenticationFailed),
        ((404, BAD_KEY), AuthenticationFailed),
        ((403, ""), UnexpectedResponse),
        ((404, ""), UnexpectedResponse),
        ((404, error("global/not-found")), UnexpectedResponse),
        ((404, {"error": "global/object-does-not-exist"}), UnexpectedResponse),
        ((410, error("global/object-does-not-exist")), UnexpectedResponse),
        ((400, error("global/object-does-not-exist")), UnexpectedResponse),
        ((200, error("global/object-does-not-exist")), UnexpectedResponse),
        ((200, ""), UnexpectedResponse),
        ((200, "<html>"), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, {"data": {}}), UnexpectedResponse),
        ((200, {"data": {"terminated_instances": []}}), UnexpectedResponse),
        ((200, {"data": {"terminated_instances": [{"id": "b" * 32}]}}), UnexpectedResponse),
        ((400, error("global/invalid-parameters", "vm-has-not-launched")), UnexpectedResponse),
        ((429, "Too Many Requests"), RateLimited),
        ((500, error("global/object-does-not-exist")), ProviderUnavailable),
        ((503, "<html>"), ProviderUnavailable),
        ((400, error("provider/internal-unavailable")), ProviderUnavailable),
    ],
    ids=str,
)
def test_M3_M4_nothing_else_means_accepted_or_gone(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, destroy, said)


@pytest.mark.parametrize("bad", ["../ssh-keys", "12\r\nX: y", "", "a b", "٣", "9" * 70])
def test_bad_input_51_nothing_is_sent_with_what_is_no_id(bad: str) -> None:
    script = Script((200, ENDED), always=ALWAYS)
    with pytest.raises(InstanceNotFound):
        ask_over(script, lambda provider: provider.destroy_instance(bad))
    assert script.asked == []


# --- read ---------------------------------------------------------------------------------------


def read(provider: LambdaProvider) -> Awaitable[Any]:
    return provider.get_instance(ID)


def test_a_machine_is_read() -> None:
    found, script = ask(read, (200, {"data": INSTANCE}))
    assert (found.id, found.status) == (ID, InstanceStatus.RUNNING)
    assert script.asked[0].url.path == f"/api/v1/instances/{ID}"


@pytest.mark.parametrize(
    "said",
    [
        (404, error("global/object-does-not-exist")),
        (200, {"data": {**INSTANCE, "status": "terminated"}}),
        (200, {"data": {**INSTANCE, "status": "preempted"}}),
    ],
    ids=["denied", "terminated", "preempted"],
)
def test_C2_16_a_machine_is_denied_only_by_their_own_words(said: Said) -> None:
    refused(InstanceNotFound, read, said)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((404, BAD_KEY), AuthenticationFailed),
        ((404, ""), UnexpectedResponse),
        ((404, error("global/not-found")), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, {"data": None}), UnexpectedResponse),
        ((200, {"data": []}), UnexpectedResponse),
        ((200, {"data": {}}), UnexpectedResponse),
        ((200, {"data": {**INSTANCE, "id": "b" * 32, "status": "terminated"}}), AnotherInstance),
        ((200, {"data": INSTANCE, "error": {"code": "x"}}), UnexpectedResponse),
        ((500, error("global/object-does-not-exist")), ProviderUnavailable),
    ],
    ids=str,
)
def test_nothing_else_means_gone(said: Said, kind: type[ProviderError]) -> None:
    refused(kind, read, said)


# --- list ---------------------------------------------------------------------------------------


def rows(*ids: str, **changes: Any) -> list[dict[str, Any]]:
    return [{**INSTANCE, "id": one, **changes} for one in ids]


def listing(*said: Said) -> tuple[Complete | Partial, Script]:
    return ask(lambda provider: provider.list_instances(), *said)


def test_a_list_is_whole_and_belongs_to_the_account_of_the_audit_log() -> None:
    found, script = listing((200, {"data": rows("a", "b", "b")}))
    assert isinstance(found, Complete)
    assert found.account == OWNER
    assert [one.id for one in found.instances] == ["a", "b"]
    assert [one.url.path for one in script.asked] == ["/api/v1/instances"]


def test_what_has_ended_is_not_listed_any_more() -> None:
    both = [*rows("a"), *rows("b", status="terminated"), *rows("c", status="preempted")]
    found, _ = listing((200, {"data": both}))
    assert isinstance(found, Complete)
    assert [one.id for one in found.instances] == ["a"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"data": rows("a"), "page_token": "x"}, "more follow"),
        ({"data": rows("a"), "next_page_token": "x"}, "more follow"),
        ({"data": [*rows("a"), None]}, "1 row(s)"),
        ({"data": [*rows("a"), {"id": "../x"}]}, "1 row(s)"),
        ({"data": rows("a", tags="x")}, "1 row(s)"),
        ({"data": rows("a", name=7)}, "1 row(s)"),
    ],
    ids=str,
)
def test_M1_M2_a_listing_that_may_miss_something_is_partial(body: Any, why: str) -> None:
    found, _ = listing((200, body))
    assert isinstance(found, Partial)
    assert why in found.why


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((401, BAD_KEY), AuthenticationFailed),
        ((404, ""), UnexpectedResponse),
        ((404, error("global/object-does-not-exist")), UnexpectedResponse),
        ((200, []), UnexpectedResponse),
        ((200, {"data": None}), UnexpectedResponse),
        ((200, {"data": {}}), UnexpectedResponse),
        ((200, {}), UnexpectedResponse),
        ((200, "<html>"), UnexpectedResponse),
        ((200, {"data": [], **error("global/internal-error")}), UnexpectedResponse),
        ((503, {"data": []}), ProviderUnavailable),
        ((429, "Too Many Requests"), RateLimited),
    ],
    ids=str,
)
def test_M1_a_listing_that_failed_is_never_an_empty_one(
    said: Said, kind: type[ProviderError]
) -> None:
    refused(kind, lambda provider: provider.list_instances(), said)


@pytest.mark.parametrize(
    "events",
    [
        {"data": []},
        {"data": None},
        {"data": [{"resource_owner_lrn": None}, 7, {}]},
        {"data": [{"resource_owner_lrn": "lrn:cloud:identity:0123456789abcdef"}]},
        {
            "data": [
                {"resource_owner_lrn": "lrn:cloud:account:0123456789abcdef"},
                {"resource_owner_lrn": "lrn:cloud:account:fedcba9876543210"},
            ]
        },
    ],
    ids=str,
)
def test_I14_without_one_account_nothing_is_listed(events: Any) -> None:
    script = Script((200, {"data": []}), always={"/api/v1/audit-events": events})
    with pytest.raises(UnexpectedResponse, match="account"):
        ask_over(script, lambda provider: provider.list_instances())


# --- offers -------------------------------------------------------------------------------------


def test_offers_are_the_types_by_name() -> None:
    said = (200, {"data": {"gpu_1x_a10": ITEM, "gpu_1x_broken": {}}})
    found, _ = ask(lambda provider: provider.list_offers(OfferQuery()), said)
    assert [one.id for one in found.offers] == ["gpu_1x_a10@us-west-1"]
    assert sum(found.unusable.values()) == 1


def test_a_fleet_that_wants_spot_hears_that_there_is_none() -> None:
    said = (200, {"data": {"gpu_1x_a10": ITEM}})
    query = OfferQuery(kinds=frozenset({True}))
    found, _ = ask(lambda provider: provider.list_offers(query), said)
    match = match_offers(fleet(gpu="A10", spot=True), found.offers)
    assert match.rejections == {"rents no spot machines": 1}


@pytest.mark.parametrize(
    "said", [(200, {}), (200, {"data": None}), (200, {"data": []}), (200, []), (200, "<html>")]
)
def test_an_answer_without_types_is_no_market_without_offers(said: Said) -> None:
    refused(UnexpectedResponse, lambda provider: provider.list_offers(OfferQuery()), said)
