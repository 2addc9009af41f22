"""One create, from intent to id (SPEC.md section 4, 2). One call at most per intent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from reconciler.execution.node_timers import timer_of
from reconciler.execution.replacement import wait_until_gone
from reconciler.model.cost import format_rate
from reconciler.model.errors import (
    CreateOutcomeUnknown,
    CreateRefused,
    InsufficientCapacity,
    OfferGone,
    ProviderError,
    StateLocked,
)
from reconciler.model.exit_code import ExitCode
from reconciler.model.mark import Mark, workspace_part
from reconciler.model.outcome import SlotOutcome
from reconciler.model.plan import Destroy
from reconciler.model.reason import DestroyReason
from reconciler.model.record import PendingCreate
from reconciler.model.value import dataclass
from reconciler.planning import billing, transitions
from reconciler.planning.capacity import capacity_of
from reconciler.planning.hosts import host_of
from reconciler.planning.leases import planned_end
from reconciler.providers.base import Created, CreateRequest, why_unable
from reconciler.transport.redaction import cut_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from reconciler.execution.context import ExecutionContext
    from reconciler.model.instance import Instance
    from reconciler.model.offer import Offer
    from reconciler.model.plan import Create
    from reconciler.model.record import InstanceRecord
    from reconciler.planning.hosts import HostKey
    from reconciler.providers.base import Provider

_OFFERS_TRIED_MAX = 10
_READ_BACK_TRIES = 3
_READ_BACK_PAUSE_SECONDS = 2.0
_BILLING_UNIT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Bought:
    """What became of one create. ``too_dear``: billed above its ceiling, to be destroyed at once.

    ``record`` is None when nothing was bought, or when that is not known yet.
    """

    outcome: SlotOutcome
    record: InstanceRecord | None = None
    too_dear: Destroy | None = None


async def buy_machine(create: Create, context: ExecutionContext) -> Bought:
    """Rent one machine, falling back on like offers under the approved ceiling.

    Its own offer has been reserved for it (``reserve_offers``).
    """
    started = context.clock.now()
    if create.replaces is not None and not await wait_until_gone(create.replaces, context):
        detail = "the machine it replaces is not gone yet; nothing was bought"
        return _failed(create, detail, ExitCode.PARTIAL)
    for mark in create.after:
        if not await wait_until_gone(mark, context):
            detail = f"{mark}, which has to go first, is not gone yet; nothing was bought"
            return _failed(create, detail, ExitCode.PARTIAL)
    tried = 0
    for offer in create.ranked:
        if context.interruption.requested:
            return _failed(create, "not started: interrupted", None)
        if tried == _OFFERS_TRIED_MAX:
            break
        if offer != create.offer and not _claim(create, offer, context):
            continue
        tried += 1
        context.show(
            create.slot, "waiting", started, detail=f"ordering {offer.provider} {offer.id}"
        )
        bought = await _try_offer(create, offer, context)
        if bought is not None:
            return bought
    return _failed(create, f"{tried} offer(s) were taken by others", ExitCode.NO_OFFER)


def _failed(create: Create, detail: str, code: ExitCode | None) -> Bought:
    return Bought(SlotOutcome(create.slot, "create", False, detail, code))


def reserve_offers(creates: Iterable[Create], context: ExecutionContext) -> None:
    """What the plan chose belongs to its create: no other one may fall back on it, nor on what a
    create of an earlier run may have taken: its intent is the claim that outlives a process.
    """
    for intent in context.journal.state.intents.values():
        if intent.blocks_slot:
            key = (intent.provider, intent.specification.capacity_key)
            context.claimed[key] = context.claimed.get(key, 0) + 1
    for create in creates:
        _take(create, create.offer, context)


def _claim(create: Create, offer: Offer, context: ExecutionContext) -> bool:
    """No two tasks of this run go for one capacity, and no two of a spread fleet for one host."""
    if context.claimed.get(capacity_of(offer), 0) >= offer.stock:
        return False
    if create.spread and (create.slot.fleet, _host(offer)) in context.claimed_hosts:
        return False
    _take(create, offer, context)
    return True


def _take(create: Create, offer: Offer, context: ExecutionContext) -> None:
    key = capacity_of(offer)
    context.claimed[key] = context.claimed.get(key, 0) + 1
    if create.spread:
        context.claimed_hosts.add((create.slot.fleet, _host(offer)))


def _host(offer: Offer) -> HostKey:
    return host_of(offer.provider, offer.host, offer.capacity_key)


async def _try_offer(create: Create, offer: Offer, context: ExecutionContext) -> Bought | None:
    """None: surely nothing was created, try the next offer."""
    provider = context.providers[offer.provider]
    env = context.resolve_env(create.specification.env)
    keys = context.public_keys(create.slot.fleet)
    budget = context.budget(provider, "create")
    # The place in the queue comes first: an intent's deadline counts from a call that can go out.
    async with budget:
        if context.interruption.requested:
            return _failed(create, "not started: interrupted", None)
        context.fence()
        intent = _intent(create, offer, provider, context)
        timer = timer_of(intent, provider, context)
        await context.journal.announce(transitions.begin_create(intent, timer))
        # The turn comes last: the wait for a shared write must not bring calls closer together.
        await budget.turn()
        if context.interruption.requested:
            await context.journal.commit(transitions.create_refused(intent.mark))
            return _failed(create, "not started: interrupted", None)
        answer = await _order(create, offer, intent, env, keys, context)
    if not isinstance(answer, Created):
        return answer
    return await _take_over(create, intent, answer, provider, context)


async def _order(
    create: Create,
    offer: Offer,
    intent: PendingCreate,
    env: Mapping[str, str],
    keys: tuple[str, ...],
    context: ExecutionContext,
) -> Created | Bought | None:
    """Send it once; what the answer means, a machine or not."""
    provider = context.providers[offer.provider]
    lease, boot = context.journal.state.leases[create.slot.fleet], context.boot(create.slot.fleet)
    timer = context.journal.state.node_timers.get(intent.mark)
    request = CreateRequest(
        mark=intent.mark,
        offer=offer,
        disk_bytes=intent.specification.disk_bytes,
        image=intent.specification.image,
        env=env,
        ends_at=planned_end(lease, context.clock.now()),
        ssh_public_keys=keys,
        vm_image=boot.vm_image,
        setup=boot.setup,
        ports=boot.ports,
        bid_usd=_bid(create, offer, context),
        destroys_itself_at=timer.ends_at if timer else None,
        timer_margin=timer.margin if timer else timedelta(0),
    )
    unable = why_unable(request, provider.capabilities)
    if unable:
        await context.journal.commit(transitions.create_refused(intent.mark))
        return _failed(create, f"{provider.name}: {unable}", ExitCode.NO_OFFER)
    try:
        return await _send(provider, request, context)
    except StateLocked:  # surely not sent: whoever has the lock now need not look for it
        await context.journal.commit(transitions.create_refused(intent.mark))
        raise
    except (OfferGone, InsufficientCapacity):
        context.offer_failed(provider, request.offer.id)
        await context.journal.commit(transitions.create_refused(intent.mark))
        return None
    except CreateRefused as error:
        await context.journal.commit(transitions.create_refused(intent.mark))
        return _failed(create, error.what, ExitCode.PARTIAL)
    except CreateOutcomeUnknown as error:
        if error.instance_id is None:
            return _unknown(create, error)
        return Created(error.instance_id, None)
    except ProviderError as error:
        return _unknown(create, error)


def _unknown(create: Create, error: ProviderError) -> Bought:
    detail = f"outcome unknown ({error.what}); the slot is blocked until it is found or ruled out"
    return _failed(create, detail, ExitCode.PROVIDER_FAILURE)


def _intent(
    create: Create, offer: Offer, provider: Provider, context: ExecutionContext
) -> PendingCreate:
    state, now = context.journal.state, context.clock.now()
    mark = Mark(
        workspace_part=workspace_part(state.workspace, state.lineage),
        fleet=create.slot.fleet,
        index=create.slot.index,
        end=planned_end(state.leases[create.slot.fleet], now),
        nonce=context.new_nonce(),
    )
    specification = create.specification.with_(
        offer_id=offer.id,
        capacity_key=offer.capacity_key,
        host=offer.host,
        gpu=offer.gpu,
        gpu_count=offer.gpu_count,
        gpu_memory_bytes=offer.gpu_memory_bytes,
        vcpus=offer.vcpus,
        memory_bytes=offer.memory_bytes,
        cuda=offer.cuda,
        region=offer.region,
        country=offer.country,
        spot=offer.spot,
    )
    disk = offer.disk_usd_per_hour(specification.disk_bytes)
    bid = _bid(create, offer, context)
    wait = context.budget(provider, "create").longest_wait
    deadline_at = now + wait + provider.capabilities.create_deadline
    succeeds = create.succeeds
    if succeeds is not None and context.waits:
        until = deadline_at + context.ready_rules(create.slot.fleet).timeout
        succeeds = succeeds.with_(looked_into_until=until)
    return PendingCreate.model_construct(
        fleet=create.slot.fleet,
        index=create.slot.index,
        provider=offer.provider,
        mark=str(mark),
        specification=specification,
        ceiling_usd_per_hour=create.ceiling_usd_per_hour,
        usd_per_hour=(offer.usd_per_hour if bid is None else bid) + disk,
        disk_usd_per_hour=disk,
        begun_at=now,
        deadline_at=deadline_at,
        succeeds=succeeds,
        reason=create.reason,
    )


def _bid(create: Create, offer: Offer, context: ExecutionContext) -> Decimal | None:
    """What is bid for ``offer`` without its disk: never above what was approved for the slot."""
    bid = context.bid(create.slot.fleet, offer)
    if bid is None:
        return None
    disk = offer.disk_usd_per_hour(create.specification.disk_bytes)
    return max(offer.usd_per_hour, min(bid, create.ceiling_usd_per_hour - disk))


async def _send(provider: Provider, request: CreateRequest, context: ExecutionContext) -> Created:
    """The call itself, shielded: once sent, its answer is waited for up to the deadline, unless
    somebody asked twice to stop.
    """
    context.fence()
    seconds = provider.capabilities.create_deadline.total_seconds()
    with context.interruption.in_flight():
        try:
            with anyio.move_on_after(seconds):
                return await provider.create_instance(request)
        except ProviderError as error:
            cut_out(error, request.env.values())
            raise
        except TimeoutError:
            pass
    why = "left before the answer" if context.interruption.leaving else "no answer in time"
    raise CreateOutcomeUnknown(provider.name, why)


async def _take_over(
    create: Create,
    intent: PendingCreate,
    answer: Created,
    provider: Provider,
    context: ExecutionContext,
) -> Bought:
    """Id durable, mark read back, billed rate checked against the ceiling."""
    now = context.clock.now()
    await context.journal.commit(
        transitions.created(intent, answer.instance_id, answer.usd_per_hour, now)
    )
    instance = await _read_back(provider, answer.instance_id, context)
    billed = instance.usd_per_hour if instance else answer.usd_per_hour
    if billed is not None and billed != context.journal.state.instances[intent.mark].usd_per_hour:
        await context.journal.commit(billing.billed_at(intent.mark, billed))
    began = instance.created_at if instance else None
    if began is not None and abs(began - intent.begun_at) >= _BILLING_UNIT:
        await context.journal.commit(billing.billing_began(intent.mark, began))
    record = context.journal.state.instances[intent.mark]
    detail = f"{provider.name} {answer.instance_id} at {format_rate(record.usd_per_hour)}"
    if intent.specification.offer_id != create.offer.id:
        detail += f" (offer {intent.specification.offer_id}: the planned one was taken)"
    if instance is None:
        detail += "; not read back yet"
    elif instance.label != intent.mark:
        detail += "; WARNING: the provider did not keep its mark"
    context.show(create.slot, "placed", now, detail=detail, usd_per_hour=record.usd_per_hour)
    if record.usd_per_hour > intent.ceiling_usd_per_hour:
        return _too_dear(create, record, intent)
    outcome = SlotOutcome(create.slot, "create", True, detail, mark=intent.mark)
    return Bought(outcome, record)


def _too_dear(create: Create, record: InstanceRecord, intent: PendingCreate) -> Bought:
    detail = (
        f"billed {format_rate(record.usd_per_hour)}, "
        f"above the approved {format_rate(intent.ceiling_usd_per_hour)}: destroyed at once"
    )
    outcome = SlotOutcome(create.slot, "create", False, detail, ExitCode.PARTIAL)
    return Bought(outcome, record, Destroy(record, DestroyReason.OVERPRICED, detail))


async def _read_back(
    provider: Provider, instance_id: str, context: ExecutionContext
) -> Instance | None:
    """The new machine as the provider shows it; None when it does not show it yet."""
    for attempt in range(_READ_BACK_TRIES):
        if attempt:
            await context.interruption.sleep(context.clock, _READ_BACK_PAUSE_SECONDS)
        read = await context.read(provider, instance_id)
        if read.instance is not None:
            return read.instance
    return None
