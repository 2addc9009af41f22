"""Which process this is, and whether another one is surely dead.

A pid alone says little: it is used again. The boot and the start time tell two processes with
one pid apart (RELIABILITY.md, bad input 60).
"""

from __future__ import annotations

import hashlib
import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.pins import HostPin
from reconciler.model.text import printable
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

_MACHINE_ID = Path("/etc/machine-id")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_START_FIELD = 19  # of /proc/PID/stat, counted after the name, which may hold spaces
_ZOMBIE = b"Z"  # killed, and only its parent has not noticed


_RUNS = {
    "GITHUB_RUN_ID": ("github", "GITHUB_REPOSITORY"),
    "CI_JOB_ID": ("gitlab", "CI_PROJECT_PATH"),
    "BUILDKITE_BUILD_ID": ("buildkite", "BUILDKITE_PIPELINE_SLUG"),
    "CIRCLE_WORKFLOW_ID": ("circleci", "CIRCLE_PROJECT_REPONAME"),
    "BUILD_TAG": ("jenkins", "JOB_NAME"),
}
_RUN_LENGTH = 100


class Life(Enum):
    """What can be said of a process from here."""

    DEAD = "dead"
    ALIVE = "alive"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """``boot_id`` and ``started`` are empty where the system does not tell."""

    host: str
    pid: int
    boot_id: str
    started: str


def this_process() -> ProcessIdentity:
    """The process that asks."""
    pid = os.getpid()
    return ProcessIdentity(_host_name(), pid, this_boot(), _started(pid))


def this_host() -> HostPin:
    """The host, the same after a restart. Where it has no machine id (most containers), its name
    is all there is: give such a container a name, or the machine id of its host.
    """
    name = _host_name()
    try:
        machine = _MACHINE_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        machine = ""
    # The id itself is not to be shown to others (machine-id(5)), so a digest of it is kept.
    source = f"machine:{machine}" if machine else f"name:{name}"
    return HostPin.model_construct(id=hashlib.sha256(source.encode()).hexdigest()[:32], name=name)


def _host_name() -> str:
    """As ``socket.gethostname``, without what that module brings along."""
    return os.uname().nodename


def user_name() -> str:
    """The name of the user, or the number where there is no name (a bare container)."""
    import getpass  # whoever changes something is named

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def ci_run(environ: Mapping[str, str]) -> str | None:
    """Which CI run this is, from the names that the usual systems set; None outside of them."""
    for variable, (system, project) in _RUNS.items():
        if environ.get(variable):
            named = f"{system} {environ.get(project, '')} {environ[variable]}"
            return printable(" ".join(named.split()), _RUN_LENGTH)
    return None


def life_of(other: ProcessIdentity) -> Life:
    """DEAD only on proof: this host, and another boot, no such pid, or another start time."""
    here = this_process()
    if other.host != here.host or other.pid <= 0:
        return Life.UNKNOWN
    if other.boot_id != here.boot_id:
        return Life.DEAD if other.boot_id and here.boot_id else Life.UNKNOWN
    if not _exists(other.pid):
        return Life.DEAD
    started = _started(other.pid)
    if not started or not other.started:
        return Life.UNKNOWN
    return Life.ALIVE if started == other.started else Life.DEAD


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return _process_fields(pid)[:1] != [_ZOMBIE]


def this_boot() -> str:
    """The id of this boot; empty where the system does not tell it."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _started(pid: int) -> str:
    """Clock ticks from boot to the start of ``pid``."""
    fields = _process_fields(pid)
    return fields[_START_FIELD].decode("ascii") if len(fields) > _START_FIELD else ""


def _process_fields(pid: int) -> list[bytes]:
    """What the kernel tells of ``pid`` after its name; empty where it tells nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []
