"""How a machine is handed over: who may log in, and when it counts as ready."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from reconciler.model.value import dataclass

DEFAULT_READY_TIMEOUT = timedelta(minutes=30)
DEFAULT_READY_ATTEMPTS = 2
OnFail = Literal["replace", "destroy", "keep"]


@dataclass(frozen=True, slots=True)
class SshAccess:
    """``ssh`` of a fleet. ``public_keys`` are the user's own, as ``parse_public_key`` gives them.

    ``generate``: the workspace's own key may log in too; only with it can a machine be looked at
    from inside. ``user`` None: whoever the provider says.
    """

    user: str | None = None
    public_keys: tuple[str, ...] = ()
    generate: bool = True


@dataclass(frozen=True, slots=True)
class ReadyRules:
    """``ready`` of a fleet: what a new machine must show, how soon, and what if it does not.

    ``attempts`` counts the machines bought for one slot in one run.
    """

    timeout: timedelta = DEFAULT_READY_TIMEOUT
    ssh: bool = True
    gpu_check: bool = True
    on_fail: OnFail = "replace"
    attempts: int = DEFAULT_READY_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Boot:
    """What a fleet's machines boot and do beside ``image`` and ``env``.

    ``vm_image`` is an operating system, and excludes ``image``. ``setup`` is shell text that runs
    once. ``ports`` are TCP ports to be reachable beside the one of SSH, in rising order.
    """

    vm_image: str | None = None
    setup: str | None = None
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SshFiles:
    """Absolute paths: the private key that opens machines of a workspace, "" where there is none,
    and the file in which their host keys are recorded.
    """

    private_key: str = ""
    known_hosts: str = ""


NO_SSH_FILES = SshFiles()
DEFAULT_SSH = SshAccess()
DEFAULT_READY = ReadyRules()
DEFAULT_BOOT = Boot()
