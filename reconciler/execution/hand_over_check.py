"""Looks into a machine that its provider calls running: can one log in, and is it what was sold?

Only a plain contradiction, seen twice, is a lie: of the driver's word with what was sold, or of the
server's host key with the one of the first contact, which makes the second one the second time.
Whatever else stands in the way is tried again until the limit of its stage, because a machine's SSH
server and its driver may come up minutes after its provider says "running".
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.errors import ProviderError
from reconciler.model.instance import is_from_documentation
from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.planning.gpu_check import (
    QUESTION,
    contradiction,
    has_nvidias_driver,
    read_answer,
    shown,
)
from reconciler.reporting.ssh_text import key_alias

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.execution.context import ExecutionContext
    from reconciler.model.gpu_reading import GpuReading
    from reconciler.model.instance import Instance, SshEndpoint
    from reconciler.model.progress import Stage
    from reconciler.model.record import InstanceRecord
    from reconciler.transport.ssh_login import Login

LIMITS: dict[Stage, timedelta] = {
    "placed": timedelta(minutes=15),
    "created": timedelta(minutes=20),
    "ssh": timedelta(minutes=10),
    "gpu check": timedelta(minutes=5),
}
"""The longest that a machine may stay in one stage; in any other as long as `ready.timeout`."""


@dataclass(frozen=True, slots=True)
class Fit:
    """It can be handed over. ``detail`` says what was seen, or why nothing was; safe to print."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unfit:
    """A probe was made, and it failed for good. ``lied``: it is not what was sold, or
    ``other_key``, not the server of the first contact.
    """

    why: str
    lied: bool = False
    other_key: bool = False


class HandOverCheck:
    """One machine's way through the stages."""

    def __init__(self, record: InstanceRecord, context: ExecutionContext) -> None:
        self._record = record
        self._context = context
        self._rules = context.ready_rules(record.fleet)
        sold = record.specification
        self._driver_tells = sold is None or has_nvidias_driver(sold)
        self._deadline = context.clock.elapsed_seconds() + self._rules.timeout.total_seconds()
        self._begun: dict[Stage, float] = {}
        self._contradicted = ""
        self._seen_at = record.created_at
        self.unseen_since: datetime | None = None
        """The last look that showed it, where the latest of all did not."""
        self.stage: Stage = "waiting"
        self.trouble = ""
        """Why the last probe failed; "" where none was made or it was good."""

    def enter(self, stage: Stage) -> None:
        """The machine is in ``stage`` now; the first time counts."""
        self.stage = stage
        self._begun.setdefault(stage, self._context.clock.elapsed_seconds())

    def looked(self, at: datetime, instance: Instance | None) -> None:
        """A look that began then showed it so; None: it did not show it."""
        if instance is not None:
            self._seen_at = at
        self.unseen_since = self._seen_at if instance is None else None

    @property
    def is_late(self) -> bool:
        """Its stage has lasted as long as it may, or all of them together."""
        now = self._context.clock.elapsed_seconds()
        limit = LIMITS.get(self.stage, self._rules.timeout).total_seconds()
        return now >= self._deadline or now >= self._begun.get(self.stage, now) + limit

    @property
    def limit(self) -> timedelta:
        """The one that a machine which is late has passed."""
        return min(self._rules.timeout, LIMITS.get(self.stage, self._rules.timeout))

    @property
    def was_contradicted(self) -> bool:
        """The last look found something else than was sold, for the first time."""
        return bool(self._contradicted)

    async def look(self, instance: Instance) -> Fit | Unfit | None:
        """One try at a machine that its provider calls ready; None: try again later."""
        provider = self._context.providers[self._record.provider]
        if provider.capabilities.ssh_answers:
            if not self._rules.ssh or instance.ssh is None:
                return Fit()
            self._enter_behind("ssh")
            if provider.capabilities.rehearsal and is_from_documentation(instance.ssh.host):
                return Fit("not looked into: a rehearsal, and nothing answers at this address")
            found = await self._by_login(instance, instance.ssh)
        elif self._rules.gpu_check:
            self.enter("gpu check")
            try:
                found = self._judged(await provider.gpus_inside(instance.id))
            except ProviderError as error:
                self.trouble = error.what
                found = None
        else:
            return Fit()
        if found is None and self.trouble and self.is_late:
            return Unfit(f"{self.stage}: {self.trouble}")
        return found

    def _enter_behind(self, stage: Stage) -> None:
        """Who has come as far as the GPU check does not go back."""
        self.enter("gpu check" if "gpu check" in self._begun else stage)

    async def _by_login(self, instance: Instance, endpoint: SshEndpoint) -> Fit | Unfit | None:
        alias = key_alias(self._record.provider, instance.id, endpoint.host)
        command = QUESTION if self._rules.gpu_check and self._driver_tells else "true"
        try:
            login = await self._context.log_in(self._record.fleet, endpoint, alias, command)
        except ValueError as error:
            return Unfit(str(error))
        match login.end:
            case "no-client":
                return Fit(f"not looked into: {login.why}")
            case "other-key":
                return Unfit(login.why, lied=True, other_key=True)
            case "refused" if not self._context.has_own_key(self._record.fleet):
                return Fit("an SSH server answers; not looked into: no key of the workspace")
            case "done":
                return self._inside(login)
        self.trouble = login.why
        return None

    def _inside(self, login: Login) -> Fit | Unfit | None:
        if not self._rules.gpu_check:
            return Fit()
        if not self._driver_tells:
            return Fit("its GPUs are not looked at: only NVIDIA's driver can be asked")
        self.enter("gpu check")
        try:
            reading = read_answer(login.answer)
        except ValueError as error:
            self.trouble = str(error)
            return None
        if login.code != 0:
            self.trouble = f"nvidia-smi ended with {login.code}"
            return None
        return self._judged(reading)

    def _judged(self, reading: GpuReading | None) -> Fit | Unfit | None:
        """What is said once may be a driver that is still coming up."""
        self.trouble = ""
        sold = self._record.specification
        if reading is None or sold is None:
            return Fit()
        why = contradiction(sold, reading)
        if not why:
            return Fit(shown(reading))
        before, self._contradicted = self._contradicted, why
        self.trouble = printable(why, 200)
        return Unfit(self.trouble, lied=True) if before == why else None
