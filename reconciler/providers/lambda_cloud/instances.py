"""Lambda's instance rows as machines: status words, rates, marks and addresses."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import ValidationError

from reconciler.model.instance import Instance, InstanceStatus, SshEndpoint
from reconciler.model.mark import parse_mark
from reconciler.model.text import printable
from reconciler.providers.lambda_cloud.offers import model_of, usd_of
from reconciler.providers.lambda_cloud.wire import InstanceRow, InstanceType, Region
from reconciler.providers.shapes import Wire

MARK_TAG = "gs-node"
"""The second place of our mark: tags are written at the launch and never changed after it."""
CREATED_TAG = "gs-created"
CREATED_FORMAT = "%Y%m%dt%H%M%Sz"
"""Instances have no date of their own."""
SSH_USER = "ubuntu"
SSH_PORT = 22
# "unhealthy" may pass, and whoever works on such a machine still does: it is not "failed".
_WORDS = {
    "booting": InstanceStatus.BOOTING,
    "active": InstanceStatus.RUNNING,
    "unhealthy": InstanceStatus.UNKNOWN,
    "terminating": InstanceStatus.DESTROYING,
}
_ENDED = ("terminated", "preempted")
Shape = TypeVar("Shape", bound=Wire)


def has_ended(row: InstanceRow) -> bool:
    """Their word that it is no more, and no longer billed."""
    return row.status in _ENDED


def as_instance(provider: str, row: InstanceRow) -> Instance:
    """Every row has a meaning: what nobody knows is billed and unknown."""
    kind = _read(InstanceType, row.instance_type)
    region = _read(Region, row.region)
    word = row.status if isinstance(row.status, str) else None
    status = _WORDS.get(word or "", InstanceStatus.UNKNOWN)
    model = model_of(kind) if kind else None
    return Instance(
        provider=provider,
        id=row.id,
        label=_mark_text(row),
        status=status,
        status_text=printable(str(row.status), 40),
        usd_per_hour=usd_of(kind) if kind else None,
        gpu=model.name if model else None,
        gpu_count=kind.specs.gpus if kind else None,
        region=region.name if region else None,
        ssh=_ssh(row) if status is InstanceStatus.RUNNING else None,
        created_at=_moment(row.tags.get(CREATED_TAG)),
    )


def _read(shape: type[Shape], value: object) -> Shape | None:
    try:
        return shape.model_validate(value)
    except ValidationError:
        return None


def _mark_text(row: InstanceRow) -> str | None:
    """The name; our tag where somebody renamed the machine."""
    if parse_mark(row.name) is not None:
        return row.name
    kept = row.tags.get(MARK_TAG)
    return kept if parse_mark(kept) is not None else row.name


def _ssh(row: InstanceRow) -> SshEndpoint | None:
    text = (row.ip or "").strip()
    try:
        host = str(ipaddress.ip_address(text)) if "%" not in text else ""
    except ValueError:
        return None
    return SshEndpoint(host, SSH_PORT, SSH_USER) if host else None


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text or "", CREATED_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
