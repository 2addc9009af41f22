"""The market's machines as RunPod's pods: in REST v2's words, and in GraphQL's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.market.faces.runpod_catalog import SECURE, cloud_of
from reconciler.market.faces.runpod_names import display_name, gpu_id, pod_id
from reconciler.market.units import usd
from reconciler.model.value import dataclass

if TYPE_CHECKING:
    from reconciler.market.faces.runpod_catalog import Catalog
    from reconciler.market.faults import Fault
    from reconciler.market.machine import Machine

GB = 2**30
# A pod runs before anybody knows under which port it is reached.
PORTS_KNOWN_AFTER = timedelta(seconds=2)
_STATUSES = {
    "placed": "PROVISIONING",
    "created": "STARTING",
    "booting": "STARTING",
    "running": "RUNNING",
    "stopped": "EXITED",
    "failed": "ERROR",
    "exited": "EXITED",
}
_ACTIONS = {
    "RUNNING": ["stop", "restart", "terminate"],
    "EXITED": ["start", "terminate"],
    "ERROR": ["start", "terminate"],
}


@dataclass(frozen=True, slots=True)
class Pod:
    """One machine as it is shown at ``when``, with what its order said."""

    machine: Machine
    when: datetime
    catalog: Catalog
    note: Mapping[str, Any]
    fault: Fault

    @property
    def id(self) -> str:
        return pod_id(self.machine.id)

    @property
    def name(self) -> str:
        return "" if self.fault.drop_labels else self.machine.label or ""

    @property
    def status(self) -> str:
        """There is no word for a pod that is being terminated: it keeps the last one."""
        if self.fault.status is not None:
            return _STATUSES.get(self.fault.status, self.fault.status.upper())
        return _STATUSES[self.machine._replace(destroy_asked=None).status_at(self.when)]

    @property
    def gpu(self) -> str:
        return gpu_id(self.machine.gpu)

    @property
    def env(self) -> dict[str, str]:
        return dict(self.note.get("env", {}))

    @property
    def cost(self) -> float:
        """Without the disk, which is on the bill all the same."""
        idle = self.status in ("EXITED", "TERMINATED")
        return 0.0 if idle else float(usd(self.machine.gpu_microusd))

    @property
    def ssh_port(self) -> int | None:
        """Where its port 22 is reached, as soon as that is known."""
        known_at = self.machine.running_at + PORTS_KNOWN_AFTER
        asked = "22/tcp" in self.note.get("ports", [])
        running = self.status == "RUNNING" and self.when >= known_at
        return self.machine.ssh_port if asked and running else None

    @property
    def ports(self) -> dict[int, int]:
        """The TCP ports that were asked for, and where each is reached."""
        first = self.ssh_port
        if first is None:
            return {}
        asked = (one.partition("/") for one in self.note.get("ports", []))
        others = [int(number) for number, _, kind in asked if kind == "tcp" and number != "22"]
        return {22: first, **{inside: first + 1 + at for at, inside in enumerate(others)}}

    @property
    def uptime_seconds(self) -> int:
        return max(0, int((self.when - self.machine.running_at).total_seconds()))


def pod_of(
    machine: Machine, when: datetime, catalog: Catalog, note: str | None, fault: Fault
) -> Pod:
    return Pod(machine, when, catalog, json.loads(note or "{}"), fault)


def rest_row(pod: Pod) -> dict[str, Any]:
    """As ``GET /v2/pods`` shows it."""
    machine, offer = pod.machine, pod.catalog.offer(pod.machine.offer_id)
    started = pod.when >= machine.running_at
    return {
        "id": pod.id,
        "name": pod.name,
        "image": machine.image or "",
        "args": pod.note.get("args", ""),
        "disk": machine.disk_bytes // GB,
        "ports": pod.note.get("ports", []),
        "env": pod.env,
        "registry": None,
        "status": pod.status,
        "actions": _ACTIONS.get(pod.status, ["stop", "terminate"]),
        "mounts": {},
        "gpu": {"id": pod.gpu, "count": machine.gpu_count},
        "cloud": cloud_of(offer) if offer else SECURE,
        "dataCenterId": pod.catalog.center(offer) if offer else None,
        "cudaVersion": offer.cuda if offer else None,
        "ssh": _ssh(pod),
        "template": None,
        "cost": pod.cost,
        "locked": False,
        "globalNetworking": {"enabled": False},
        "runtime": _runtime(pod),
        "createdAt": _written(machine.created_at),
        "startedAt": _written(machine.running_at) if started else None,
    }


def _ssh(pod: Pod) -> dict[str, Any]:
    machine = pod.machine
    user = f"{pod.id}-64411eb2"
    proxy = _endpoint("ssh.runpod.io", 22, user, f"ssh {user}@ssh.runpod.io")
    if pod.ssh_port is None:
        return {"proxy": proxy, "direct": None}
    command = f"ssh root@{machine.ssh_host} -p {pod.ssh_port}"
    direct = _endpoint(machine.ssh_host, pod.ssh_port, "root", command)
    return {"proxy": proxy, "direct": direct}


def _endpoint(host: str, port: int, user: str, command: str) -> dict[str, Any]:
    return {"host": host, "port": port, "username": user, "command": command}


def _runtime(pod: Pod) -> dict[str, Any] | None:
    if pod.status != "RUNNING":
        return None
    ports = [
        {"private": inside, "public": outside, "type": "tcp", "ip": pod.machine.ssh_host}
        for inside, outside in pod.ports.items()
    ]
    return {"uptime": pod.uptime_seconds, "ports": ports}


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def graphql_row(pod: Pod) -> dict[str, Any]:
    """Everything that GraphQL tells of a pod: it knows fewer states, and environments as text."""
    machine, offer = pod.machine, pod.catalog.offer(pod.machine.offer_id)
    status = pod.status
    early = status in ("PROVISIONING", "STARTING", "ERROR")
    spot = bool(offer.spot) if offer else False
    return {
        "id": pod.id,
        "name": pod.name,
        "imageName": machine.image or "",
        "containerDiskInGb": machine.disk_bytes // GB,
        "volumeInGb": 0,
        "volumeMountPath": "/workspace",
        "costPerHr": pod.cost,
        "desiredStatus": "RUNNING" if early else status,
        "dockerArgs": pod.note.get("args", ""),
        "dockerId": None,
        "env": [f"{name}={value}" for name, value in pod.env.items()],
        "gpuCount": machine.gpu_count,
        "lastStatusChange": f"Rented by User: {machine.created_at:%a %b %d %Y %H:%M:%S} GMT",
        "machineId": machine.capacity_key,
        "machine": {"gpuDisplayName": display_name(pod.gpu), "podHostId": f"{pod.id}-64411eb2"},
        "memoryInGb": _gigabytes(offer.memory_bytes) if offer else None,
        "vcpuCount": offer.vcpus if offer else None,
        "podType": "INTERRUPTABLE" if spot else "RESERVED",
        "port": None,
        "ports": ",".join(pod.note.get("ports", [])),
        "uptimeSeconds": pod.uptime_seconds if status == "RUNNING" else 0,
        "runtime": _graphql_runtime(pod),
    }


def _graphql_runtime(pod: Pod) -> dict[str, Any] | None:
    if pod.status != "RUNNING":
        return None
    ports = []
    if pod.ssh_port is not None:
        mapped = {"privatePort": 22, "publicPort": pod.ssh_port, "type": "tcp"}
        ports = [{**mapped, "ip": pod.machine.ssh_host, "isIpPublic": True}]
    return {"uptimeInSeconds": pod.uptime_seconds, "ports": ports}


def _gigabytes(size: int | None) -> int | None:
    return None if size is None else size // GB
