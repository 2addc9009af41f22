"""Tells people: every notice goes to the log of this run and to each configured webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.documents.references import resolve_reference
from reconciler.model.errors import GpuShopperError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.fleet import NotifierSettings
    from reconciler.model.notice import Notice


class Notifier:
    """Delivers notices. Never raises: telling somebody must not stop a destroy.

    ``sent`` and ``failures`` grow; failures are one escaped line each, without any secret.
    """

    def __init__(
        self, settings: Mapping[str, NotifierSettings], environ: Mapping[str, str], root: Path
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._root = root
        self.sent: list[Notice] = []
        self.failures: list[str] = []

    async def send(self, notice: Notice) -> None:
        """To every webhook at once, each within its own deadline."""
        self.sent.append(notice)
        import anyio

        async with anyio.create_task_group() as tasks:
            for name in sorted(self._settings):
                tasks.start_soon(self._deliver, name, notice)

    async def _deliver(self, name: str, notice: Notice) -> None:
        from reconciler.telemetry.webhook import send_notice

        url = self._settings[name].url
        try:
            if "${" in url:
                url = resolve_reference(url, environ=self._environ, root=self._root)
        except GpuShopperError as error:
            self.failures.append(f"notifier {name}: {error.what}")
            return
        result = await send_notice(url, notice)
        if not result.delivered:
            self.failures.append(f"notifier {name}: {result.reason}")
