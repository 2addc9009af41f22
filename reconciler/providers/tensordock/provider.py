"""The provider `tensordock`: one organization at TensorDock, and what its answers mean."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import anyio
from pydantic import ValidationError

from reconciler.model.errors import (
    AnotherInstance,
    AuthenticationFailed,
    CreateOutcomeUnknown,
    CreateRefused,
    InstanceNotFound,
    InsufficientCapacity,
    OfferGone,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from reconciler.model.observation import Complete, Partial
from reconciler.model.offer import OfferListing
from reconciler.model.ssh_key import parse_public_key
from reconciler.providers.base import (
    Created,
    CreateRequest,
    OfferQuery,
    Provider,
    ProviderCapabilities,
    why_unable,
)
from reconciler.providers.tensordock.api import PACES, CallFailed, refusal_of
from reconciler.providers.tensordock.instances import as_instance, has_ended
from reconciler.providers.tensordock.offers import offers_of, ordered_of
from reconciler.providers.tensordock.orders import order_of, why_refused
from reconciler.providers.tensordock.wire import (
    InstanceRow,
    Secret,
    UnknownShape,
    as_row,
    is_instance_id,
    listed,
    misfit,
    says_more,
    single,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from reconciler.clock import Clock
    from reconciler.model.instance import Instance
    from reconciler.providers.tensordock.api import ApiAnswer, Refusal, TensorDockApi

CAPABILITIES = ProviderCapabilities(
    visibility_window=timedelta(seconds=120),
    create_deadline=timedelta(seconds=120),
    call_deadline=timedelta(seconds=120),
    destroy_time=timedelta(seconds=120),
    create_interval=timedelta(seconds=1),
    slow_answer=timedelta(seconds=10),
    parallel_calls=4,
    stopped_bills=True,
    ends_itself=False,
    has_spot=False,
    runs_images=False,
    boots_vm_images=True,
    runs_setup=True,
    opens_ports=True,
    ssh_answers=True,
    mark_places=("name",),
    price_unit="USD per hour of each part",
    paces=PACES,
)
DETAILS_MAX = 40
"""Rows of one listing that are read one by one because they name no price: a second each."""


class TensorDockProvider(Provider):
    """Speaks version 2. ``account``: nothing there names the organization; see ``opening``."""

    def __init__(
        self,
        name: str,
        api: TensorDockApi,
        clock: Clock,
        account: str,
        *,
        key_source: str = "",
    ) -> None:
        self.name = name
        self.key_source = key_source
        self.origin = api.origin
        self.capabilities = CAPABILITIES
        self._api = api
        self._clock = clock
        self._account = account
        self._ordered_at: dict[str, datetime] = {}
        self._priced: dict[str, InstanceRow] = {}
        """By id, rows with a price and the GPUs: neither ever changes."""

    async def close(self) -> None:
        await self._api.close()

    async def list_offers(self, query: OfferQuery) -> OfferListing:
        """Three sizes of machine on every host that has the GPUs free; for a fleet that wants spot
        too, which then hears why it cannot have them.
        """
        read_at = self._clock.now()
        value = self._good(await self._asked(self._api.hosts()), "hosts")
        unusable: Counter[str] = Counter()
        try:
            rows = listed(value, "hostnodes")
        except UnknownShape as error:
            raise self._unexpected("hosts", str(error)) from None
        found = offers_of(self.name, rows, query.gpu_counts, unusable)
        wanted = [one for one in found if not query.models or one.gpu in query.models]
        return OfferListing(self.name, tuple(wanted), dict(unusable), read_at)

    # --- machines ---------------------------------------------------------------------------

    async def list_instances(self) -> Complete | Partial:
        started_at = self._clock.now()
        value = self._good(await self._asked(self._api.instances()), "list")
        try:
            raws = listed(value, "instances")
        except UnknownShape as error:
            raise self._unexpected("list", str(error)) from None
        rows = [_row(raw) for raw in raws]
        living = {row.id: row for row in rows if row is not None and not has_ended(row)}
        why = says_more(value, len(raws))
        if None in rows:
            why = f"{rows.count(None)} row(s) could not be read"
        await self._look_up(row for row in living.values() if row.rateHourly is None)
        machines = tuple(self._instance(row) for row in living.values())
        if why:
            return Partial(self.name, self._account, started_at, machines, why)
        return Complete(self.name, self._account, started_at, machines)

    async def _look_up(self, rows: Iterable[InstanceRow]) -> None:
        """Read what short rows leave out, until it has an address. A failure leaves it unknown.

        Several at a time: whatever has ended waits for this listing.
        """
        told = {id for id, known in self._priced.items() if known.ipAddress}
        missing = [row.id for row in rows if row.id not in told]
        left = iter(missing[:DETAILS_MAX])

        async def read_on() -> None:
            for instance_id in left:
                try:
                    await self._read(instance_id)
                except ProviderError:
                    for _ in left:  # nobody else asks on
                        pass

        if not missing:
            return
        async with anyio.create_task_group() as group:
            for _ in missing[: self.capabilities.parallel_calls]:
                group.start_soon(read_on)

    def _instance(self, row: InstanceRow) -> Instance:
        known = self._priced.get(row.id)
        if row.rateHourly is None and known is not None:
            left_out = ("rateHourly", "resources", "ipAddress", "portForwards")
            told = {name: getattr(row, name) or getattr(known, name) for name in left_out}
            row = row.model_copy(update=told)
        return as_instance(self.name, row, self._clock.now(), self._ordered_at.get(row.id))

    async def get_instance(self, instance_id: str) -> Instance:
        self._check_id(instance_id)
        return self._instance(await self._read(instance_id))

    async def _read(self, instance_id: str) -> InstanceRow:
        answer = await self._asked(self._api.instance(instance_id))
        value = self._good(answer, "read", gone_is=instance_id)
        try:
            row = InstanceRow.model_validate(single(value))
        except ValidationError as error:
            raise self._unexpected("read", misfit(error)) from None
        except UnknownShape as error:
            raise self._unexpected("read", str(error)) from None
        if row.id != instance_id:
            raise AnotherInstance(self.name, row.id)
        if has_ended(row):
            raise self._not_found(instance_id)
        if row.rateHourly is not None:
            self._priced[row.id] = row
        return row

    async def create_instance(self, request: CreateRequest) -> Created:
        refused = why_unable(request, self.capabilities) or why_refused(request)
        if refused:
            raise CreateRefused(self.name, refused)
        ordered = ordered_of(request.offer.id)
        if ordered is None:
            raise OfferGone(self.name, "there is no such offer")
        keys = request.ssh_public_keys or await self._account_keys()
        order = order_of(request, ordered, keys)
        begun = self._clock.now()
        try:
            answer = await self._api.create(order, tuple(request.env.values()))
        except CallFailed as error:
            if not error.sent:
                raise CreateRefused(self.name, error.what) from error
            raise CreateOutcomeUnknown(self.name, error.what) from error
        created = self._created(answer)
        self._ordered_at[created.instance_id] = begun
        return created

    async def _account_keys(self) -> tuple[str, ...]:
        """Every SSH key that stands in the account. Nothing has been ordered yet."""
        try:
            value = self._good(await self._asked(self._api.secrets()), "keys")
            rows = [Secret.model_validate(as_row(raw)) for raw in listed(value, "secrets")]
        except ProviderError as error:
            raise CreateRefused(self.name, f"nothing was ordered: {error.what}") from error
        except ValueError:
            what = "nothing was ordered: the account's keys could not be read"
            raise CreateRefused(self.name, what) from None
        found = [_public_key(row) for row in rows if row.secret_type == "SSHKEY"]  # noqa: S105
        keys = tuple(dict.fromkeys(key for key in found if key))
        if not keys:
            what = "the TensorDock account has no SSH key, and no machine starts without one"
            raise CreateRefused(self.name, what)
        return keys

    def _created(self, answer: ApiAnswer) -> Created:
        """The id first: an answer with one made a machine, whatever else it says (C1.4)."""
        value = answer.value if isinstance(answer.value, dict) else {}
        data = value.get("data")
        found = data.get("id") if isinstance(data, dict) else None
        instance_id = found if isinstance(found, str) and is_instance_id(found) else None
        refusal = refusal_of(answer)
        if instance_id is not None and answer.status in (200, 201) and not refusal.is_error:
            return Created(instance_id, None)
        if instance_id is not None:
            what = f"the create was answered with {refusal} and made machine {instance_id}"
            raise CreateOutcomeUnknown(self.name, what, instance_id=instance_id)
        if "data" not in value:
            self._raise_if_surely_nothing(refusal)
        raise CreateOutcomeUnknown(self.name, f"the create was answered with {refusal}")

    def _raise_if_surely_nothing(self, refusal: Refusal) -> None:
        """Only known words of theirs, in an answer that is no server error."""
        if refusal.http_status >= 500 or refusal.status >= 500 or refusal.is_about_the_key:
            return
        if refusal.is_no_capacity:
            raise InsufficientCapacity(self.name, f"no such machine is free: {refusal}")
        if refusal.made_nothing:
            raise CreateRefused(self.name, f"the order is refused: {refusal}")

    async def destroy_instance(self, instance_id: str) -> None:
        self._check_id(instance_id)
        answer = await self._asked(self._api.delete(instance_id))
        if answer.status == 204:
            return
        value = self._good(answer, "delete", gone_is=instance_id)
        match value:
            case {"data": {"type": "success"}} | {"success": True}:
                return
        raise self._unexpected("delete", "it does not say that it was accepted")

    # --- answers ----------------------------------------------------------------------------

    async def _asked(self, call: Awaitable[ApiAnswer]) -> ApiAnswer:
        try:
            return await call
        except CallFailed as error:
            raise ProviderUnavailable(self.name, error.what) from error

    def _good(self, answer: ApiAnswer, call: str, gone_is: str | None = None) -> object:
        """The value of a good answer. ``gone_is``: the machine that an answer may deny."""
        refusal = refusal_of(answer)
        if answer.status == 200 and isinstance(answer.value, dict) and not refusal.is_error:
            return answer.value
        raise self._error(answer, refusal, call, gone_is)

    def _error(
        self, answer: ApiAnswer, refusal: Refusal, call: str, gone_is: str | None
    ) -> ProviderError:
        if refusal.is_about_the_key:
            return AuthenticationFailed(self.name, f"the key is refused: {refusal}")
        if gone_is is not None and refusal.denies_the_machine:
            return self._not_found(gone_is)
        if refusal.is_about_pace:
            asked = refusal.asked_seconds
            return RateLimited(self.name, f"{call}: {refusal}", delay_seconds=asked)
        if refusal.http_status >= 500 or refusal.status >= 500:
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
        return InstanceRow.model_validate(as_row(raw))
    except ValueError:  # pydantic's too
        return None


def _public_key(secret: Secret) -> str | None:
    try:
        return parse_public_key(secret.value or "")
    except ValueError:
        return None
