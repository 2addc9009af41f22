"""The same fleets for Terraform: blocks of `terraform_data` with `count`, its fastest form."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

_GPUS = ("RTX4090", "RTX3090", "A100-80GB", "H100-SXM", "L40S", "A6000", "H200", "V100")
_REGIONS = ("us-east", "us-west", "eu-west", "eu-north", "ap-south", "ca-central")


def terraform() -> Path | None:
    """The command, where it is installed."""
    found = shutil.which("terraform")
    return Path(found) if found else None


def project(directory: Path, *, fleets: int, nodes_each: int, applied: bool) -> Path:
    """A project of ``fleets`` blocks, initialised; with the state of its apply if ``applied``.

    The state is written in Terraform's own format: applying 10 000 resources takes it minutes.
    """
    directory.mkdir(parents=True)
    blocks = [_block(number, nodes_each) for number in range(fleets)]
    text = 'terraform {\n  backend "local" {}\n}\n' + "".join(blocks)
    (directory / "main.tf").write_text(text, encoding="utf-8")
    subprocess.run(["terraform", "init"], cwd=directory, check=True, capture_output=True)
    if applied:
        state = _state([_resource(number, nodes_each) for number in range(fleets)])
        (directory / "terraform.tfstate").write_text(json.dumps(state), encoding="utf-8")
    return directory


def _input(fleet: int) -> dict[str, Any]:
    return {
        "provider": "vast",
        "gpu": _GPUS[fleet % len(_GPUS)],
        "gpu_count": 1 << fleet % 4,
        "region": _REGIONS[fleet % len(_REGIONS)],
        "image": "nvidia/cuda:12.4.1-devel-ubuntu22.04",
        "disk_gb": 40 + fleet % 200,
        "max_price_hour": (20 + fleet % 97) / 100,
        "ttl_hours": 1 + fleet % 72,
        "spot": fleet % 3 > 0,
        "team": f"team-{fleet % 20}",
        "ssh_key": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{fleet:043d}",
    }


def _block(fleet: int, nodes: int) -> str:
    lines = "".join(f"    {key} = {json.dumps(value)}\n" for key, value in _input(fleet).items())
    return (
        f'resource "terraform_data" "fleet_{fleet:04d}" {{\n  count = {nodes}\n  input = {{\n'
        f'    name = "gpu-${{count.index}}"\n{lines}  }}\n}}\n'
    )


def _state(resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": 1,
        "lineage": "00000000-0000-4000-8000-000000000000",
        "outputs": {},
        "resources": resources,
    }


def _resource(fleet: int, nodes: int) -> dict[str, Any]:
    return {
        "mode": "managed",
        "type": "terraform_data",
        "name": f"fleet_{fleet:04d}",
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [_instance(fleet, index) for index in range(nodes)],
    }


def _instance(fleet: int, index: int) -> dict[str, Any]:
    value = {**_input(fleet), "name": f"gpu-{index}"}
    kinds = {key: _kind(entry) for key, entry in sorted(value.items())}
    stored = {"value": value, "type": ["object", kinds]}
    attributes = {
        "id": f"{fleet:08d}-0000-4000-8000-{index:012d}",
        "input": stored,
        "output": stored,
        "triggers_replace": None,
    }
    return {
        "index_key": index,
        "schema_version": 0,
        "attributes": attributes,
        "sensitive_attributes": [],
    }


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else "string"
