"""The provider `vastai`: one account at Vast.ai, and what its answers mean."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

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
from reconciler.model.observation import Complete, Partial
from reconciler.model.offer import Offer, OfferListing
from reconciler.providers.base import (
    Created,
    CreateRequest,
    OfferQuery,
    Provider,
    ProviderCapabilities,
)
from reconciler.providers.vastai.api import PACES, CallFailed, Refusal, refusal_of
from reconciler.providers.vastai.instances import MARK_VARIABLE, as_instance
from reconciler.providers.vastai.listing import InstanceWalk
from reconciler.providers.vastai.node_timer import set_command
from reconciler.providers.vastai.offers import ask_of
from reconciler.providers.vastai.orders import order_of, why_refused
from reconciler.providers.vastai.searching import OfferWalk, pages_for, shapes_of
from reconciler.providers.vastai.volumes import as_volume
from reconciler.providers.vastai.wire import InstanceRow, UserRow, VolumeRow, misfit

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from reconciler.clock import Clock
    from reconciler.model.instance import Instance
    from reconciler.model.volume import Volume
    from reconciler.providers.vastai.api import ApiAnswer, VastApi

CAPABILITIES = ProviderCapabilities(
    visibility_window=timedelta(seconds=120),
    create_deadline=timedelta(seconds=120),
    call_deadline=timedelta(seconds=90),
    destroy_time=timedelta(seconds=60),
    create_interval=timedelta(seconds=5),
    parallel_calls=4,
    stopped_bills=True,
    ends_itself=False,
    has_spot=True,
    runs_images=True,
    runs_setup=True,
    opens_ports=True,
    ssh_answers=True,
    node_ends_itself=True,
    mark_places=("label", f"variable {MARK_VARIABLE}"),
    has_balance=True,
    lists_volumes=True,
    offers_keep=timedelta(seconds=60),
    paces=PACES,
)
_MICRO = Decimal("0.000001")
_GONE = frozenset({"no_such_instance", "not_found"})
_OFFER_GONE = "no_such_ask"
_SURELY_NOTHING = frozenset(
    {"insufficient_credit", "invalid_args", "invalid_price", "no_ssh_key_for_vm"}
)


class VastProvider(Provider):
    """Speaks Vast.ai's API. Ids of machines are whole numbers there."""

    def __init__(self, name: str, api: VastApi, clock: Clock, *, key_source: str = "") -> None:
        self.name = name
        self.key_source = key_source
        self.origin = api.origin
        self.capabilities = CAPABILITIES
        self._api = api
        self._clock = clock
        self._account: str | None = None

    async def close(self) -> None:
        await self._api.close()

    async def list_offers(self, query: OfferQuery) -> OfferListing:
        """For each model of GPU, the cheapest asks of verified machines on-demand and by bid.

        The cheapest 320 of one model; less of each of several, because searches are few.
        """
        read_at = self._clock.now()
        offers: list[Offer] = []
        unusable: Counter[str] = Counter()
        shapes = shapes_of(query)
        for shape in shapes:
            (spot,) = shape.kinds
            walk = OfferWalk(self.name, shape, spot=spot, pages=pages_for(len(shapes)))
            while walk.goes_on:
                answer = await self._asked(self._api.search(walk.question()))
                rows = self._object(answer, "search").get("offers")
                if not isinstance(rows, list):
                    raise self._unexpected("search", "it holds no list of offers")
                walk.add(rows)
            offers += walk.offers
            unusable += walk.unusable
        return OfferListing(self.name, tuple(offers), dict(unusable), read_at)

    # --- machines ---------------------------------------------------------------------------

    async def list_instances(self) -> Complete | Partial:
        started_at = self._clock.now()
        account = await self._account_id()
        walk = InstanceWalk(self.name)
        while walk.goes_on:
            try:
                answer = await self._asked(self._api.instances(walk.token))
                walk.add(self._object(answer, "list"))
            except AuthenticationFailed:
                raise
            except ProviderError as error:
                if not walk.pages:
                    raise
                walk.doubt(f"page {walk.pages + 1} could not be read: {error.what}")
        if walk.why:
            return Partial(self.name, account, started_at, walk.instances, walk.why)
        return Complete(self.name, account, started_at, walk.instances)

    async def get_instance(self, instance_id: str) -> Instance:
        self._check_id(instance_id)
        answer = await self._asked(self._api.instance(instance_id))
        value = self._object(answer, "read", gone_is=instance_id)
        if "instances" not in value:
            raise self._unexpected("read", "it holds no machine and does not deny it either")
        if value["instances"] is None:
            raise self._not_found(instance_id)
        try:
            row = InstanceRow.model_validate(value["instances"])
        except ValidationError as error:
            raise self._unexpected("read", misfit(error)) from None
        if row.id != instance_id:
            raise AnotherInstance(self.name, row.id)
        return as_instance(self.name, row)

    async def create_instance(self, request: CreateRequest) -> Created:
        ends_in = request.ends_at - self._clock.now()
        if request.offer.rentable_for is not None and request.offer.rentable_for < ends_in:
            raise OfferGone(self.name, f"offer {request.offer.id} ends before the lease does")
        refused = why_refused(request)
        if refused:
            raise CreateRefused(self.name, refused)
        secrets = tuple(request.env.values())
        try:
            answer = await self._api.create(
                ask_of(request.offer.id), order_of(request, self.origin), secrets
            )
        except CallFailed as error:
            if not error.sent:
                raise CreateRefused(self.name, error.what) from error
            raise CreateOutcomeUnknown(self.name, error.what) from error
        return self._created(answer, request.offer.id)

    def _created(self, answer: ApiAnswer, offer_id: str) -> Created:
        """The id first: an answer with one made a machine, whatever else it says (C1.4)."""
        value = answer.value if isinstance(answer.value, dict) else {}
        instance_id = _contract_of(value)
        if instance_id is not None and answer.status == 200 and value.get("success") is True:
            return Created(instance_id, None)
        refusal = refusal_of(answer)
        if instance_id is not None:
            what = f"the create was answered with {refusal} and made machine {instance_id}"
            raise CreateOutcomeUnknown(self.name, what, instance_id=instance_id)
        if "new_contract" not in value:
            self._raise_if_surely_nothing(answer, refusal, offer_id)
        raise CreateOutcomeUnknown(self.name, f"the create was answered with {refusal}")

    def _raise_if_surely_nothing(self, answer: ApiAnswer, refusal: Refusal, offer_id: str) -> None:
        """Only words that say so, in an answer of theirs, prove that nothing was made."""
        value = answer.value
        if not isinstance(value, dict) or answer.status >= 500 or value.get("success") is True:
            return
        if _OFFER_GONE in (refusal.code, *refusal.message.split()):
            raise OfferGone(self.name, f"offer {offer_id} is not available")
        if refusal.is_about_pace:
            raise CreateRefused(self.name, f"too many calls: {refusal}")
        if answer.status == 403 and refusal.code == "invalid_args":
            raise OfferGone(self.name, f"offer {offer_id} is for its host only")
        if refusal.code in _SURELY_NOTHING:
            raise CreateRefused(self.name, f"the order is refused: {refusal}")

    async def destroy_instance(self, instance_id: str) -> None:
        self._check_id(instance_id)
        answer = await self._asked(self._api.destroy(instance_id))
        value = self._object(answer, "destroy", gone_is=instance_id)
        if value.get("success") is not True:
            raise self._unexpected("destroy", "it does not say that it was accepted")

    def timer_command(self, ends_at: datetime) -> str:
        return set_command(ends_at)

    async def balance(self) -> Decimal:
        """The account's credit: their field of that name is what can be spent."""
        credit = (await self._user()).credit
        if credit is None:
            raise self._unexpected("account", "no usable credit")
        return credit.quantize(_MICRO, rounding=ROUND_FLOOR)

    async def list_volumes(self) -> tuple[Volume, ...]:
        answer = await self._asked(self._api.volumes())
        rows = self._object(answer, "volumes").get("volumes")
        if not isinstance(rows, list):
            raise self._unexpected("volumes", "it holds no list of volumes")
        try:
            return tuple(as_volume(self.name, VolumeRow.model_validate(row)) for row in rows)
        except ValidationError as error:
            raise self._unexpected("volumes", misfit(error)) from None

    # --- answers ----------------------------------------------------------------------------

    async def _account_id(self) -> str:
        if self._account is None:
            self._account = (await self._user()).id
        return self._account

    async def _user(self) -> UserRow:
        answer = await self._asked(self._api.current_user())
        try:
            return UserRow.model_validate(self._object(answer, "account"))
        except ValidationError as error:
            raise self._unexpected("account", misfit(error)) from None

    async def _asked(self, call: Awaitable[ApiAnswer]) -> ApiAnswer:
        try:
            return await call
        except CallFailed as error:
            raise ProviderUnavailable(self.name, error.what) from error

    def _object(
        self, answer: ApiAnswer, call: str, *, gone_is: str | None = None
    ) -> dict[str, Any]:
        """The object of a good answer. ``gone_is``: the machine that an answer may deny."""
        value = answer.value
        refused = isinstance(value, dict) and value.get("success") is False
        if answer.status == 200 and isinstance(value, dict) and not refused:
            return value
        refusal = refusal_of(answer)
        if refusal.is_about_the_key:
            raise AuthenticationFailed(self.name, f"the key is refused: {refusal}")
        if gone_is is not None and isinstance(value, dict) and refusal.code in _GONE:
            raise self._not_found(gone_is)
        if refusal.is_pace_or_quota:
            raise RateLimited(self.name, f"{call}: {refusal}", delay_seconds=refusal.asked_seconds)
        if answer.status >= 500:
            raise ProviderUnavailable(self.name, f"{call}: {refusal}")
        raise self._unexpected(call, f"{answer.not_json or 'refused'}: {refusal}")

    def _unexpected(self, call: str, why: str) -> UnexpectedResponse:
        return UnexpectedResponse(self.name, f"{call}: the answer cannot be used: {why}")

    def _not_found(self, instance_id: str) -> InstanceNotFound:
        return InstanceNotFound(self.name, f"machine {instance_id} does not exist")

    def _check_id(self, instance_id: str) -> None:
        """No request goes out with anything but a number: no machine here is called otherwise."""
        if not (instance_id.isascii() and instance_id.isdigit() and len(instance_id) < 20):
            raise InstanceNotFound(self.name, "machines have numbers here; this id is none")


def _contract_of(value: dict[str, Any]) -> str | None:
    contract = value.get("new_contract")
    if isinstance(contract, bool) or not isinstance(contract, int) or contract < 1:
        return None
    return str(contract)
