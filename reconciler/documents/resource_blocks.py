"""How many nodes, and what each must have: `nodes` and `resources`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from reconciler.documents.written_keys import Written, wrong_kind
from reconciler.documents.written_text import Text
from reconciler.documents.written_values import Disk, NumberRange, SizeRange
from reconciler.model.fleet import GpuRequirement
from reconciler.model.gpu_syntax import COUNT_MAX, gpu_requirement, split_gpu
from reconciler.model.quantity import ANYTHING, parse_range

NODES_MAX = 20_000
"""Declared nodes of one workspace (RELIABILITY.md, limits)."""


class Block(BaseModel):
    """A mapping of the documents: frozen, unknown keys refused, nothing converted silently.

    A class is built when it is first validated by itself, which is none but the root.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True
    )


class NodesBlock(Block):
    min: int = Field(ge=0, le=NODES_MAX, description="Fewer nodes than this is a failure (exit 7).")
    target: Written[int] = Field(
        None, ge=0, le=NODES_MAX, description="Nodes that are bought; default: `min`."
    )
    max: int = Field(ge=0, le=NODES_MAX, description="Nodes above this are scaled down.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if not self.min <= (self.min if self.target is None else self.target) <= self.max:
            raise ValueError("the numbers must rise: min, target, max")
        return self


def _read_nodes(value: object) -> object:
    if isinstance(value, bool):
        raise wrong_kind()
    if isinstance(value, int):
        return _nodes(value, value)
    if isinstance(value, Decimal):
        raise ValueError(f"a whole number of nodes is needed: write {value:.0f}")
    if not isinstance(value, str):
        return value
    if value.strip().isdecimal():
        raise ValueError(f"text where a whole number is needed: write {value.strip()[:9]}")
    nodes = parse_range(value)
    if nodes.minimum is None or nodes.maximum is None or nodes.minimum % 1 or nodes.maximum % 1:
        raise ValueError("a range of nodes has two whole ends: write it like 2..6")
    return _nodes(int(nodes.minimum), int(nodes.maximum))


def _nodes(low: int, high: int) -> dict[str, int]:
    if not 0 <= low <= high <= NODES_MAX:
        raise ValueError(f"a fleet has 0 to {NODES_MAX:,} nodes")
    return {"min": low, "max": high}


_NODES_RANGE = {"type": "string", "pattern": r"^[0-9]+\.\.[0-9]+$", "examples": ["2..6"]}
_WrittenNodes = (
    Annotated[int, Field(ge=0, le=NODES_MAX)]
    | Annotated[str, WithJsonSchema(_NODES_RANGE)]
    | NodesBlock
)
Nodes = Annotated[NodesBlock, BeforeValidator(_read_nodes, json_schema_input_type=_WrittenNodes)]


class GpuBlock(Block):
    name: Written[Text] = Field(
        None, description="A GPU's name, or several with commas; left out: any GPU."
    )
    memory: Written[SizeRange] = Field(None, description="Memory of one GPU; default: any.")
    count: int = Field(1, ge=1, le=COUNT_MAX, description="GPUs in each node.")

    @model_validator(mode="after")
    def _check_known(self) -> Self:
        self.requirement()
        return self

    def requirement(self) -> GpuRequirement:
        return gpu_requirement(self.name, self.memory or ANYTHING, self.count)


def _read_gpu(value: object) -> object:
    if not isinstance(value, str):
        return value
    name, memory, count = split_gpu(value)
    written: dict[str, object] = {"count": count}
    if name is not None:
        written["name"] = name
    if memory is not None:
        written["memory"] = memory
    return written


_GPU_TEXT = {
    "type": "string",
    "minLength": 1,
    "examples": ["H100:8", "RTX4090", "A100:80GB:2", "24GB..:1"],
}
_WrittenGpu = Annotated[str, WithJsonSchema(_GPU_TEXT)] | GpuBlock
Gpu = Annotated[GpuBlock, BeforeValidator(_read_gpu, json_schema_input_type=_WrittenGpu)]


class ResourcesBlock(Block):
    gpu: Written[Gpu] = Field(
        None, description="GPUs of each node: `H100:8`, `A100:80GB:2`, `24GB..:1`, or a mapping."
    )
    any_of: Written[list[Gpu]] = Field(
        None, min_length=1, max_length=50, description="Alternatives: the cheapest is rented."
    )
    ordered: Written[list[Gpu]] = Field(
        None,
        min_length=1,
        max_length=50,
        description="Alternatives: the first that can be rented is rented.",
    )
    cpu: Written[NumberRange] = Field(None, description="Virtual CPUs of each node.")
    memory: Written[SizeRange] = Field(None, description="Main memory of each node.")
    disk: Written[Disk] = Field(
        None, description="Disk of each node; the minimum is what is ordered; default 50GB."
    )
    cuda: Written[NumberRange] = Field(None, description="CUDA version of the host's driver.")

    @model_validator(mode="after")
    def _check_one_choice(self) -> Self:
        if len([choice for choice in (self.gpu, self.any_of, self.ordered) if choice]) > 1:
            raise ValueError("gpu, any_of and ordered are one choice: keep one of them")
        return self
