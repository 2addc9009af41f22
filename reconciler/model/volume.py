"""Storage that a provider keeps and bills apart from any machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume of the account. ``used_by``: the machines it is mounted on, by id; billed with
    none as well; None where it is on some and nobody says which. What a provider does not say is
    None. Texts are as they came.
    """

    provider: str
    id: str
    size_bytes: int | None
    usd_per_hour: Decimal | None
    used_by: tuple[str, ...] | None = ()
    status_text: str = ""
