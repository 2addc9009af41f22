"""One action of a plan as a document, with the offers and machines that it is about.

Of an environment it holds the names alone: a value may be a secret.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from reconciler.model.offer import Ability
from reconciler.model.published import DecimalText, Moment, Published
from reconciler.model.reason import CreateReason, DestroyReason
from reconciler.model.record import AbsenceEvidence, Doom, LeaseRecord, Succession


class OfferDocument(Published):
    """One row of a provider's market, as it was when the plan was made."""

    provider: str
    id: str
    gpu: str
    gpu_count: int
    gpu_memory_bytes: int
    usd_per_hour: DecimalText
    disk_usd_per_gib_hour: DecimalText
    vcpus: int | None
    memory_bytes: int | None
    disk_bytes_max: int | None
    cuda: DecimalText | None
    region: str
    country: str | None
    host: str | None
    spot: bool
    reliability: DecimalText | None
    verified: bool | None
    hosting: Literal["datacenter", "community"] | None
    stock: int
    capacity_key: str
    rentable_for: timedelta | None
    """How long the machine could be rented from then, as an ISO 8601 duration; null: no limit."""
    lacks: Annotated[frozenset[Ability], PlainSerializer(sorted, return_type=list[Ability])]
    """What its provider could not do, in the order of the alphabet."""


class SpecificationDocument(Published):
    """What is, or was, ordered. ``env_names``: values are never shown."""

    offer_id: str
    capacity_key: str
    host: str | None
    gpu: str
    gpu_count: int
    gpu_memory_bytes: int
    vcpus: int | None
    memory_bytes: int | None
    disk_bytes: int
    cuda: DecimalText | None
    region: str
    country: str | None
    spot: bool
    image: str | None
    env_names: tuple[str, ...]


class MachineDocument(Published):
    """A machine on record. ``specification`` null: it was found by its mark, not bought."""

    provider: str
    instance_id: str
    mark: str
    specification: SpecificationDocument | None
    ceiling_usd_per_hour: DecimalText | None
    usd_per_hour: DecimalText
    created_at: Moment
    ready_at: Moment | None
    doom: Doom | None
    absence: AbsenceEvidence | None
    succeeds: Succession | None
    recycled: bool


class SshDocument(Published):
    """Where a person logs in."""

    host: str
    port: int
    user: str


class InstanceDocument(Published):
    """A machine as its provider describes it."""

    provider: str
    id: str
    label: str | None
    status: str
    status_text: str
    usd_per_hour: DecimalText | None
    gpu: str | None
    gpu_count: int | None
    region: str | None
    ssh: SshDocument | None
    created_at: Moment | None
    rate_since: Moment | None = None
    ports: tuple[tuple[int, int], ...] = ()


class DifferenceDocument(Published):
    """One attribute of a machine that the documents no longer allow."""

    attribute: str
    actual: str
    wanted: str
    forces_replacement: Literal[True] = True


class _OnSlot(Published):
    address: str
    """``fleet.train[0]``."""
    fleet: str
    index: int


class CreateAction(_OnSlot):
    """Buy one machine. ``other_offers``: how many more satisfy the same below the ceiling."""

    action: Literal["create"] = "create"
    sign: Literal["+"] = "+"
    reason: CreateReason
    offer: OfferDocument
    specification: SpecificationDocument
    usd_per_hour: DecimalText
    ceiling_usd_per_hour: DecimalText
    other_offers: int
    replaces: str | None
    """Mark of the machine that has to be gone first."""
    succeeds: Succession | None
    """The machine that goes once this one is ready (``create_before_destroy``)."""
    gang: int
    """How many creates of its fleet must succeed, or all are given back; 0: no such bond."""
    spread: bool
    """No other machine of its fleet may stand on its host."""
    after: tuple[str, ...]
    """Marks of more machines that have to be gone first."""


class DestroyAction(_OnSlot):
    """Give back one machine; ``again``: the next attempt at one that is doomed already.

    ``after_successor``: only once the create that succeeds it is ready. ``succeeded``: that one is
    ready.
    """

    action: Literal["destroy"] = "destroy"
    sign: Literal["-"] = "-"
    reason: DestroyReason
    detail: str
    soft: bool
    again: bool
    after_successor: bool
    succeeded: bool
    differences: tuple[DifferenceDocument, ...]
    machine: MachineDocument


class ReplaceAction(_OnSlot):
    """Destroy one machine and buy another for its slot, for the reason of the destroy.

    ``sign``: ``-/+`` where the old machine goes first, ``+/-`` where the new one has to be ready
    before.
    """

    action: Literal["replace"] = "replace"
    sign: Literal["-/+", "+/-"]
    reason: DestroyReason
    destroy: DestroyAction
    create: CreateAction


class AdoptAction(_OnSlot):
    """A machine found by its mark becomes a record."""

    action: Literal["adopt"] = "adopt"
    sign: Literal["<="] = "<="
    machine: MachineDocument
    instance: InstanceDocument


class ForgetAction(_OnSlot):
    """Something is dropped from the state: on proof, or because its watch is over.

    ``unexpected``: a live machine has gone, and not by us.
    """

    action: Literal["forget"] = "forget"
    sign: Literal["x"] = "x"
    what: Literal["record", "intent", "watch"]
    provider: str
    mark: str
    detail: str
    unexpected: bool


class UnknownAction(_OnSlot):
    """Unknown: the slot is blocked and counted as billed. ``worrying`` false: it only waits.
    ``recycled``: under its id another machine stands, or stood when it was last seen.
    """

    action: Literal["unknown"] = "unknown"
    sign: Literal["?"] = "?"
    provider: str
    mark: str
    detail: str
    usd_per_hour: DecimalText
    evidence: AbsenceEvidence | None
    worrying: bool
    recycled: bool


class AnnounceAction(_OnSlot):
    """A destroy is announced now and carried out by a later pass, not before ``due_at``."""

    action: Literal["announce"] = "announce"
    sign: Literal["!"] = "!"
    reason: DestroyReason
    due_at: Moment
    detail: str
    machine: MachineDocument


class KeepAction(_OnSlot):
    """Nothing is done to it."""

    action: Literal["keep"] = "keep"
    sign: Literal["."] = "."
    detail: str
    machine: MachineDocument


class RateAction(_OnSlot):
    """A machine is billed otherwise than what was recorded, and that is recorded."""

    action: Literal["rate"] = "rate"
    sign: Literal["~"] = "~"
    machine: MachineDocument
    usd_per_hour: DecimalText
    """What it is billed now."""
    since: Moment | None = None
    """Since when, where the provider says."""


class UpdateAction(Published):
    """What the state holds about a fleet changes; no machine is touched.

    ``what``: a line for each thing that changes; empty where none is worth a line.
    """

    action: Literal["update"] = "update"
    sign: Literal["~"] = "~"
    address: str
    fleet: str
    what: tuple[str, ...]
    before: LeaseRecord | None
    after: LeaseRecord | None


Action = Annotated[
    CreateAction
    | DestroyAction
    | ReplaceAction
    | AdoptAction
    | ForgetAction
    | UnknownAction
    | AnnounceAction
    | KeepAction
    | RateAction
    | UpdateAction,
    Field(discriminator="action"),
]
