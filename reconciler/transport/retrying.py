"""How long to wait before a call is made again. Pure: chance and time are passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.value import dataclass
from reconciler.transport.http_dates import moment_of

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """``tries`` in all; pauses between them are drawn below ``base_seconds`` x 2 for each try.

    A pause is at least ``least_seconds`` and at least what the provider asks for, as long as that
    is not above ``longest_seconds``: then it is not worth waiting.
    """

    tries: int = 4
    base_seconds: float = 1.0
    least_seconds: float = 0.0
    longest_seconds: float = 60.0


NEVER_AGAIN = Patience(tries=1)


def pause_before_retry(
    patience: Patience, tried: int, chance: float, asked_seconds: float | None
) -> float | None:
    """Seconds before the next try after ``tried`` of them; None: give up.

    Full jitter: ``chance`` is drawn from 0 to 1 by the caller.
    """
    if tried >= patience.tries:
        return None
    if asked_seconds is not None and asked_seconds > patience.longest_seconds:
        return None
    roof = min(patience.longest_seconds, patience.base_seconds * float(2**tried))
    return max(chance * roof, patience.least_seconds, asked_seconds or 0.0)


def asked_pause(retry_after: str | None, now: datetime) -> float | None:
    """The seconds that a ``Retry-After`` header asks for; None where it says nothing usable."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    moment = moment_of(text)
    return None if moment is None else max(0.0, (moment - now).total_seconds())
