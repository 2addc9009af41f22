"""A plan as a document for other programs: everything that its text shows, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reconciler import __version__
from reconciler.model.action_document import (
    AdoptAction,
    AnnounceAction,
    CreateAction,
    DestroyAction,
    DifferenceDocument,
    ForgetAction,
    InstanceDocument,
    KeepAction,
    MachineDocument,
    OfferDocument,
    RateAction,
    ReplaceAction,
    SpecificationDocument,
    SshDocument,
    UnknownAction,
    UpdateAction,
)
from reconciler.model.plan_document import (
    BalanceRow,
    BudgetRow,
    CountsDocument,
    FindingDocument,
    FleetRow,
    HoursRow,
    MoneyDocument,
    OriginDocument,
    PlanDocument,
    ProposalRow,
    RequestDocument,
    StrangerDocument,
)
from reconciler.model.published import Published, ascii_json
from reconciler.reporting.plan_entries import plan_entries
from reconciler.reporting.plan_text import closing_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.action_document import Action
    from reconciler.model.address import Slot
    from reconciler.model.instance import Instance
    from reconciler.model.plan import (
        Create,
        Destroy,
        Finding,
        FleetSummary,
        LeaseChange,
        Plan,
        PlanRequest,
        Stranger,
    )
    from reconciler.model.record import InstanceRecord, Specification
    from reconciler.model.saved_plan import PlanOrigin

Kind = TypeVar("Kind", bound=Published)


def plan_document(plan: Plan, origin: PlanOrigin | None = None) -> PlanDocument:
    """``plan`` as a document; ``origin`` for one that is saved. Equal plans give equal ones."""
    return PlanDocument(
        tool_version=__version__,
        workspace=plan.workspace,
        made_at=plan.now,
        applicable=not plan.blocked,
        has_changes=plan.has_changes,
        request=_request(plan.request),
        origin=None if origin is None else _origin(origin),
        fleets=tuple(_fleet(one) for one in plan.fleets),
        actions=tuple(plan_actions(plan)),
        strangers=tuple(_stranger(one) for one in plan.strangers),
        sighted=plan.sighted,
        became_ready=plan.became_ready,
        findings=tuple(finding_document(one) for one in plan.findings),
        counts=plan_counts(plan),
        money=plan_money(plan),
        budgets=tuple(_same(BudgetRow, one) for one in plan.budgets),
        balances=tuple(_same(BalanceRow, one) for one in plan.balances),
        proposals=tuple(_same(ProposalRow, one, address=str(one.slot)) for one in plan.proposals),
        next_step=closing_step(plan) if origin is None else _saved_step(plan),
    )


def _fleet(fleet: FleetSummary) -> FleetRow:
    hours = None if fleet.hours is None else _same(HoursRow, fleet.hours)
    return _same(FleetRow, fleet, hours=hours)


def _saved_step(plan: Plan) -> str:
    if plan.blocked or not plan.has_changes:
        return closing_step(plan)
    return "Run gpu-shopper apply with this file to carry out exactly this."


def plan_json(document: PlanDocument) -> str:
    """The document as text, the same bytes for the same plan, plain ASCII."""
    return ascii_json(document.model_dump(mode="json"), indent=2)


def plan_actions(plan: Plan) -> Iterator[Action]:
    """One for each action; a replacement is one, and an adopted machine is not kept as well."""
    gone = {entry.record.mark: entry for entry in plan.destroys}
    replaced = {create.predecessor for create in plan.creates} & set(gone)
    adopted = {entry.record.mark for entry in plan.adopts}
    for create in plan.creates:
        yield _created(create, gone.get(create.predecessor))
    yield from (_destroy(one) for one in plan.destroys if one.record.mark not in replaced)
    for adopt in plan.adopts:
        yield AdoptAction(
            **_on(adopt.slot), machine=_machine(adopt.record), instance=_instance(adopt.instance)
        )
    for keep in plan.keeps:
        if keep.record.mark not in adopted:
            yield KeepAction(**_on(keep.slot), detail=keep.detail, machine=_machine(keep.record))
    for announce in plan.announces:
        machine = _machine(announce.record)
        yield _same(AnnounceAction, announce, **_on(announce.slot), machine=machine)
    yield from (_same(UnknownAction, doubt, **_on(doubt.slot)) for doubt in plan.doubts)
    yield from (_same(ForgetAction, forget, **_on(forget.slot)) for forget in plan.forgets)
    for change in plan.rate_changes:
        yield _same(RateAction, change, **_on(change.slot), machine=_machine(change.record))
    yield from (_update(change) for change in plan.lease_changes)


def finding_document(finding: Finding) -> FindingDocument:
    """What the reader must know, its exit code in words beside the number."""
    code = finding.code
    return FindingDocument(
        message=finding.message,
        exit_code=None if code is None else int(code),
        exit_word=None if code is None else code.word,
        blocks=finding.blocks,
        fix=finding.fix,
    )


def plan_counts(plan: Plan) -> CountsDocument:
    """The numbers of the text's third line from the end, and those beside it."""
    signs = [entry.sign for entry in plan_entries(plan)]
    return CountsDocument(
        create=len(plan.creates),
        destroy=len(plan.destroys),
        update=signs.count("~"),
        keep=signs.count("."),
        unknown=signs.count("?"),
        adopt=signs.count("<="),
        forget=signs.count("x"),
        announce=signs.count("!"),
    )


def plan_money(plan: Plan) -> MoneyDocument:
    """What it costs, and who enforces that."""
    return _same(MoneyDocument, plan)


def _same(kind: type[Kind], value: object, **others: Any) -> Kind:
    """A document with the fields that ``value`` has under the same names, and ``others``."""
    shared = {
        name: getattr(value, name)
        for name in kind.model_fields
        if name not in others and hasattr(value, name)
    }
    return kind(**shared, **others)


def _on(slot: Slot) -> dict[str, Any]:
    return {"address": str(slot), "fleet": slot.fleet, "index": slot.index}


def _request(request: PlanRequest) -> RequestDocument:
    # A choice that is not saved would be lost between the review and the apply.
    assert set(request.__dataclass_fields__) == set(RequestDocument.model_fields)
    return _same(
        RequestDocument,
        request,
        targets=tuple(str(target) for target in request.targets),
        renew=tuple(sorted(request.renew)),
        excludes=tuple(str(address) for address in request.excludes),
        replace=tuple(str(slot) for slot in request.replace),
    )


def _origin(origin: PlanOrigin) -> OriginDocument:
    return _same(OriginDocument, origin, accounts=dict(sorted(origin.accounts.items())))


def _created(create: Create, replaced: Destroy | None) -> CreateAction | ReplaceAction:
    action = _same(
        CreateAction,
        create,
        **_on(create.slot),
        offer=_same(OfferDocument, create.offer),
        specification=_specification(create.specification),
        other_offers=max(0, len(create.ranked) - 1),
    )
    if replaced is None:
        return action
    return ReplaceAction(
        **_on(create.slot),
        sign="+/-" if create.succeeds else "-/+",
        reason=replaced.reason,
        destroy=_destroy(replaced),
        create=action,
    )


def _destroy(destroy: Destroy) -> DestroyAction:
    differences = tuple(_same(DifferenceDocument, one) for one in destroy.differences)
    machine = _machine(destroy.record)
    return _same(
        DestroyAction, destroy, **_on(destroy.slot), differences=differences, machine=machine
    )


def _update(change: LeaseChange) -> UpdateAction:
    return _same(UpdateAction, change, address=f"fleet.{change.fleet}")


def _machine(record: InstanceRecord) -> MachineDocument:
    bought = record.specification
    ordered = None if bought is None else _specification(bought)
    return _same(MachineDocument, record, specification=ordered)


def _specification(specification: Specification) -> SpecificationDocument:
    names = tuple(sorted(specification.env))
    return _same(SpecificationDocument, specification, env_names=names)


def _instance(instance: Instance) -> InstanceDocument:
    ssh = None if instance.ssh is None else _same(SshDocument, instance.ssh)
    return _same(InstanceDocument, instance, status=instance.status.value, ssh=ssh)


def _stranger(stranger: Stranger) -> StrangerDocument:
    return _same(StrangerDocument, stranger, instance=_instance(stranger.instance))
