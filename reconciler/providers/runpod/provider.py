"""The provider `runpod`: one account at RunPod, and what its answers mean."""

from __future__ import annotations

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
    InsufficientCapacity,
    OfferGone,
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
)
from reconciler.providers.runpod.api import PACES, CallFailed, Problem, problem_of
from reconciler.providers.runpod.bidding import bid_placed
from reconciler.providers.runpod.listing import read_listing
from reconciler.providers.runpod.offers import CLOUDS, SECURE, Shelf, choice_of
from reconciler.providers.runpod.orders import bid_of, order_of, why_refused
from reconciler.providers.runpod.pods import MARK_VARIABLE, as_instance, is_gone, rate_of
from reconciler.providers.runpod.volumes import as_volume, pods_by_volume
from reconciler.providers.runpod.wire import (
    POD_ID,
    PodRow,
    UserRow,
    VolumeRow,
    misfit,
    shape_or_none,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from typing import TypeVar

    from reconciler.clock import Clock
    from reconciler.model.instance import Instance
    from reconciler.model.volume import Volume
    from reconciler.providers.runpod.api import ApiAnswer, GraphAnswer, RunpodApi

    Answer = TypeVar("Answer")

CAPABILITIES = ProviderCapabilities(
    visibility_window=timedelta(seconds=180),
    create_deadline=timedelta(seconds=120),
    call_deadline=timedelta(seconds=120),
    destroy_time=timedelta(seconds=60),
    create_interval=timedelta(seconds=6.2),
    parallel_calls=4,
    stopped_bills=True,
    ends_itself=False,
    has_spot=True,
    runs_images=True,
    opens_ports=True,
    ssh_answers=True,
    mark_places=("name", f"variable {MARK_VARIABLE}"),
    price_unit="USD per hour of a GPU",
    has_balance=True,
    lists_volumes=True,
    paces=PACES,
)
_MICRO = Decimal("0.000001")
GPU_COUNTS = (1, 2, 4, 8)
"""Asked for where a query names none; any number can be named."""


class RunpodProvider(Provider):
    """Speaks RunPod's REST v2, and GraphQL for what REST does not tell."""

    def __init__(self, name: str, api: RunpodApi, clock: Clock, *, key_source: str = "") -> None:
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
        """What both clouds have in stock for each number of GPUs: a question each.

        Where spot prices cannot be read, what is sold on-demand is there all the same.
        """
        read_at = self._clock.now()
        shelf = Shelf(self.name)
        for spot in sorted(query.kinds):
            for count in sorted(query.gpu_counts or GPU_COUNTS):
                for cloud in CLOUDS:
                    if spot:
                        await self._add_spot(shelf, cloud, count)
                    else:
                        await self._add(shelf, cloud, count)
        return OfferListing(self.name, shelf.offers, dict(shelf.unusable), read_at)

    async def _add(self, shelf: Shelf, cloud: str, count: int) -> None:
        answer = await self._asked(self._api.gpu_types(cloud, count))
        rows = self._object(answer, "catalog").get("gpus")
        if not isinstance(rows, list):
            raise self._unexpected("catalog", "it holds no list of GPU types")
        shelf.add(rows, cloud, count)

    async def _add_spot(self, shelf: Shelf, cloud: str, count: int) -> None:
        try:
            data = self._data(await self._asked(self._api.spot_prices(cloud == SECURE, count)))
            rows = data.get("gpuTypes")
            if not isinstance(rows, list):
                raise self._unexpected("spot", "it holds no list of GPU types")
        except AuthenticationFailed:
            raise
        except ProviderError as error:
            shelf.unusable[f"spot prices could not be read: {error.what}"] += 1
        else:
            shelf.add_spot(rows, cloud, count)

    # --- machines ---------------------------------------------------------------------------

    async def list_instances(self) -> Complete | Partial:
        started_at = self._clock.now()
        account = await self._account_id()
        value = self._object(await self._asked(self._api.pods()), "list")
        try:
            found, missing = read_listing(self.name, value)
        except ValueError as error:
            raise self._unexpected("list", str(error)) from None
        if missing:
            return Partial(self.name, account, started_at, found, missing)
        return Complete(self.name, account, started_at, found)

    async def get_instance(self, instance_id: str) -> Instance:
        self._check_id(instance_id)
        answer = await self._asked(self._api.pod(instance_id))
        value = self._object(answer, "read", gone_is=instance_id)
        try:
            row = PodRow.model_validate(value)
        except ValidationError as error:
            raise self._unexpected("read", misfit(error)) from None
        if row.id != instance_id:
            raise AnotherInstance(self.name, row.id)
        if is_gone(row):
            raise self._not_found(instance_id)
        return as_instance(self.name, row)

    async def create_instance(self, request: CreateRequest) -> Created:
        choice = choice_of(request.offer.id)
        if choice is None:
            raise OfferGone(self.name, "the offer's id is none of RunPod's")
        refused = why_refused(request)
        if refused:
            raise CreateRefused(self.name, refused)
        secrets = tuple(request.env.values())
        try:
            if choice.spot:
                return bid_placed(self.name, await self._api.bid(bid_of(request, choice), secrets))
            return self._created(await self._api.create(order_of(request, choice), secrets))
        except CallFailed as error:
            if not error.sent:
                raise CreateRefused(self.name, error.what) from error
            raise CreateOutcomeUnknown(self.name, error.what) from error

    def _created(self, answer: ApiAnswer) -> Created:
        """The id first: an answer with one made a pod, whatever else it says (C1.4)."""
        value = answer.value if isinstance(answer.value, dict) else {}
        instance_id = _pod_id_in(value)
        if instance_id is not None and answer.status == 201:
            row = shape_or_none(PodRow, value)
            return Created(instance_id, rate_of(row) if row else None)
        problem = problem_of(answer)
        if instance_id is not None:
            what = f"the create was answered with {problem} and made pod {instance_id}"
            raise CreateOutcomeUnknown(self.name, what, instance_id=instance_id)
        if "id" not in value:
            self._raise_if_surely_nothing(problem)
        raise CreateOutcomeUnknown(self.name, f"the create was answered with {problem}")

    def _raise_if_surely_nothing(self, problem: Problem) -> None:
        """Only a problem document of theirs proves that nothing was made.

        400 is "sold out" as well as a broken rule, and they say to try the next candidate.
        """
        if problem.says(400):
            raise InsufficientCapacity(self.name, f"it cannot be placed: {problem}")
        if problem.says(403):
            raise OfferGone(self.name, f"the key may not rent this: {problem}")
        if problem.says(402):
            raise CreateRefused(self.name, f"the balance is too low: {problem}")
        if problem.says(422):
            raise CreateRefused(self.name, f"the order is refused: {problem}")
        if problem.says(429):
            raise CreateRefused(self.name, f"too many calls: {problem}")

    async def destroy_instance(self, instance_id: str) -> None:
        self._check_id(instance_id)
        answer = await self._asked(self._api.destroy(instance_id))
        if answer.status != 204:
            raise self._refused(answer, "destroy", gone_is=instance_id)

    async def balance(self) -> Decimal:
        """What their ``clientBalance`` says, rounded down."""
        balance = (await self._user()).clientBalance
        if balance is None:
            raise self._unexpected("account", "no usable clientBalance")
        return balance.quantize(_MICRO, rounding=ROUND_FLOOR)

    async def list_volumes(self) -> tuple[Volume, ...]:
        """The network volumes. A pod's own volume goes with the pod and is in its rate."""
        rows = self._rows(await self._asked(self._api.volumes()), "volumes", "networkVolumes")
        if not rows:
            return ()
        pods = self._rows(await self._asked(self._api.pods()), "list", "pods")
        mounted = pods_by_volume(pods)
        try:
            read = [VolumeRow.model_validate(row) for row in rows]
        except ValidationError as error:
            raise self._unexpected("volumes", misfit(error)) from None
        return tuple(as_volume(self.name, row, mounted.get(row.id, ())) for row in read)

    def _rows(self, answer: ApiAnswer, call: str, name: str) -> list[Any]:
        rows = self._object(answer, call).get(name)
        if not isinstance(rows, list):
            raise self._unexpected(call, f"it holds no list of {name}")
        return rows

    # --- answers ----------------------------------------------------------------------------

    async def _account_id(self) -> str:
        if self._account is None:
            self._account = (await self._user()).id
        return self._account

    async def _user(self) -> UserRow:
        """The account itself, of which only GraphQL tells."""
        data = self._data(await self._asked(self._api.who()))
        try:
            return UserRow.model_validate(data.get("myself"))
        except ValidationError as error:
            raise self._unexpected("account", misfit(error)) from None

    def _data(self, answer: GraphAnswer) -> Mapping[str, Any]:
        """What GraphQL tells. An error inside a 200 is an error."""
        if answer.is_about_the_key:
            raise AuthenticationFailed(self.name, f"the key is refused: {answer.status}")
        if answer.status == 429:
            raise RateLimited(self.name, "GraphQL: 429", delay_seconds=answer.asked_seconds)
        if answer.status >= 500:
            raise ProviderUnavailable(self.name, f"GraphQL: {answer.status}")
        if answer.data is None:
            raise self._unexpected("GraphQL", f"{answer.status}: {answer.message}")
        return answer.data

    async def _asked(self, call: Awaitable[Answer]) -> Answer:
        try:
            return await call
        except CallFailed as error:
            raise ProviderUnavailable(self.name, error.what) from error

    def _object(
        self, answer: ApiAnswer, call: str, *, gone_is: str | None = None
    ) -> dict[str, Any]:
        """The object of a good answer. ``gone_is``: the pod that an answer may deny."""
        if answer.status == 200 and isinstance(answer.value, dict):
            return answer.value
        raise self._refused(answer, call, gone_is=gone_is)

    def _refused(
        self, answer: ApiAnswer, call: str, *, gone_is: str | None = None
    ) -> ProviderError:
        """What an answer other than a good one means."""
        problem = problem_of(answer)
        if answer.status in (401, 403):
            return AuthenticationFailed(self.name, f"the key is refused: {problem}")
        if gone_is is not None and problem.denies_the_pod:
            return self._not_found(gone_is)
        if answer.status == 429:
            delay = problem.asked_seconds
            return RateLimited(self.name, f"{call}: {problem}", delay_seconds=delay)
        if answer.status >= 500:
            return ProviderUnavailable(self.name, f"{call}: {problem}")
        return self._unexpected(call, f"{answer.not_json or 'refused'}: {problem}")

    def _unexpected(self, call: str, why: str) -> UnexpectedResponse:
        return UnexpectedResponse(self.name, f"{call}: the answer cannot be used: {why}")

    def _not_found(self, instance_id: str) -> InstanceNotFound:
        return InstanceNotFound(self.name, f"pod {instance_id} does not exist")

    def _check_id(self, instance_id: str) -> None:
        """No request goes out with anything else: no pod is called otherwise."""
        if not POD_ID.fullmatch(instance_id):
            raise InstanceNotFound(self.name, "pods have ids of letters and digits; this is none")


def _pod_id_in(value: dict[str, Any]) -> str | None:
    found = value.get("id")
    return found if isinstance(found, str) and POD_ID.fullmatch(found) else None
