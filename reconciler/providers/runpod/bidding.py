"""What GraphQL's answer to a bid means: it has no problem documents, and errors inside a 200."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.errors import CreateOutcomeUnknown, CreateRefused, InsufficientCapacity
from reconciler.providers.base import Created
from reconciler.providers.runpod.api import graph_answer
from reconciler.providers.runpod.wire import POD_ID

if TYPE_CHECKING:
    from reconciler.providers.runpod.api import ApiAnswer

_SOLD_OUT = re.compile(r"no longer any instances available", re.IGNORECASE)
_NOT_RUN = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"})


def bid_placed(provider: str, answer: ApiAnswer) -> Created:
    """The id first, as for every create (C1.4).

    Only the words that people report for "sold out", and the codes of a question that was never
    carried out, say that nothing was made; null without a word does not.
    """
    pod_id = _pod_id_in(answer.value)
    told = graph_answer(answer)
    if pod_id is not None and told.data is not None:
        return Created(pod_id, None)
    if pod_id is not None:
        what = f"the bid was answered with {told.status} ({told.message}) and made pod {pod_id}"
        raise CreateOutcomeUnknown(provider, what, instance_id=pod_id)
    if answer.status in (200, 400) and told.has_errors and not _mentions_a_pod(answer.value):
        if _SOLD_OUT.search(told.message):
            raise InsufficientCapacity(provider, f"it cannot be placed: {told.message}")
        if told.codes and told.codes <= _NOT_RUN:
            raise CreateRefused(provider, f"the bid is refused: {told.message}")
    raise CreateOutcomeUnknown(provider, f"the bid was answered with {told.status}: {told.message}")


def _pod_id_in(value: object) -> str | None:
    match value:
        case {"data": {"podRentInterruptable": {"id": str(found)}}} if POD_ID.fullmatch(found):
            return found
    return None


def _mentions_a_pod(value: object) -> bool:
    """Whether something stands where the pod would."""
    match value:
        case {"data": {"podRentInterruptable": found}}:
            return found is not None
        case {"data": data}:
            return bool(data)
    return False
