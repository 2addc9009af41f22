"""What a machine's own driver says of its GPUs."""

from __future__ import annotations

from decimal import Decimal

from reconciler.model.value import dataclass


@dataclass(frozen=True, slots=True)
class SeenGpu:
    """One line of ``nvidia-smi``. ``name`` is the driver's, as it came."""

    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class GpuReading:
    """``cuda`` is the newest version that the driver supports; None where it does not say."""

    gpus: tuple[SeenGpu, ...]
    driver: str = ""
    cuda: Decimal | None = None
