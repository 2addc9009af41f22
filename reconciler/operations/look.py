"""One look at the world and the plan that follows from it. Changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.inventory.observe import list_everything, observe_instances
from reconciler.inventory.offers import collect_offers, query_of
from reconciler.model.decision import DecisionInputs
from reconciler.model.errors import StateError, UnsafePlan, UsageRefused
from reconciler.model.observation import NOTHING_OBSERVED, Complete, Unknown
from reconciler.model.offer import EMPTY_OFFER_BOOK
from reconciler.model.plan import Mode
from reconciler.model.provider_types import SIMULATED
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.planning.clock_rule import judge_clocks
from reconciler.planning.planner import Assessment, assess, complete_plan
from reconciler.planning.state_edits import let_go_ended

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.inventory.observe import Listed
    from reconciler.model.balance import Balance
    from reconciler.model.clock_verdict import ClockVerdict
    from reconciler.model.observation import ObservedState, ProviderInventory
    from reconciler.model.plan import Plan, PlanRequest
    from reconciler.model.record import RecordedState
    from reconciler.operations.workspace import Workspace

_LOOP_WAITS = timedelta(seconds=10)
"""The longest that a pass of the loop waits to be told a balance."""
_LOOP_READS = timedelta(seconds=5)
"""And the longest that it asks for machines that no listing shows."""


@dataclass(frozen=True, slots=True)
class Look:
    """A plan and what it was made from. ``recorded`` is None where there is no state yet."""

    plan: Plan
    recorded: RecordedState | None
    observed: ObservedState
    inputs: DecisionInputs

    @property
    def accounts(self) -> dict[str, str]:
        """Account by provider, for those whose listing could be read."""
        return {
            name: inventory.account
            for name, inventory in self.observed.inventories.items()
            if not isinstance(inventory, Unknown)
        }


async def look(
    workspace: Workspace,
    request: PlanRequest,
    *,
    told: Listed | None = None,
    approved: Plan | None = None,
) -> Look:
    """Read the inventories, then the state, then offers if any slot lacks a machine; plan.

    ``told`` hears of each listing. With ``approved``, a saved plan, nothing else than what that
    holds is planned.
    Raises ``StateError`` when there is no state although machines of this workspace name live
    (SPEC.md section 12, 3), ``UsageRefused`` for targets that do not exist.
    """
    if request.from_state:
        return _look_at_state(workspace, request)
    inventories = await list_everything(workspace.providers, workspace.clock, told)
    recorded = workspace.read()
    verdict, moved = read_clocks(workspace, recorded)
    inventories = {name: later(one, moved) for name, one in inventories.items()}
    longest = _LOOP_READS if request.mode is Mode.LOOP else None
    observed = await observe_instances(workspace.providers, inventories, recorded, longest)
    observed = replace(observed, clock=verdict)
    now = workspace.clock.now()
    state = _as_of(now, recorded, workspace)
    _check_names(workspace, state, request)
    assessment = assess(workspace.desired, state, observed, now, request)
    if recorded is None:
        _refuse_lost_state(workspace, assessment)
        _refuse_half_a_look(workspace, assessment, observed)
    if approved is not None:
        from reconciler.planning.saved_plan import only_saved

        assessment = only_saved(assessment, approved)
    balances = await _balances(workspace, assessment)
    if balances:
        observed = replace(observed, balances=balances)
        assessment = assessment.with_balances(balances)
    offers = EMPTY_OFFER_BOOK
    shopping = [*assessment.buying, *assessment.watched]
    if shopping:
        # A saved plan is held against the prices of now (SPEC.md section 12, 10).
        query = query_of(shopping, fresh=approved is not None)
        kept = workspace.kept_offers
        offers = await collect_offers(workspace.providers, query, workspace.clock, kept)
    inputs = DecisionInputs(workspace.desired, state, observed, offers, now, request)
    return Look(complete_plan(assessment, offers), recorded, observed, inputs)


async def _balances(workspace: Workspace, assessment: Assessment) -> Mapping[str, Balance]:
    """What the accounts have, of which something has to be known: those whose documents want a
    balance to be kept, and of those that tell one where machines are or may be bought. Whoever
    could not be read, or shows another account, is not asked again.
    """
    scene = assessment.scene
    if scene.request.mode is Mode.DESTROY or scene.request.only_record:
        return {}
    providers = {
        name: one for name, one in workspace.providers.items() if name not in scene.unreadable
    }
    asked = {name for name in providers if _keeps_a_balance(workspace, name)}
    telling = {name for name, one in providers.items() if one.capabilities.has_balance} - asked
    if telling and not assessment.buying:
        telling &= {one.provider for one in scene.recorded.instances.values()}
    asked |= telling
    if not asked:
        return {}
    from reconciler.inventory.balances import read_balances  # the usual market tells none

    # A loop goes by them for a warning, and what it has to destroy waits for nobody.
    longest = _LOOP_WAITS if scene.request.mode is Mode.LOOP else timedelta.max
    return await read_balances(providers, sorted(asked), longest=longest)


def _keeps_a_balance(workspace: Workspace, provider: str) -> bool:
    settings = workspace.settings_of(provider)
    return settings is not None and settings.min_balance_usd is not None


def _look_at_state(workspace: Workspace, request: PlanRequest) -> Look:
    """What the state alone tells: no provider is asked, for machines or for offers."""
    recorded = workspace.read()
    verdict, _ = read_clocks(workspace, recorded)
    observed = replace(NOTHING_OBSERVED, clock=verdict)
    now = workspace.clock.now()
    state = _as_of(now, recorded, workspace)
    _check_names(workspace, state, request)
    inputs = DecisionInputs(workspace.desired, state, observed, EMPTY_OFFER_BOOK, now, request)
    assessment = assess(workspace.desired, state, observed, now, request)
    return Look(complete_plan(assessment), recorded, observed, inputs)


def read_clocks(
    workspace: Workspace, recorded: RecordedState | None
) -> tuple[ClockVerdict | None, timedelta]:
    """What time it is by the clock rule; the workspace goes by it from here on. Also by how much
    that moved its clock. None where a market's own clock holds.
    """
    readings = workspace.clock.readings()
    if readings is None:
        return None, timedelta(0)
    verdict = judge_clocks(readings, workspace.boot_id, recorded, trusted=workspace.trust_clock)
    return verdict, workspace.clock.settle(verdict.now)


def later(inventory: ProviderInventory, moved: timedelta) -> ProviderInventory:
    """What was asked for before it was known what time it is; ``moved``: the clock, by how much."""
    return replace(inventory, started_at=inventory.started_at + moved) if moved else inventory


def _as_of(now: datetime, recorded: RecordedState | None, workspace: Workspace) -> RecordedState:
    """What to plan from: what was let go and is over by now is ours once more."""
    return workspace.fresh_state() if recorded is None else let_go_ended(now)(recorded)


def _refuse_lost_state(workspace: Workspace, assessment: Assessment) -> None:
    ours = [one for one in assessment.classified.strangers if one.kind == "other-lineage"]
    if ours:
        raise StateError(
            f"there is no state at {workspace.backend.location}, but {len(ours)} machine(s) carry "
            f"the mark of workspace {workspace.name}",
            why="another state made them; buying again would pay twice",
            fix="bring that state back (gpu-shopper state history), or make a new one from the "
            "machines: gpu-shopper state rebuild; look at them first: gpu-shopper orphans",
        )


def _refuse_half_a_look(
    workspace: Workspace, assessment: Assessment, observed: ObservedState
) -> None:
    """Where a state was lost, its machines may be where nobody could look."""
    dark = sorted(
        name for name, one in observed.inventories.items() if not isinstance(one, Complete)
    )
    # A first version that was told and never saved was followed by no order.
    if assessment.buying and dark and (told := workspace.backend.find().told_serial) > 1:
        raise StateError(
            f"there is no state at {workspace.backend.location}, its audit trail tells of one up "
            f"to serial {told}, and {', '.join(dark)} could not be read in full",
            why="machines that it knew may run there; buying again would pay twice",
            fix="run it again when every provider answers, or bring that state back "
            "(gpu-shopper state history)",
        )


def _check_names(workspace: Workspace, state: RecordedState, request: PlanRequest) -> None:
    declared = set(workspace.desired.fleets) if workspace.desired else set()
    known = declared | {record.fleet for record in state.instances.values()}
    known |= set(state.leases) | {intent.fleet for intent in state.intents.values()}
    addresses = (*request.targets, *request.excludes)
    for name in sorted({address.fleet for address in addresses} | request.renew):
        if name not in known:
            listed = ", ".join(f"fleet.{one}" for one in sorted(known)[:10]) or "none"
            raise UsageRefused(f"there is no fleet.{name}", fix=f"known fleets: {listed}")
    for target in addresses:
        fleet = workspace.desired.fleets.get(target.fleet) if workspace.desired else None
        declared_slot = fleet is not None and (target.index or 0) < fleet.nodes.maximum
        recorded_slot = any(
            target.covers(record.fleet, record.index) for record in state.instances.values()
        )
        if target.index is not None and not declared_slot and not recorded_slot:
            raise UsageRefused(f"there is no {target}", fix="gpu-shopper status lists the slots")
    for slot in request.replace:
        mine = state.records_of(slot.fleet)
        if not any(record.slot == slot and record.doom is None for record in mine):
            raise UsageRefused(
                f"there is no machine in {slot} to replace",
                fix="gpu-shopper status lists the slots",
            )


def refuse_wrong_providers(workspace: Workspace, seen: Look) -> None:
    """Raise ``UnsafePlan`` for documents whose providers would leave machines to nobody, or twice
    to somebody. ``apply`` refuses; the loop goes on.
    """
    _refuse_forgotten_providers(workspace, seen.recorded)
    _refuse_shared_accounts(workspace, seen.accounts)


def _refuse_shared_accounts(workspace: Workspace, accounts: Mapping[str, str]) -> None:
    """Two names of one account would each take the other's machines for copies of its own, and
    caps and balances would count twice. Two simulated markets may well have like names.
    """
    settings = workspace.desired.providers if workspace.desired else {}
    names: dict[tuple[str, str], str] = {}
    for name in sorted(accounts):
        if name not in settings or settings[name].type == SIMULATED:
            continue
        first = names.setdefault((settings[name].type, accounts[name]), name)
        if first != name:
            raise UnsafePlan(
                f"providers.{first} and providers.{name} are one account",
                why=f"both keys belong to account {printable(accounts[name])}",
                fix="give each its own key (providers.NAME.key), or take one of them out",
            )


def _refuse_forgotten_providers(workspace: Workspace, recorded: RecordedState | None) -> None:
    """Raise ``UnsafePlan`` when machines live on a provider that the documents no longer name.

    ``apply`` refuses; the loop goes on with what the state remembers (SPEC.md section 12, 4).
    """
    if recorded is None or workspace.desired is None:
        return
    homes = Counter(record.provider for record in recorded.instances.values())
    homes.update(intent.provider for intent in recorded.intents.values() if intent.blocks_slot)
    homes.update(one.record.provider for one in recorded.let_go.values())
    for name in sorted(set(homes) - set(workspace.desired.providers)):
        count = homes[name]
        raise UnsafePlan(
            f"providers.{name} is gone from the documents, and {count} machine(s) live there",
            why="without it nobody could destroy them",
            fix=f"put providers.{name} back, destroy them first, then remove it",
        )
