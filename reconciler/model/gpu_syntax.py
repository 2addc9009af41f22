"""How people ask for GPUs: ``H100:8``, ``A100:80GB:2``, ``24GB..:1``, ``A100,H100:4``.

The parts are name, memory and count, in this order; any one may be left out, but not both name and
memory. Names are of ``reconciler.model.gpu``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reconciler.model.fleet import GpuRequirement
from reconciler.model.gpu import GpuModel, UnknownGpu, gpu_models, memory_matches, models_named
from reconciler.model.quantity import ANYTHING, Range, format_size, parse_range

COUNT_MAX = 128
"""GPUs in one node; no provider sells more than 16."""
TEXT_LENGTH_MAX = 200

_COUNT = re.compile(r"[0-9]{1,4}")
_SIZE = r"[0-9]+(?:\.[0-9]+)?\s*(?:[MGT]i?B)"
_MEMORY = re.compile(rf"(?:{_SIZE})?\s*\.\.\s*(?:{_SIZE})?|{_SIZE}\+?", re.IGNORECASE)
_FORM = "write it like H100:8, RTX4090, A100:80GB:2 or 24GB..:1"


def parse_gpu(text: str) -> GpuRequirement:
    """The requirement that ``text`` stands for. Raises ValueError saying what to write.

    ``UnknownGpu``, a ValueError, carries the nearest names.
    """
    name, memory, count = split_gpu(text)
    return gpu_requirement(name, parse_range(memory, sizes=True) if memory else ANYTHING, count)


def split_gpu(text: str) -> tuple[str | None, str | None, int]:
    """Name, memory and count as written; count is 1 when it is left out. Raises ValueError."""
    parts = [part.strip() for part in text.split(":")]
    if len(text) > TEXT_LENGTH_MAX or not all(parts):
        raise ValueError(f"not a GPU request: {_FORM}")
    name = None if _MEMORY.fullmatch(parts[0]) else parts.pop(0)
    memory = parts.pop(0) if parts and _MEMORY.fullmatch(parts[0]) else None
    count = parts.pop(0) if parts and _COUNT.fullmatch(parts[0]) else "1"
    if parts:
        raise ValueError(f"the parts of a GPU request are name, memory and count: {_FORM}")
    return name, memory, int(count)


@lru_cache(maxsize=4096)
def gpu_requirement(name: str | None, memory: Range, count: int) -> GpuRequirement:
    """The requirement for ``count`` GPUs of the comma-separated names in ``name``, or of any name.

    ``models`` holds only those that are sold with the asked memory. An exact size beside a name
    ("A100:80GB") chooses among its models and leaves the upper end open, because some providers
    round a size up. Raises ValueError where nothing is asked for or nothing can match.
    """
    if not 1 <= count <= COUNT_MAX:
        raise ValueError(f"a node has 1 to {COUNT_MAX} GPUs")
    if not name and memory.is_open:
        raise ValueError(f"neither a GPU's name nor its memory: {_FORM}")
    text = ":".join(
        part for part in (name, _memory_text(memory), str(count) if count > 1 else "") if part
    )
    if not name:
        _refuse_impossible_memory(memory)
        return GpuRequirement(text, (), memory, count)
    models = [model.name for part in name.split(",") for model in _models(part.strip(), memory)]
    if _exact_size(memory) is not None:
        memory = Range(memory.minimum, None)
    return GpuRequirement(text, tuple(dict.fromkeys(models)), memory, count)


def _models(name: str, memory: Range) -> list[GpuModel]:
    if not name:
        raise ValueError("a GPU's name is missing beside a comma")
    exact = _exact_size(memory)
    if exact is not None:
        try:
            return list(models_named(f"{name} {format_size(exact)}"))
        except UnknownGpu:
            named = models_named(name)
    else:
        named = models_named(name)
    fitting = [model for model in named if _fits(model, memory)]
    if not fitting:
        sizes = sorted({model.memory_bytes for model in named})
        sold = " or ".join(format_size(size) for size in sizes)
        raise ValueError(f"{named[0].family} comes with {sold}, not with {_memory_text(memory)}")
    return fitting


def _refuse_impossible_memory(memory: Range) -> None:
    if not any(_fits(model, memory) for model in gpu_models().values()):
        raise ValueError(f"no known GPU has a memory of {_memory_text(memory)}")


def _fits(model: GpuModel, memory: Range) -> bool:
    low, high = (None if end is None else int(end) for end in (memory.minimum, memory.maximum))
    return memory_matches(model.memory_bytes, low, high)


def _exact_size(memory: Range) -> int | None:
    exact = memory.minimum is not None and memory.minimum == memory.maximum
    return int(memory.minimum) if exact and memory.minimum is not None else None


def _memory_text(memory: Range) -> str:
    if memory.is_open:
        return ""
    low, high = (
        "" if end is None else format_size(int(end)) for end in (memory.minimum, memory.maximum)
    )
    return low if low == high else f"{low}..{high}"
