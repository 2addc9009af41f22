"""A plan that was saved, and what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.plan import Plan


@dataclass(frozen=True, slots=True)
class PlanOrigin:
    """``lineage`` and ``serial`` are None where there was no state. ``documents_digest`` changes
    with the documents' meaning. ``accounts``: by provider, for those that could be read.
    """

    lineage: str | None
    serial: int | None
    documents_digest: str
    accounts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """``plan`` as it can be read back: it selects what is done, and orders nothing by itself.

    No values of environments are in it, and of each create's offers only the chosen one.
    """

    plan: Plan
    origin: PlanOrigin
