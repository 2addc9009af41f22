"""Answers of Vast.ai in their published shape; every value is invented."""

from __future__ import annotations

import copy
import json
from typing import Any

from reconciler.transport.json_text import read_json

OFFER: dict[str, Any] = {
    "id": 30412345, "ask_contract_id": 30412345, "bundle_id": 90111222, "machine_id": 41234,
    "host_id": 5678, "gpu_name": "RTX 4090", "num_gpus": 1, "gpu_frac": 0.25, "gpu_ram": 24564,
    "gpu_total_ram": 24564, "cuda_max_good": 12.8, "cpu_cores": 64, "cpu_cores_effective": 16.0,
    "cpu_ram": 257000, "disk_space": 812.5, "inet_down": 812.3, "dph_base": 0.31,
    "dph_total": 0.3116666, "min_bid": 0.12, "storage_cost": 0.15, "storage_total_cost": 0.0016666,
    "reliability": 0.9912, "reliability2": 0.9912, "verification": "verified", "rentable": True,
    "rented": False, "is_bid": False, "hosting_type": 0, "external": None,
    "geolocation": "Texas, US", "duration": 5184000.0, "score": 310.2,
}  # fmt: skip
INSTANCE: dict[str, Any] = {
    "id": 12345678, "label": "gs1-train-0-k3v9", "actual_status": "running",
    "intended_status": "running", "cur_state": "running", "next_state": "running",
    "status_msg": "success, running image/ssh", "machine_id": 41234, "is_bid": False,
    "gpu_name": "RTX 4090", "num_gpus": 1, "gpu_ram": 24564, "dph_base": 0.31,
    "dph_total": 0.3225, "storage_total_cost": 0.0125,
    "instance": {"gpuCostPerHour": 0.31, "diskHour": 0.0125, "totalHour": 0.3225},
    "start_date": 1790000000.12, "end_date": 1799000000.0, "ssh_host": "ssh5.vast.ai",
    "ssh_port": 12344, "public_ipaddr": "203.0.113.10 ",
    "ports": {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "41022"}]},
    "image_runtype": "ssh ssh_direc ssh_proxy", "geolocation": "Texas, US",
    "extra_env": [["GPU_SHOPPER_NODE", "gs1-train-0-k3v9"], ["-p 8000:8000", "1"]],
}  # fmt: skip


def as_received(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """``row`` with ``changes``, as it comes out of a JSON text; ``...`` takes a field away."""
    made = {**copy.deepcopy(row), **changes}
    kept = {name: value for name, value in made.items() if value is not ...}
    value = read_json(json.dumps(kept))
    assert isinstance(value, dict)
    return value
