"""What a rule of enforcement is: what it is told of one machine, and what it may say of it."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.model.plan import Difference, Mode
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.fleet import Fleet
    from reconciler.model.instance import Instance
    from reconciler.model.plan import PlanRequest
    from reconciler.model.reason import DestroyReason
    from reconciler.model.record import InstanceRecord, LeaseRecord


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is the same for all machines of one fleet that end at the same moment.

    ``fleet`` is None when the documents declare none of that name; ``documents`` is False when
    they could not be read at all. ``lease`` is the one in force once the plan is carried out.
    """

    fleet: Fleet | None
    documents: bool
    lease: LeaseRecord | None
    ends_at: datetime
    request: PlanRequest
    now: datetime
    fitting: set[object] = field(default_factory=set)
    """Kinds of machine that were found to be as declared: most of a fleet are bought alike. Fleets
    that ask for the same share it.
    """
    asked: dict[tuple[bool, bool], tuple[EnforcementRule, ...]] = field(default_factory=dict)
    """The rules that may find something here, by whether a machine runs and whether it fits."""
    budgeted: bool = True
    """False where no budget ends any machine."""

    @property
    def in_loop(self) -> bool:
        return self.request.mode is Mode.LOOP


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the rules may look at for one machine."""

    record: InstanceRecord
    instance: Instance | None
    given: Circumstances
    successor: InstanceRecord | None = None
    """The machine that takes this one's place, alive beside it (``create_before_destroy``)."""
    successor_ready: bool = False
    """True when that one was seen ready now and no rule wants it gone."""
    predecessor: InstanceRecord | None = None
    """The machine whose place this one takes, still alive."""
    predecessor_stands: bool = False
    """True when that one was seen now, ready and ours beyond doubt, and no rule wants it gone."""
    over_budget: str = ""
    """Why a budget in force ends it; empty where none does."""
    over_new_budget: str = ""
    """Why one of the documents would, which is not applied yet."""

    @property
    def shares_slot(self) -> bool:
        return self.successor is not None or self.predecessor is not None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule found."""

    reason: DestroyReason
    detail: str
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class EnforcementRule:
    """One row of the table. ``finds`` returns None when the rule has nothing to say.

    ``replaces``: the slot is to be filled again; ``serves_nobody``: without waiting for a
    successor, whatever `create_before_destroy` says. ``completes``: it ends what an approved plan
    began, so the fuse has counted it already. ``of_fleets`` looks at the fleet, its lease and the
    request alone: whether it finds something is the same for all machines of a fleet with one end.
    ``of_pairs`` has nothing to say about a machine that shares its slot with no other,
    ``of_stopped`` nothing about one that runs, ``of_misfits`` nothing about one that runs and is of
    a kind that fits. Where ``idle`` is true it finds nothing in any.
    """

    name: str
    because: str
    finds: Callable[[Situation], Verdict | None]
    soft_in_loop: bool = False
    outranks_protection: bool = False
    replaces: bool = False
    serves_nobody: bool = False
    completes: bool = False
    of_fleets: bool = False
    of_pairs: bool = False
    of_stopped: bool = False
    of_misfits: bool = False
    idle: Callable[[Circumstances], bool] | None = None
