from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.gpu_reading import GpuReading, SeenGpu
from reconciler.planning.gpu_check import MARKER, contradiction, read_answer, shown
from tests.builders import offer, specification
from tests.markets import GIB

RTX4090 = "NVIDIA GeForce RTX 4090, 24564 MiB, 550.54.14"
MIB = 2**20


def answer(*lines: str, greeting: str = "") -> str:
    return f"{greeting}{MARKER}\n" + "".join(f"{line}\n" for line in lines)


def seen(name: str, mib: int, count: int = 1, cuda: str | None = None) -> GpuReading:
    gpus = (SeenGpu(name, mib * MIB),) * count
    return GpuReading(gpus, "550.54.14", None if cuda is None else Decimal(cuda))


def test_what_the_driver_says_is_read_behind_any_greeting() -> None:
    text = answer(RTX4090, "CUDA Version      : 12.4", greeting="Welcome!\nFake, 1 MiB, 1\n")
    found = read_answer(text)
    assert found == seen("NVIDIA GeForce RTX 4090", 24564, cuda="12.4")
    assert shown(found) == "1 x NVIDIA GeForce RTX 4090, driver 550.54.14, CUDA 12.4"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "did not carry"),
        ("NVIDIA GeForce RTX 4090, 24564 MiB, 550.54.14\n", "did not carry"),
        (answer(), "named no GPU"),
        (answer("NVIDIA-SMI has failed because it couldn't communicate"), "nvidia-smi said"),
        (answer(RTX4090, "\x1b[31mfoo"), r"\\x1b"),
        (answer("X, 12 GiB, 1"), "nvidia-smi said"),
        (answer(*[RTX4090] * 65), "nvidia-smi said"),
    ],
)
def test_anything_else_is_no_reading(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_answer(text)


@given(st.text())
def test_a_hostile_answer_is_a_reading_or_a_plain_refusal(text: str) -> None:
    said = ""
    try:
        read_answer(f"{MARKER}\n{text}")
    except ValueError as error:
        said = str(error)
    assert said.isprintable()


@pytest.mark.parametrize(
    ("sold", "memory", "count", "name", "mib", "inside"),
    [
        ("RTX4090", 24, 1, "NVIDIA GeForce RTX 4090", 24564, 1),
        ("RTX4090", 24, 1, "NVIDIA GeForce RTX 4090", 24564, 2),
        ("H100-SXM", 80, 8, "NVIDIA H100 80GB HBM3", 81559, 8),
        # An offer that names no socket is taken for the PCIe card: the other one is no lie.
        ("H100-PCIE", 80, 1, "NVIDIA H100 80GB HBM3", 81559, 1),
        ("A100-PCIE-80GB", 80, 1, "NVIDIA A100-SXM4-80GB", 81920, 1),
        ("T4", 16, 1, "Tesla T4", 15109, 1),
        ("RTX4090", 24, 1, "Some Card Nobody Knows", 24564, 1),
    ],
)
def test_what_was_sold_is_found(
    sold: str, memory: int, count: int, name: str, mib: int, inside: int
) -> None:
    bought = specification(offer(gpu=sold, gpu_count=count, gpu_memory_bytes=memory * GIB))
    assert contradiction(bought, seen(name, mib, inside)) == ""


@pytest.mark.parametrize(
    ("sold", "memory", "count", "reading", "says"),
    [
        (
            "RTX4090",
            24,
            1,
            seen("NVIDIA GeForce RTX 3060", 24576),
            "inside is NVIDIA GeForce RTX 3060",
        ),
        ("RTX4090", 24, 1, seen("NVIDIA GeForce RTX 3060", 12288), "with 12288 MiB"),
        ("H100-SXM", 80, 1, seen("NVIDIA H100 PCIe", 81559), "sold H100-SXM"),
        ("H100-SXM", 80, 8, seen("NVIDIA H100 80GB HBM3", 81559, 7), "sold 8 GPUs, 7 inside"),
        ("A100-SXM-80GB", 80, 1, seen("NVIDIA A100-SXM4-80GB MIG 1g.10gb", 9728), "9728 MiB"),
        ("RTX4090", 24, 1, seen("\x1b[2J", 1), r"\x1b"),
        ("RTX4090", 24, 1, seen("NVIDIA GeForce RTX 4090", 24564, cuda="12.2"), "sold CUDA 12.4"),
    ],
)
def test_a_lie_is_named(sold: str, memory: int, count: int, reading: GpuReading, says: str) -> None:
    bought = specification(offer(gpu=sold, gpu_count=count, gpu_memory_bytes=memory * GIB))
    assert says in contradiction(bought, reading)
    assert contradiction(bought, reading).isprintable()
