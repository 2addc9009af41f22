"""Lambda's file systems: storage in one region that is billed until somebody deletes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.text import printable
from reconciler.model.volume import Volume

if TYPE_CHECKING:
    from reconciler.providers.lambda_cloud.wire import FileSystem


def as_volume(provider: str, row: FileSystem) -> Volume:
    """They say how much of it is used, not what it costs; that machines have it, not which."""
    region = row.region.get("name") if isinstance(row.region, dict) else None
    return Volume(
        provider,
        row.id,
        None if row.bytes_used is None else int(row.bytes_used),
        None,
        () if row.is_in_use is False else None,
        printable(" ".join(one for one in (row.name, region) if isinstance(one, str)), 60),
    )
