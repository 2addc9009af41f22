"""The provider `lambda`: one account at Lambda, and what its answers mean."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

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
from reconciler.model.observation import Complete, Partial
from reconciler.model.offer import OfferListing
from reconciler.providers.base import (
    Created,
    CreateRequest,
    OfferQuery,
    Provider,
    ProviderCapabilities,
    why_unable,
)
from reconciler.providers.lambda_cloud.account_keys import AccountKeys, ChosenKeys, KeysUnusable
from reconciler.providers.lambda_cloud.api import (
    LAUNCH_SECONDS,
    PACES,
    CallFailed,
    refusal_of,
)
from reconciler.providers.lambda_cloud.file_systems import as_volume
from reconciler.providers.lambda_cloud.instances import as_instance, has_ended
from reconciler.providers.lambda_cloud.offers import offers_of
from reconciler.providers.lambda_cloud.orders import order_of, why_refused
from reconciler.providers.lambda_cloud.wire import (
    AuditEvent,
    FileSystem,
    InstanceRow,
    Launched,
    Terminated,
    is_instance_id,
    misfit,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reconciler.clock import Clock
    from reconciler.model.instance import Instance
    from reconciler.model.volume import Volume
    from reconciler.providers.lambda_cloud.api import ApiAnswer, LambdaApi, Refusal

CAPABILITIES = ProviderCapabilities(
    visibility_window=timedelta(seconds=120),
    create_deadline=timedelta(seconds=150),
    call_deadline=timedelta(seconds=90),
    destroy_time=timedelta(seconds=180),
    create_interval=timedelta(seconds=LAUNCH_SECONDS),
    parallel_calls=4,
    stopped_bills=True,
    ends_itself=False,
    has_spot=False,
    runs_images=False,
    boots_vm_images=True,
    runs_setup=True,
    opens_ports=False,
    ssh_answers=True,
    mark_places=("name", "tag"),
    price_unit="US cents per hour of a node",
    lists_volumes=True,
    paces=PACES,
)
_GONE = "global/object-does-not-exist"
_NO_CAPACITY = "instance-operations/launch/insufficient-capacity"
_SURELY_NOTHING = frozenset(
    {
        "global/account-inactive",
        "global/invalid-address",
        "global/invalid-parameters",
        "global/object-does-not-exist",
        "global/quota-exceeded",
        "instance-operations/launch/file-system-in-wrong-region",
    }
)
_ACCOUNT = re.compile(r"lrn:cloud:account:([0-9a-zA-Z-]{8,64})")
# A page of a list that has none today.
_MORE = ("page_token", "next_page_token", "next_token", "next")


class LambdaProvider(Provider):
    """Speaks Lambda's API. There is no spot, no stop and no balance."""

    def __init__(self, name: str, api: LambdaApi, clock: Clock, *, key_source: str = "") -> None:
        self.name = name
        self.key_source = key_source
        self.origin = api.origin
        self.capabilities = CAPABILITIES
        self._api = api
        self._clock = clock
        self._account: str | None = None
        self._keys = AccountKeys(api, self._asked, self._data)

    async def close(self) -> None:
        await self._api.close()

    async def list_offers(self, query: OfferQuery) -> OfferListing:
        """Every type in every region that has some; for a fleet that wants spot too, which then
        hears why it cannot have them.
        """
        read_at = self._clock.now()
        unusable: Counter[str] = Counter()
        types = self._data(await self._asked(self._api.instance_types()), "types")
        if not isinstance(types, dict):
            raise self._unexpected("types", "it holds no types by name")
        offers = offers_of(self.name, types, unusable)
        return OfferListing(self.name, tuple(offers), dict(unusable), read_at)

    # --- machines ---------------------------------------------------------------------------

    async def list_instances(self) -> Complete | Partial:
        started_at = self._clock.now()
        account = await self._account_id()
        answer = await self._asked(self._api.instances())
        rows = self._data(answer, "list")
        if not isinstance(rows, list):
            raise self._unexpected("list", "it holds no list of machines")
        found: dict[str, Instance] = {}
        unread = 0
        for raw in rows:
            row = _row(raw)
            if row is None:
                unread += 1
            elif not has_ended(row):
                found[row.id] = as_instance(self.name, row)
        machines = tuple(found.values())
        why = f"{unread} row(s) could not be read" if unread else _says_more(answer.value)
        if why:
            return Partial(self.name, account, started_at, machines, why)
        return Complete(self.name, account, started_at, machines)

    async def get_instance(self, instance_id: str) -> Instance:
        self._check_id(instance_id)
        answer = await self._asked(self._api.instance(instance_id))
        row = _row(self._data(answer, "read", gone_is=instance_id))
        if row is None:
            raise self._unexpected("read", "it does not describe a machine")
        if row.id != instance_id:
            raise AnotherInstance(self.name, row.id)
        if has_ended(row):
            raise self._not_found(instance_id)
        return as_instance(self.name, row)

    async def create_instance(self, request: CreateRequest) -> Created:
        refused = why_unable(request, self.capabilities) or why_refused(request)
        if refused:
            raise CreateRefused(self.name, refused)
        keys = await self._chosen_keys(request.ssh_public_keys)
        order = order_of(request, keys.name, keys.others, self._clock.now())
        try:
            answer = await self._api.launch(order, tuple(request.env.values()))
        except CallFailed as error:
            if not error.sent:
                raise CreateRefused(self.name, error.what) from error
            raise CreateOutcomeUnknown(self.name, error.what) from error
        return self._created(answer)

    async def _chosen_keys(self, public_keys: tuple[str, ...]) -> ChosenKeys:
        """Nothing is ordered before this is done, so that whatever goes wrong made nothing."""
        try:
            return await self._keys.choose(public_keys)
        except KeysUnusable as error:
            raise CreateRefused(self.name, str(error)) from None
        except ProviderError as error:
            raise CreateRefused(self.name, f"nothing was ordered: {error.what}") from error

    def _created(self, answer: ApiAnswer) -> Created:
        """The id first: an answer with one made a machine, whatever else it says (C1.4)."""
        ids = _launched(answer)
        if len(ids) == 1 and answer.status == 200 and not _has_error(answer):
            return Created(ids[0], None)
        refusal = refusal_of(answer)
        if ids:
            what = f"the launch was answered with {refusal} and made machine {ids[0]}"
            raise CreateOutcomeUnknown(self.name, what, instance_id=ids[0])
        if not _has_data(answer):
            self._raise_if_surely_nothing(refusal)
        raise CreateOutcomeUnknown(self.name, f"the launch was answered with {refusal}")

    def _raise_if_surely_nothing(self, refusal: Refusal) -> None:
        """Only their codes, in an answer that is no server error, prove that nothing was made."""
        if not 400 <= refusal.status < 500 or not refusal.code:
            return
        if refusal.is_about_pace:
            raise CreateRefused(self.name, f"too many calls: {refusal}")
        if refusal.code == _NO_CAPACITY:
            raise InsufficientCapacity(self.name, f"no such machine is free: {refusal}")
        if refusal.code == _GONE:
            self._keys.forget()
        if refusal.code in _SURELY_NOTHING:
            raise CreateRefused(self.name, f"the order is refused: {refusal}")

    async def destroy_instance(self, instance_id: str) -> None:
        self._check_id(instance_id)
        answer = await self._asked(self._api.terminate(instance_id))
        data = self._data(answer, "terminate", gone_is=instance_id)
        try:
            ended = Terminated.model_validate(data).terminated_instances
        except ValidationError as error:
            raise self._unexpected("terminate", misfit(error)) from None
        rows = [row for row in map(_row, ended) if row is not None]
        if instance_id not in [row.id for row in rows]:
            raise self._unexpected("terminate", "it does not say that it was accepted")

    async def list_volumes(self) -> tuple[Volume, ...]:
        """The file systems; what they cost is not in the API."""
        answer = await self._asked(self._api.file_systems())
        rows = self._data(answer, "file systems")
        why = "it holds no list of file systems" if not isinstance(rows, list) else ""
        if why or _says_more(answer.value):
            raise self._unexpected("file systems", why or _says_more(answer.value))
        try:
            return tuple(as_volume(self.name, FileSystem.model_validate(row)) for row in rows)
        except ValidationError as error:
            raise self._unexpected("file systems", misfit(error)) from None

    # --- answers ----------------------------------------------------------------------------

    async def _account_id(self) -> str:
        """Only their audit log names the account: it owns what its oldest events are about."""
        if self._account is None:
            events = self._data(await self._asked(self._api.audit_events()), "account")
            owners = {
                match[1]
                for raw in (events if isinstance(events, list) else ())
                if (match := _ACCOUNT.fullmatch(_owner_of(raw))) is not None
            }
            if len(owners) != 1:
                why = f"the audit log names {len(owners)} accounts as owners, not one"
                raise self._unexpected("account", why)
            (self._account,) = owners
        return self._account

    async def _asked(self, call: Awaitable[ApiAnswer]) -> ApiAnswer:
        try:
            return await call
        except CallFailed as error:
            raise ProviderUnavailable(self.name, error.what) from error

    def _data(self, answer: ApiAnswer, call: str, gone_is: str | None = None) -> Any:
        """What a good answer holds. ``gone_is``: the machine that an answer may deny."""
        value = answer.value
        good = answer.status == 200 and isinstance(value, dict) and not _has_error(answer)
        if good and isinstance(value, dict) and "data" in value:
            return value["data"]
        raise self._error(answer, refusal_of(answer), call, gone_is)

    def _error(
        self, answer: ApiAnswer, refusal: Refusal, call: str, gone_is: str | None
    ) -> ProviderError:
        if refusal.is_about_the_key:
            return AuthenticationFailed(self.name, f"the key is refused: {refusal}")
        if gone_is is not None and (refusal.status, refusal.code) == (404, _GONE):
            return self._not_found(gone_is)
        if refusal.is_about_pace:
            asked = refusal.asked_seconds
            return RateLimited(self.name, f"{call}: {refusal}", delay_seconds=asked)
        if refusal.is_their_trouble:
            return ProviderUnavailable(self.name, f"{call}: {refusal}")
        return self._unexpected(call, f"{answer.not_json or 'refused'}: {refusal}")

    def _unexpected(self, call: str, why: str) -> UnexpectedResponse:
        return UnexpectedResponse(self.name, f"{call}: the answer cannot be used: {why}")

    def _not_found(self, instance_id: str) -> InstanceNotFound:
        return InstanceNotFound(self.name, f"machine {instance_id} does not exist")

    def _check_id(self, instance_id: str) -> None:
        if not is_instance_id(instance_id):
            raise InstanceNotFound(self.name, "no machine here has such an id")


def _row(raw: object) -> InstanceRow | None:
    try:
        return InstanceRow.model_validate(raw)
    except ValidationError:
        return None


def _has_error(answer: ApiAnswer) -> bool:
    return isinstance(answer.value, dict) and answer.value.get("error") is not None


def _has_data(answer: ApiAnswer) -> bool:
    return isinstance(answer.value, dict) and "data" in answer.value


def _launched(answer: ApiAnswer) -> list[str]:
    data = answer.value.get("data") if isinstance(answer.value, dict) else None
    try:
        return Launched.model_validate(data).instance_ids
    except ValidationError:
        return []


def _owner_of(raw: object) -> str:
    try:
        return AuditEvent.model_validate(raw).resource_owner_lrn or ""
    except ValidationError:
        return ""


def _says_more(value: object) -> str:
    """Why a list may miss something, "" where nothing says so."""
    if isinstance(value, dict) and any(value.get(name) for name in _MORE):
        return "it says that more follow, and nobody knows how to ask for them"
    return ""
