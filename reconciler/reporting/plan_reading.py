"""From a plan's document back to the plan, to be shown again and to select what is done.

The text of the plan that comes back is the text of the plan that was written. What documents leave
out is not in it: values of environments, offers beside the chosen one, instances of kept machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.model.action_document import (
    AdoptAction,
    AnnounceAction,
    CreateAction,
    DestroyAction,
    ForgetAction,
    KeepAction,
    RateAction,
    ReplaceAction,
    UnknownAction,
    UpdateAction,
)
from reconciler.model.address import Slot, parse_address
from reconciler.model.balance import BalanceSummary
from reconciler.model.budget import BudgetSummary
from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.offer import Offer
from reconciler.model.office_windows import HoursSummary
from reconciler.model.plan import (
    Adopt,
    Announce,
    Create,
    Destroy,
    Difference,
    Doubt,
    Finding,
    FleetSummary,
    Forget,
    Keep,
    LeaseChange,
    Plan,
    PlanRequest,
    RateChange,
    Stranger,
)
from reconciler.model.plan_document import PlanDocument
from reconciler.model.proposal import SwapProposal
from reconciler.model.record import InstanceRecord, Specification
from reconciler.model.saved_plan import PlanOrigin, SavedPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.action_document import (
        InstanceDocument,
        MachineDocument,
        SpecificationDocument,
    )
    from reconciler.model.plan_document import (
        FindingDocument,
        FleetRow,
        OriginDocument,
        RequestDocument,
        StrangerDocument,
    )

Kind = TypeVar("Kind")
_HIDDEN = ""
"""What stands for each value of an environment, which no document holds."""


def saved_plan(document: PlanDocument) -> SavedPlan:
    """The saved plan in ``document``. Raises ValueError where the parts do not fit together."""
    if document.origin is None:
        raise ValueError("it does not say what it was made from")
    if document.applicable == any(finding.blocks for finding in document.findings):
        raise ValueError("what it says about being applicable contradicts its findings")
    return SavedPlan(plan_of(document), _origin(document.origin))


def plan_of(document: PlanDocument) -> Plan:
    """The plan in ``document``. Raises ValueError for an address or a code that is none."""
    parts = _parts(document)
    money = document.money
    return Plan(
        workspace=document.workspace,
        now=document.made_at,
        request=_request(document.request),
        creates=tuple(_of(Create, parts)),
        destroys=tuple(sorted(_of(Destroy, parts), key=lambda one: (one.slot, one.record.mark))),
        adopts=tuple(_of(Adopt, parts)),
        forgets=tuple(_of(Forget, parts)),
        doubts=tuple(_of(Doubt, parts)),
        announces=tuple(_of(Announce, parts)),
        keeps=tuple(_of(Keep, parts)),
        sighted=document.sighted,
        became_ready=document.became_ready,
        rate_changes=tuple(_of(RateChange, parts)),
        lease_changes=tuple(_of(LeaseChange, parts)),
        strangers=tuple(_stranger(one) for one in document.strangers),
        fleets=tuple(_fleet(one) for one in document.fleets),
        findings=tuple(_finding(one) for one in document.findings),
        rate_before=money.rate_before,
        rate_after=money.rate_after,
        worst_case_usd=money.worst_case_usd,
        worst_case_until=money.worst_case_until,
        enforced_by=money.enforced_by,
        budgets=tuple(BudgetSummary(**_fields(one, "left_usd")) for one in document.budgets),
        balances=tuple(
            BalanceSummary(**_fields(one, "left_usd", "short_usd")) for one in document.balances
        ),
        proposals=tuple(
            SwapProposal(slot=_parsed_slot(one.address), **_fields(one, "address", "command"))
            for one in document.proposals
        ),
    )


def _fleet(row: FleetRow) -> FleetSummary:
    hours = None if row.hours is None else HoursSummary(**_fields(row.hours))
    return FleetSummary(**_fields(row, "hours"), hours=hours)


def _parts(document: PlanDocument) -> list[object]:
    return [part for action in document.actions for part in _actions(action)]


def _of(kind: type[Kind], parts: Iterable[object]) -> list[Kind]:
    return [part for part in parts if isinstance(part, kind)]


def _actions(action: object) -> Iterator[object]:
    """What one action of the document is in the plan: a replacement is two."""
    match action:
        case CreateAction():
            yield _create(action)
        case DestroyAction():
            yield _destroy(action)
        case ReplaceAction():
            yield _create(action.create)
            yield _destroy(action.destroy)
        case AdoptAction():
            yield Adopt(_record(action.machine, _slot(action)), _instance(action.instance))
        case ForgetAction():
            yield Forget(slot=_slot(action), **_fields(action, *_ON_SLOT))
        case UnknownAction():
            yield Doubt(slot=_slot(action), **_fields(action, *_ON_SLOT))
        case AnnounceAction():
            rest = _fields(action, "machine", *_ON_SLOT)
            yield Announce(record=_record(action.machine, _slot(action)), **rest)
        case KeepAction():
            yield Keep(_record(action.machine, _slot(action)), None, action.detail)
        case RateAction():
            yield RateChange(
                _record(action.machine, _slot(action)), action.usd_per_hour, action.since
            )
        case UpdateAction():
            yield LeaseChange(**_fields(action, "action", "sign", "address"))
        case _:
            raise AssertionError(f"a {type(action).__name__} is not read")


_ON_SLOT = ("action", "sign", "address", "fleet", "index")


def _fields(document: object, *but: str) -> dict[str, Any]:
    """Each field as it is, nested documents included."""
    names = type(document).model_fields  # type: ignore[attr-defined]
    return {name: getattr(document, name) for name in names if name not in but}


def _slot(action: Any) -> Slot:
    slot = Slot(action.fleet, action.index)
    if action.address != str(slot):
        raise ValueError("an address contradicts its fleet and number")
    return slot


def _request(request: RequestDocument) -> PlanRequest:
    changed = {
        "targets": tuple(parse_address(text) for text in request.targets),
        "renew": frozenset(request.renew),
        "excludes": tuple(parse_address(text) for text in request.excludes),
        "replace": tuple(_parsed_slot(text) for text in request.replace),
    }
    return PlanRequest(**{**_fields(request), **changed})


def _parsed_slot(text: str) -> Slot:
    address = parse_address(text)
    if address.index is None:
        raise ValueError("a machine to be replaced is named without its number")
    return Slot(address.fleet, address.index)


def _origin(origin: OriginDocument) -> PlanOrigin:
    return PlanOrigin(**_fields(origin))


def _create(action: CreateAction) -> Create:
    offer = Offer(**_fields(action.offer))
    return Create(
        slot=_slot(action),
        offer=offer,
        specification=_specification(action.specification),
        ranked=(offer,),
        **_fields(action, "offer", "specification", "other_offers", *_ON_SLOT),
    )


def _destroy(action: DestroyAction) -> Destroy:
    return Destroy(
        record=_record(action.machine, _slot(action)),
        differences=tuple(
            Difference(**_fields(one, "forces_replacement")) for one in action.differences
        ),
        **_fields(action, "machine", "differences", *_ON_SLOT),
    )


def _record(machine: MachineDocument, slot: Slot) -> InstanceRecord:
    bought = machine.specification
    return InstanceRecord(
        fleet=slot.fleet,
        index=slot.index,
        specification=None if bought is None else _specification(bought),
        **_fields(machine, "specification"),
    )


def _specification(specification: SpecificationDocument) -> Specification:
    env = dict.fromkeys(specification.env_names, _HIDDEN)
    return Specification(**_fields(specification, "env_names"), env=env)


def _instance(instance: InstanceDocument) -> Instance:
    ssh = None if instance.ssh is None else SshEndpoint(**_fields(instance.ssh))
    status = InstanceStatus(instance.status)
    return Instance(**{**_fields(instance), "ssh": ssh, "status": status})


def _stranger(stranger: StrangerDocument) -> Stranger:
    return Stranger(stranger.kind, _instance(stranger.instance), stranger.end)


def _finding(finding: FindingDocument) -> Finding:
    code = None if finding.exit_code is None else ExitCode(finding.exit_code)
    return Finding(finding.message, code, finding.blocks, finding.fix)
