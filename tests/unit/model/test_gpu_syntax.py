"""How people ask for GPUs."""

from __future__ import annotations

import pytest

from reconciler.model.gpu import UnknownGpu
from reconciler.model.gpu_syntax import parse_gpu
from reconciler.model.quantity import GIB

A100_80 = ("A100-PCIE-80GB", "A100-SXM-80GB")


@pytest.mark.parametrize(
    ("text", "models", "minimum", "maximum", "count"),
    [
        ("RTX4090", ("RTX4090",), None, None, 1),
        ("rtx 4090", ("RTX4090",), None, None, 1),
        ("4090:2", ("RTX4090",), None, None, 2),
        ("H100-SXM:8", ("H100-SXM",), None, None, 8),
        ("A100:80GB:2", A100_80, 80, None, 2),
        ("A100 80GB:2", A100_80, None, None, 2),
        ("A100:60GB..", A100_80, 60, None, 1),
        ("4090:48GB", ("RTX4090-48GB-MOD",), 48, None, 1),
        ("L4,T4:4", ("L4", "T4"), None, None, 4),
        ("24GB..:1", (), 24, None, 1),
        ("24GB..80GB", (), 24, 80, 1),
        ("24GB+", (), 24, None, 1),
        ("..16GB:2", (), None, 16, 2),
        ("24gb", (), 24, 24, 1),
    ],
)
def test_name_memory_and_count_are_read(
    text: str, models: tuple[str, ...], minimum: int | None, maximum: int | None, count: int
) -> None:
    asked = parse_gpu(text)
    low, high = asked.memory_bytes.minimum, asked.memory_bytes.maximum
    assert asked.models == models
    assert low == (None if minimum is None else minimum * GIB)
    assert high == (None if maximum is None else maximum * GIB)
    assert asked.count == count


def test_a_plain_name_means_every_model_of_the_family() -> None:
    assert parse_gpu("H100:8").models == ("H100-PCIE", "H100-SXM", "H100-NVL")


def test_the_text_is_one_for_one_meaning() -> None:
    assert parse_gpu("A100 : 80gb : 1").text == "A100:80GB"


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "not a GPU request"),
        (":8", "not a GPU request"),
        ("8", "does not name one known GPU"),
        ("H100:8:80GB", "name, memory and count"),
        ("H100:many", "name, memory and count"),
        ("H100:0", "1 to 128"),
        ("H100:129", "1 to 128"),
        ("A100:24GB", "A100 comes with 40GB or 80GB, not with 24GB"),
        ("900GB..", "no known GPU has a memory of 900GB.."),
        ("..", "empty range"),
        ("L4,:2", "missing beside a comma"),
        ("80GB..24GB", "backwards"),
        ("x" * 201, "not a GPU request"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(text: str, phrase: str) -> None:
    with pytest.raises(ValueError, match=phrase):
        parse_gpu(text)


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(UnknownGpu) as caught:
        parse_gpu("RTX40900:2")
    assert caught.value.nearest[0] == "RTX4090"
