"""A notice for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.cost import format_usd
from reconciler.reporting.wording import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.notice import Notice


def notice_lines(notice: Notice) -> Iterator[str]:
    """What happens, when, what it has cost, and the one command that keeps the machine."""
    when = f" It ends {utc(notice.ends_at)}." if notice.ends_at else ""
    cost = f" {format_usd(notice.usd_so_far)} so far." if notice.usd_so_far is not None else ""
    yield f"Notice: {notice.message}.{when}{cost}"
    if notice.keep_command:
        yield f"  keep it: {notice.keep_command}"
