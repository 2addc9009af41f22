"""Puts the budgets into a decision: those in force, and what they end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan import Mode
from reconciler.planning.budget_freeze import kept_leases
from reconciler.planning.budget_walls import over_budget
from reconciler.planning.budgets import budget_views, budgets_after_apply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.budget import BudgetRecord
    from reconciler.planning.budgets import BudgetView
    from reconciler.planning.scene import Scene


def with_budgets(scene: Scene, *, renewed: bool) -> Scene:
    """``scene`` with the budgets in force: those of the documents where they are applied by this
    plan (``renewed``), else those that were applied last. Others of the documents only warn.
    """
    recorded, desired = scene.recorded, scene.desired
    declared = budgets_after_apply(desired, recorded) if desired is not None else {}
    in_force = declared if renewed else recorded.budgets
    views = _views(in_force.values(), scene)
    if renewed:
        kept, frozen = kept_leases(views, scene)
        if kept:
            scene = replace(scene, leases={**scene.leases, **kept}, frozen=frozen)
            views = _views(in_force.values(), scene)
    if scene.request.only_record or scene.request.from_state:
        return replace(scene, budgets=views)
    ended = over_budget(views, scene.observed, scene.tick)
    warned: dict[str, str] = {}
    new: list[BudgetView] = []
    if scene.request.mode is Mode.LOOP and declared != recorded.budgets:
        new = _views(declared.values(), scene)
        found = over_budget(new, scene.observed, scene.tick)
        warned = {mark: why for mark, why in found.items() if mark not in ended}
    return replace(scene, budgets=views, over_budget=ended, over_new_budget=warned, new_budgets=new)


def _views(records: Iterable[BudgetRecord], scene: Scene) -> list[BudgetView]:
    return budget_views(records, scene.recorded, scene.leases, scene.observed, scene.now)
