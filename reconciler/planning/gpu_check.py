"""Whether a machine is what was sold: the driver's word against the offer's.

What cannot be told from a reading is no lie: only a plain answer that contradicts the offer is one.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.model.gpu import GpuModel, gpu_model, resolve_offered
from reconciler.model.gpu_reading import GpuReading, SeenGpu
from reconciler.model.text import printable

if TYPE_CHECKING:
    from reconciler.model.record import Specification

MARKER = "gpu-shopper reads:"
QUESTION = (
    "PATH=$PATH:/usr/local/nvidia/bin:/usr/local/cuda/bin; export PATH; "
    f'echo "{MARKER}"; '
    "nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || exit $?; "
    "nvidia-smi -q | grep 'CUDA Version' || true"
)
"""Asked over SSH, of any shell. Whatever a machine says before the marker is its greeting."""
GPUS_MAX = 64
_VENDOR = "NVIDIA"
_MIB = 2**20
_LEAST_SHARE = Decimal("0.9")
"""Drivers keep up to 8 % of a card for themselves (ECC, page tables); a slice is far less."""
_LINE = re.compile(r"([^,]{1,100}), *([0-9]{1,9}) MiB, *([0-9][0-9.]{0,30})")
_CUDA = re.compile(r"CUDA Version *: *([0-9]{1,3}\.[0-9]{1,3})")


def has_nvidias_driver(sold: Specification) -> bool:
    """Whether ``QUESTION`` has an answer there: GPUs of other makers have another driver."""
    return gpu_model(sold.gpu).vendor == _VENDOR


def read_answer(text: str) -> GpuReading:
    """What a machine answered to ``QUESTION``.

    Raises ValueError, with a text that is safe to print, for anything but such an answer.
    """
    _, marker, answer = text.partition(f"{MARKER}\n")
    if not marker:
        raise ValueError("the machine did not carry the question out")
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    cuda = next((found for line in lines if (found := _CUDA.search(line))), None)
    gpus: list[SeenGpu] = []
    driver = ""
    for line in lines:
        if _CUDA.search(line):
            continue
        found = _LINE.fullmatch(line)
        if found is None or len(gpus) == GPUS_MAX:
            raise ValueError(f"nvidia-smi said: {printable(line, 100)}")
        gpus.append(SeenGpu(found[1].strip(), int(found[2]) * _MIB))
        driver = found[3]
    if not gpus:
        raise ValueError("nvidia-smi named no GPU")
    return GpuReading(tuple(gpus), driver, Decimal(cuda[1]) if cuda else None)


def contradiction(sold: Specification, seen: GpuReading) -> str:
    """What of ``seen`` is not what was sold, safe to print; "" when nothing is."""
    if len(seen.gpus) < sold.gpu_count:
        return f"sold {sold.gpu_count} GPUs, {len(seen.gpus)} inside"
    for gpu in seen.gpus:
        too_small = gpu.memory_bytes < sold.gpu_memory_bytes * _LEAST_SHARE
        if too_small or _is_another_model(sold, gpu):
            return (
                f"sold {sold.gpu} with {sold.gpu_memory_bytes // _MIB} MiB, "
                f"inside is {printable(gpu.name, 60)} with {gpu.memory_bytes // _MIB} MiB"
            )
    if sold.cuda is not None and seen.cuda is not None and seen.cuda < sold.cuda:
        return f"sold CUDA {sold.cuda}, the driver supports {seen.cuda}"
    return ""


def _is_another_model(sold: Specification, gpu: SeenGpu) -> bool:
    found = resolve_offered("", gpu.name, gpu.memory_bytes)
    wanted = gpu_model(sold.gpu)
    if found is None or found.name == wanted.name:
        return False
    return found.family != wanted.family or not _may_be_any_socket(wanted)


def _may_be_any_socket(wanted: GpuModel) -> bool:
    """Whether the offer may have named no socket: then the first of its family was taken."""
    assumed = resolve_offered("", wanted.family, wanted.memory_bytes)
    return assumed is not None and assumed.name == wanted.name


def shown(seen: GpuReading) -> str:
    """``1 x NVIDIA GeForce RTX 4090, driver 550.54.14, CUDA 12.4``."""
    names = dict.fromkeys(gpu.name for gpu in seen.gpus)
    text = f"{len(seen.gpus)} x {printable(' / '.join(names), 80)}"
    text += f", driver {seen.driver}" if seen.driver else ""
    return text + (f", CUDA {seen.cuda}" if seen.cuda is not None else "")
