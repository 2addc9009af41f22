"""What a launch sends, and which orders are refused before anything is sent."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from reconciler.providers.cloud_init import (
    ENVIRONMENT_FILE,
    SETUP_FILE,
    environment_text,
    setup_text,
    why_env_refused,
)
from reconciler.providers.lambda_cloud.instances import CREATED_FORMAT, CREATED_TAG, MARK_TAG
from reconciler.providers.lambda_cloud.offers import type_and_region

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.providers.base import CreateRequest

USER_DATA_BYTES_MAX = 1_000_000
_IMAGE_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_IMAGE_FAMILY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def why_refused(request: CreateRequest) -> str:
    """Why their API could not carry out ``request``; "" when it can. Repeats no value."""
    if request.vm_image is not None and not _IMAGE_FAMILY.fullmatch(request.vm_image):
        return "a VM image is the name of a family or the id of an image"
    refused = why_env_refused(request.env)
    if not refused and len(user_data_of(request, ())) > USER_DATA_BYTES_MAX:
        return f"env and setup may hold {USER_DATA_BYTES_MAX:,} characters together"
    return refused


def order_of(
    request: CreateRequest, key_name: str, other_keys: tuple[str, ...], now: datetime
) -> dict[str, Any]:
    """The body of the launch: one instance, because `quantity` is no more.

    ``key_name`` is a registered key; exactly one has to be named, ``other_keys`` come in by
    cloud-init. The mark is the name, which people change, and a tag, which nobody can.
    """
    kind, region = type_and_region(request.offer.id)
    order: dict[str, Any] = {
        "region_name": region,
        "instance_type_name": kind,
        "ssh_key_names": [key_name],
        "name": request.mark,
        "tags": [
            {"key": MARK_TAG, "value": request.mark},
            {"key": CREATED_TAG, "value": now.strftime(CREATED_FORMAT)},
        ],
        "user_data": user_data_of(request, other_keys),
    }
    if request.vm_image is not None:
        named = "id" if _IMAGE_ID.fullmatch(request.vm_image) else "family"
        order["image"] = {named: request.vm_image}
    return order


def user_data_of(request: CreateRequest, other_keys: tuple[str, ...]) -> str:
    """cloud-init reads YAML, and JSON is YAML: nothing in a value can leave its place."""
    files: list[dict[str, Any]] = [
        {
            "path": ENVIRONMENT_FILE,
            "append": True,
            "content": environment_text(request.env, request.mark),
        }
    ]
    config: dict[str, Any] = {"write_files": files}
    if other_keys:
        config["ssh_authorized_keys"] = list(other_keys)
    if request.setup:
        files.append(
            {
                "path": SETUP_FILE,
                "permissions": "0700",
                "content": setup_text(request.env, request.mark, request.setup),
            }
        )
        config["runcmd"] = [["sh", SETUP_FILE]]
    return f"#cloud-config\n{json.dumps(config)}\n"
