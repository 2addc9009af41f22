"""Runs a verb inside an event loop, and hears signals for it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, TypeVar

import anyio

from reconciler.cli.closed_output import say
from reconciler.execution.interruption import Interruption
from reconciler.model.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskStatus

Result = TypeVar("Result")
_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


async def until_signalled(verb: Callable[[Interruption], Awaitable[Result]]) -> Result:
    """What ``verb`` returns. The first SIGINT or SIGTERM asks it to stop, a second one cancels it:
    ``SystemExit`` then.
    """
    interruption = Interruption()
    async with anyio.create_task_group() as tasks:
        await tasks.start(_listen, interruption, tasks.cancel_scope)
        result = await verb(interruption)
        tasks.cancel_scope.cancel()
        return result
    raise SystemExit(int(interruption.code or ExitCode.INTERRUPTED))


async def _listen(
    interruption: Interruption,
    scope: anyio.CancelScope,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    with anyio.open_signal_receiver(*_CODES) as signals:
        task_status.started()  # before the verb begins, so that no early signal is missed
        async for received in signals:
            if interruption.requested:
                interruption.leave()
                scope.cancel()
                return
            interruption.request(_CODES[received])
            say("Stopping: finishing what is in flight and saving. Once more: leave at once.")
