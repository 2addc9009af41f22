"""The one listing of all pods, and every way in which it may miss one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.providers.runpod.pods import as_instance, is_gone
from reconciler.providers.runpod.wire import PodRow, shape_or_none

if TYPE_CHECKING:
    from reconciler.model.instance import Instance

# A page of a listing that has none today.
_MORE = ("next", "nextToken", "nextPageToken", "nextCursor", "next_token", "cursor", "hasMore")


def read_listing(provider: str, value: dict[str, Any]) -> tuple[tuple[Instance, ...], str]:
    """The machines, each once, and why some may be missing: "" when the listing is whole.

    Nothing in their answer tells how many rows there should be, and there are no pages: an answer
    that names a next one is not what it was, and not whole. Raises ValueError where there is
    no list at all.
    """
    rows = value.get("pods")
    if not isinstance(rows, list):
        raise ValueError("it holds no list of pods")
    read = [shape_or_none(PodRow, raw) for raw in rows]
    unread = sum(row is None for row in read)
    latest = {row.id: row for row in read if row is not None}
    found = tuple(as_instance(provider, row) for row in latest.values() if not is_gone(row))
    if unread:
        return found, f"{unread} row(s) could not be read"
    return found, "it says that more follow" if any(value.get(name) for name in _MORE) else ""
