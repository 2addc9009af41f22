"""Notices to a webhook: one JSON event by POST, in the shape of CloudEvents 1.0.

Telling somebody must never stop a destroy: a notice that cannot be delivered is a result, not an
error.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.model.webhook_url import parse_webhook_url

if TYPE_CHECKING:
    from reconciler.model.notice import Notice

EVENT_TYPE = "gpu-shopper.notice"
_CONTENT_TYPE = "application/cloudevents+json"
_ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What became of one notice.

    ``target`` is scheme and host only, since the rest of a URL may be a secret. ``status`` is
    that of the answer, None without one. ``reason`` says why it was not delivered, escaped.
    """

    delivered: bool
    target: str
    status: int | None = None
    reason: str = ""


async def send_notice(
    settings_url: str, notice: Notice, *, deadline_seconds: float = 10
) -> DeliveryResult:
    """Deliver ``notice`` to ``settings_url`` (references resolved already), once.

    Delivered means answered with 200 to 299. Never raises for a failed delivery. Sending the same
    notice again gives the receiver the same event id.
    """
    from reconciler.transport.http_session import PostFailed, post_json

    target = _target(settings_url)
    try:
        status = await post_json(
            settings_url,
            event_bytes(notice),
            content_type=_CONTENT_TYPE,
            deadline_seconds=deadline_seconds,
        )
    except PostFailed as error:
        return DeliveryResult(False, target, reason=printable(error.what, 200))
    if 200 <= status < 300:
        return DeliveryResult(True, target, status)
    return DeliveryResult(False, target, status, f"{target} answered {status}{_meaning(status)}")


def event_bytes(notice: Notice) -> bytes:
    """The body that is sent: sorted ASCII JSON, money as text, times in ISO 8601."""
    data = {
        "kind": notice.kind.value,
        "workspace": notice.workspace,
        "slot": None if notice.slot is None else str(notice.slot),
        "reason": None if notice.reason is None else notice.reason.value,
        "message": notice.message,
        "usd_so_far": None if notice.usd_so_far is None else f"{notice.usd_so_far:f}",
        "ends_at": None if notice.ends_at is None else notice.ends_at.isoformat(),
        "keep_command": notice.keep_command,
    }
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode("ascii")).hexdigest()
    event = {
        "specversion": "1.0",
        "type": EVENT_TYPE,
        "id": digest[:_ID_DIGITS],
        "source": f"urn:gpu-shopper:workspace:{notice.workspace}",
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(event, sort_keys=True).encode("ascii")


def _target(url: str) -> str:
    try:
        return parse_webhook_url(url).origin
    except ValueError:
        return "the webhook"


def _meaning(status: int) -> str:
    return " (redirects are not followed)" if 300 <= status < 400 else ""
