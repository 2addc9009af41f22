"""What people and providers call a GPU, and which model that is."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import gpu_catalog
from reconciler.model.gpu import (
    GpuModel,
    UnknownGpu,
    gpu_model,
    gpu_models,
    memory_matches,
    models_named,
    nearest_names,
    resolve_offered,
)

GIB = 2**30
MIB = 2**20
NAMES = tuple(row[0] for row in gpu_catalog.MODELS)

# What people write -> every model they mean, in order.
PEOPLE = """
4090                    RTX4090
RTX 4090                RTX4090
rtx-4090                RTX4090
RTX_4090                RTX4090
geforce rtx 4090        RTX4090
NVIDIA GeForce RTX 4090 RTX4090
4090 24GB               RTX4090
4090 48GB               RTX4090-48GB-MOD
4090D                   RTX4090D
4080                    RTX4080
4080 super              RTX4080SUPER
RTX 4080S               RTX4080SUPER
4070 ti super           RTX4070TiSUPER
4070ti                  RTX4070Ti
RTX 4060 Ti             RTX4060Ti RTX4060Ti-16GB
4060ti 16gb             RTX4060Ti-16GB
rtx 3060                RTX3060
rtx 3060 laptop         RTX3060-LAPTOP
3080                    RTX3080 RTX3080-12GB
2080 ti                 RTX2080Ti
1080ti                  GTX1080Ti
titan v                 TITANV
H100                    H100-PCIE H100-SXM H100-NVL
h100-sxm                H100-SXM
H100 SXM5               H100-SXM
h100sxm5                H100-SXM
H100 NVLink             H100-SXM
HGX H100                H100-SXM
h100-pcie               H100-PCIE
H100 80GB               H100-PCIE H100-SXM
h100 94gb               H100-NVL
NVIDIA H100 80GB HBM3   H100-SXM
H200                    H200-SXM H200-NVL
h200nvl                 H200-NVL
nvidia a100             A100-PCIE-40GB A100-PCIE-80GB A100-SXM-40GB A100-SXM-80GB
a100-80g                A100-PCIE-80GB A100-SXM-80GB
A100 80 GB              A100-PCIE-80GB A100-SXM-80GB
a100 40                 A100-PCIE-40GB A100-SXM-40GB
A100 80GB PCIe          A100-PCIE-80GB
a100sxm80gb             A100-SXM-80GB
A10                     A10
a10g                    A10G
A 10 G                  A10G
l4                      L4
l40                     L40
L40S                    L40S
t4                      T4
T4G                     T4G
v100-32gb               V100-PCIE-32GB V100-SXM2-32GB
Tesla V100              V100-PCIE-16GB V100-PCIE-32GB V100-SXM2-16GB V100-SXM2-32GB
V100S                   V100S
6000 ada                RTX6000Ada
RTX 6000 Ada Generation RTX6000Ada
rtx a6000               RTXA6000
A6000                   RTXA6000
quadro rtx 6000         QUADRO-RTX6000
rtx 6000 24gb           QUADRO-RTX6000
rtx 6000 48gb           RTX6000Ada
rtx 6000 96gb           RTXPRO6000-SERVER
RTX PRO 6000            RTXPRO6000-SERVER RTXPRO6000-WORKSTATION RTXPRO6000-MAXQ
rtx pro 6000 max-q      RTXPRO6000-MAXQ
GH200 480GB             GH200 GH200-144GB
B200 192GB              B200
GB300 288GB             GB300
mi300x                  MI300X
AMD Instinct MI300X OAM MI300X
7900 XTX                RX7900XTX
Radeon VII              RADEONVII
gaudi 2                 GAUDI2
Intel Data Center GPU Max 1550 MAX1550
P104-100                P104-100
"""


def people_rows() -> list[tuple[str, tuple[str, ...]]]:
    rows = []
    for line in PEOPLE.strip().splitlines():
        words = line.split()
        first = next(i for i, _ in enumerate(words) if i and all(w in NAMES for w in words[i:]))
        rows.append((" ".join(words[:first]), tuple(words[first:])))
    return rows


def names_of(text: str) -> tuple[str, ...]:
    return tuple(model.name for model in models_named(text))


@pytest.mark.parametrize(("text", "expected"), people_rows())
def test_a_persons_spelling_means_these_models(text: str, expected: tuple[str, ...]) -> None:
    assert names_of(text) == expected


def test_the_catalogue_has_184_models_with_unique_names_and_positive_memory() -> None:
    assert len(NAMES) == len(set(NAMES)) == len({name.lower() for name in NAMES}) == 184
    assert tuple(gpu_models()) == NAMES
    assert all(model.memory_bytes >= 2 * GIB for model in gpu_models().values())
    assert gpu_model("H100-SXM") == GpuModel("H100-SXM", "H100", "NVIDIA", 80 * GIB)


def test_a_family_has_one_vendor_and_its_members_carry_its_name() -> None:
    for family in {model.family for model in gpu_models().values()}:
        members = [model for model in gpu_models().values() if model.family == family]
        assert len({model.vendor for model in members}) == 1, family
        assert all(family in model.name for model in members), family


@pytest.mark.parametrize("family", sorted({model.family for model in gpu_models().values()}))
def test_a_family_name_never_reaches_into_another_family(family: str) -> None:
    assert {model.family for model in models_named(family)} == {family}


SEPARATORS = (" ", "-", "_", "  ", " - ")


@given(
    name=st.sampled_from(NAMES),
    separator=st.sampled_from(SEPARATORS),
    split_digits=st.booleans(),
    with_vendor=st.booleans(),
    change_case=st.sampled_from([str.lower, str.upper, str.title, str]),
)
def test_a_canonical_name_finds_itself_however_it_is_spaced_and_cased(
    name: str,
    separator: str,
    split_digits: bool,
    with_vendor: bool,
    change_case: Callable[[str], str],
) -> None:
    model = gpu_model(name)
    spoken = name.replace("-", separator)
    if split_digits:
        spoken = re.sub(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])", separator, spoken)
    spoken = change_case(f"{model.vendor}{separator}{spoken}" if with_vendor else spoken)
    assert resolve_offered("simulated", spoken, model.memory_bytes) == model
    named = models_named(spoken)
    assert named[0] == model
    assert all(
        other.family == model.family == other.name[: len(model.family)] for other in named[1:]
    )


@given(st.text(max_size=150) | st.text(string.ascii_letters + string.digits + " -_.", max_size=40))
def test_any_text_is_a_known_gpu_or_a_refusal_with_at_most_three_real_names(text: str) -> None:
    known = set(NAMES) | {model.family for model in gpu_models().values()}
    try:
        models = models_named(text)
    except UnknownGpu as refusal:
        error = refusal
    else:
        assert models
        return
    assert error.name == text
    assert len(error.nearest) <= 3
    assert set(error.nearest) <= known
    assert all(models_named(name) for name in error.nearest)


@pytest.mark.parametrize(
    ("sold_bytes", "wanted_min", "wanted_max", "matches"),
    [
        (24_564 * MIB, 24 * GIB, None, True),
        (22_888 * MIB, 24 * GIB, None, True),
        (93, 100, None, True),
        (92, 100, None, False),
        (100, None, 100, True),
        (101, None, 100, False),
        (101, 100, 100, False),
        (100, 100, 100, True),
        (1, None, None, True),
    ],
)
def test_sold_memory_may_fall_seven_percent_short_and_never_exceed_the_maximum(
    sold_bytes: int, wanted_min: int | None, wanted_max: int | None, matches: bool
) -> None:
    assert memory_matches(sold_bytes, wanted_min, wanted_max) is matches


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("H100-SMX", ("H100-SXM", "H100", "H200-SXM")),
        ("RTX 6000", ("QUADRO-RTX6000", "RTX6000Ada", "RTXPRO6000")),
        ("A100 SXM 20GB", ("A100-SXM-40GB", "A100-SXM-80GB", "A100-PCIE-40GB")),
        ("A40 SXM", ("A40",)),
        ("V100S 16GB", ("V100S",)),
        ("RTX 3060 6GB", ("RTX3060", "RTX3060-LAPTOP")),
        ("8x H100", ("H100-PCIE", "H100-SXM", "H100-NVL")),
        ("foo", ()),
        ("", ()),
        ("nvidia", ()),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_ones(
    text: str, expected: tuple[str, ...]
) -> None:
    with pytest.raises(UnknownGpu) as refusal:
        models_named(text)
    assert refusal.value.nearest == nearest_names(text) == expected
    assert all(name in str(refusal.value) for name in expected)
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "best"),
    [("rtx4900", "RTX4090"), ("4090 ti", "RTX4090"), ("H10", "H100"), ("MI300", "MI300X")],
)
def test_the_best_suggestion_keeps_the_number_that_people_remember(text: str, best: str) -> None:
    assert nearest_names(text)[0] == best


def test_an_endless_name_is_refused_in_a_short_message() -> None:
    with pytest.raises(UnknownGpu) as refusal:
        models_named("H100" * 100_000)
    assert len(str(refusal.value)) < 300


def test_only_the_exact_canonical_spelling_is_looked_up_as_a_name() -> None:
    with pytest.raises(KeyError):
        gpu_model("rtx4090")
