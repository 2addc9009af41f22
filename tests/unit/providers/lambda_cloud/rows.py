"""Answers of Lambda in their published shape; every value is invented."""

from __future__ import annotations

import copy
import json
from typing import Any

from reconciler.transport.json_text import read_json

TYPE: dict[str, Any] = {
    "name": "gpu_1x_a10", "description": "1x A10 (24 GB PCIe)",
    "gpu_description": "A10 (24 GB PCIe)", "price_cents_per_hour": 75,
    "specs": {"vcpus": 30, "memory_gib": 200, "storage_gib": 1400, "gpus": 1},
}  # fmt: skip
ITEM: dict[str, Any] = {
    "instance_type": TYPE,
    "regions_with_capacity_available": [{"name": "us-west-1", "description": "California, USA"}],
}
ACTION = {"available": True}
INSTANCE: dict[str, Any] = {
    "id": "0920582c7ff041399e34823a0be62549", "name": "gs-fleet1-a1-7f3c9e",
    "ip": "198.51.100.2", "private_ip": "10.0.2.100", "status": "active",
    "ssh_key_names": ["gs-key"], "file_system_names": [],
    "region": {"name": "us-west-1", "description": "California, USA"}, "instance_type": TYPE,
    "hostname": "gs-a1", "jupyter_token": "t0k3n-t0k3n",
    "jupyter_url": "https://jupyter-x.lambdaspaces.com/?token=t0k3n-t0k3n",
    "actions": dict.fromkeys(("migrate", "rebuild", "restart", "cold_reboot", "terminate"), ACTION),
    "tags": [{"key": "gs-created", "value": "20260701t115900z"}], "firewall_rulesets": [],
}  # fmt: skip
ID = INSTANCE["id"]
OWNER = "fedcba9876543210fedcba9876543210"
EVENTS = {
    "data": [{"resource_owner_lrn": f"lrn:cloud:account:{OWNER}", "action": "created"}],
    "page_token": None,
}
KEY_LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICN+lJwsONkwrdsSnQsu1ydUkIuIg5oOC+Eslvmtt60T me"
KEYS = {"data": [{"id": "k1", "name": "laptop", "public_key": KEY_LINE}]}


def as_received(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """``row`` with ``changes``, as it comes out of a JSON text; ``...`` takes a field away."""
    made = {**copy.deepcopy(row), **changes}
    value = read_json(json.dumps({name: one for name, one in made.items() if one is not ...}))
    assert isinstance(value, dict)
    return value


def error(code: str, message: str = "said", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "suggestion": "try"}, **more}
