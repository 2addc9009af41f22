"""Answers of TensorDock in the shapes that were seen; every value is invented."""

from __future__ import annotations

import copy
import json
from typing import Any

from reconciler.transport.json_text import read_json

V0 = "geforcertx4090-pcie-24gb"
HOST: dict[str, Any] = {
    "id": "11111111-2222-4333-8444-555555555555", "location_id": "loc-1", "engine": "kvm",
    "uptime_percentage": 99.4,
    "available_resources": {
        "gpus": [{"v0Name": V0, "availableCount": 2, "price_per_hr": 0.41}],
        "vcpu_count": 64, "ram_gb": 256, "storage_gb": 4000, "max_vcpus_per_gpu": 16,
        "max_ram_per_gpu": 64, "max_vcpus": 32, "max_ram_gb": 128, "max_storage_gb": 2000,
        "available_ports": [20013, 20012], "has_public_ip_available": True,
    },
    "pricing": {"per_vcpu_hr": 0.003, "per_gb_ram_hr": 0.002, "per_gb_storage_hr": 0.00005},
    "location": {
        "uuid": "loc-1", "city": "Joplin", "stateprovince": "Missouri", "country": "United States",
        "tier": 3, "organization": "x",
    },
}  # fmt: skip
ID = "0fb9b44c-0000-4000-8000-0123456789ab"
INSTANCE: dict[str, Any] = {
    "type": "virtualmachine", "id": ID, "name": "gs1-train-0-k3v9", "status": "running",
    "ipAddress": "203.0.113.71", "portForwards": [{"internal_port": 22, "external_port": 20456}],
    "resources": {
        "vcpu_count": 8, "ram_gb": 32, "storage_gb": 100,
        "gpus": {V0: {"count": 1, "v0Name": V0}},
    },
    "rateHourly": 0.4466,
}  # fmt: skip
SHORT = {"type": "VM", "id": ID, "attributes": {"name": "gs1-train-0-k3v9", "status": "running"}}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICN+lJwsONkwrdsSnQsu1ydUkIuIg5oOC+Eslvmtt60T"
SECRETS = {
    "data": {
        "secrets": [
            {"type": "secret", "id": "s1", "attributes": {"name": "t", "secret_type": "GENERIC"}},
            {
                "type": "secret",
                "id": "s2",
                "attributes": {"name": "k", "secret_type": "SSHKEY", "value": f"{KEY} me@laptop"},
            },
        ]
    }
}


def as_received(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """``row`` with ``changes``, as it comes out of a JSON text; ``...`` takes a field away."""
    made = {**copy.deepcopy(row), **changes}
    value = read_json(json.dumps({name: one for name, one in made.items() if one is not ...}))
    assert isinstance(value, dict)
    return value


def error(text: str, status: int | None = None) -> dict[str, Any]:
    """``status``: as it stands in the body of a 200."""
    return {"error": text} if status is None else {"status": status, "error": text}
