"""The pages of a listing of machines, and every way in which it may miss one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reconciler.providers.vastai.instances import as_instance
from reconciler.providers.vastai.wire import InstancePage, InstanceRow, misfit

if TYPE_CHECKING:
    from reconciler.model.instance import Instance

PAGES_MAX = 100
"""RELIABILITY.md, "Default limits to ship"."""


class InstanceWalk:
    """Add pages while ``goes_on``. ``why``: what the listing may miss, "" when it is whole."""

    def __init__(self, provider: str) -> None:
        self.why = ""
        self.pages = 0
        self.token: str | None = None
        self.goes_on = True
        self._provider = provider
        self._tokens: set[str] = set()
        self._found: dict[str, Instance] = {}

    @property
    def instances(self) -> tuple[Instance, ...]:
        """By id, each once; where two rows have one id, what came later."""
        return tuple(self._found.values())

    def doubt(self, why: str) -> None:
        """Something is missing: the first reason is kept, and no further page is asked for."""
        self.why = self.why or why
        self.goes_on = False

    def add(self, value: dict[str, Any]) -> None:
        """One page. Raises nothing: what cannot be read is a doubt."""
        self.pages += 1
        try:
            page = InstancePage.model_validate(value)
        except ValidationError as error:
            self.doubt(f"page {self.pages}: {misfit(error)}")
            return
        unread = sum(not self._add_row(raw) for raw in page.instances)
        if unread:
            self.why = self.why or f"{unread} row(s) of page {self.pages} could not be read"
        if page.next_token is None:
            self._end(page.total_instances)
        elif not page.instances:
            self.doubt(f"page {self.pages} is empty and says that more follow")
        elif page.next_token in self._tokens:
            self.doubt("the pages go in a circle")
        elif self.pages >= PAGES_MAX:
            self.doubt(f"more than {PAGES_MAX} pages")
        else:
            self._tokens.add(page.next_token)
            self.token = page.next_token

    def _add_row(self, raw: object) -> bool:
        try:
            row = InstanceRow.model_validate(raw)
        except ValidationError:
            return False
        self._found[row.id] = as_instance(self._provider, row)
        return True

    def _end(self, total: int | None) -> None:
        self.goes_on = False
        if total is not None and total > len(self._found):
            self.doubt(f"{len(self._found)} of {total} machines were listed")
