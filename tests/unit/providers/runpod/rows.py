"""Answers of RunPod in their published shape; every value is invented."""

from __future__ import annotations

import copy
import json
from typing import Any

from reconciler.transport.json_text import read_json

MARK = "gs1-0123456789-train-0-tg3qio0-abcdefgh"
GPU: dict[str, Any] = {
    "id": "NVIDIA GeForce RTX 4090", "name": "RTX 4090", "pool": "ADA_24",
    "manufacturer": "NVIDIA", "memory": 24, "secure": True, "community": True,
    "price": {"secure": 0.69, "community": 0.34, "serverless": 1.1},
    "maxCount": {"secure": 8, "community": 4}, "availability": "HIGH",
    "dataCenters": [
        {"id": "US-KS-2", "name": "US Kansas 2", "availability": "HIGH"},
        {"id": "EUR-IS-1", "name": "Iceland 1", "availability": "LOW"},
        {"id": "EU-RO-1", "name": "Romania 1", "availability": "NONE"},
    ],
    "cudaVersions": [
        {"version": "12.11", "available": True}, {"version": "12.8", "available": True},
    ],
}  # fmt: skip
POD: dict[str, Any] = {
    "id": "7h9k2m4n6p", "name": MARK, "image": "runpod/pytorch:1.0.2-cu1281-torch280-ubuntu2404",
    "args": "", "disk": 50, "ports": ["22/tcp"], "env": {"GPU_SHOPPER_NODE": MARK, "A": "b"},
    "registry": None, "status": "RUNNING", "actions": ["stop", "restart", "terminate"],
    "mounts": {}, "gpu": {"id": "NVIDIA GeForce RTX 4090", "count": 1}, "cloud": "SECURE",
    "dataCenterId": "US-KS-2", "cudaVersion": "12.8",
    "ssh": {
        "proxy": {
            "host": "ssh.runpod.io", "port": 22, "username": "7h9k2m4n6p-64411eb2",
            "command": "ssh 7h9k2m4n6p-64411eb2@ssh.runpod.io",
        },
        "direct": {
            "host": "203.0.113.10", "port": 34446, "username": "root",
            "command": "ssh root@203.0.113.10 -p 34446",
        },
    },
    "template": None, "cost": 0.69, "locked": False, "globalNetworking": {"enabled": False},
    "runtime": {
        "uptime": 3600,
        "ports": [{"private": 22, "public": 34446, "type": "tcp", "ip": "203.0.113.10"}],
    },
    "createdAt": "2026-06-01T12:00:00Z", "startedAt": "2026-06-01T12:02:00Z",
}  # fmt: skip


def as_received(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """``row`` with ``changes``, as it comes out of a JSON text; ``...`` takes a field away."""
    made = {**copy.deepcopy(row), **changes}
    kept = {name: value for name, value in made.items() if value is not ...}
    value = read_json(json.dumps(kept))
    assert isinstance(value, dict)
    return value
