"""What a provider's listing says is rented out, and which model that is."""

from __future__ import annotations

import pytest

from reconciler.model import gpu_catalog
from reconciler.model.gpu import gpu_model, gpu_models, resolve_offered

GIB = 2**30
MIB = 2**20

# provider | name in its listing | memory in GiB (- where silent) | model
LISTINGS = """
vastai       | RTX 4090                                  | 24  | RTX4090
vastai       | RTX 4090                                  | 48  | RTX4090-48GB-MOD
vastai       | RTX 4070S Ti                              | 16  | RTX4070TiSUPER
vastai       | RTX_4060_Ti                               | 8   | RTX4060Ti
vastai       | RTX_4060_Ti                               | 16  | RTX4060Ti-16GB
vastai       | RTX 5060 Ti                               | 16  | RTX5060Ti-16GB
vastai       | RTX A2000                                 | 12  | RTXA2000-12GB
vastai       | A100 PCIE                                 | 40  | A100-PCIE-40GB
vastai       | A100 PCIE                                 | 80  | A100-PCIE-80GB
vastai       | A100_SXM4                                 | 40  | A100-SXM-40GB
vastai       | A100 SXM4                                 | 80  | A100-SXM-80GB
vastai       | Tesla V100                                | 16  | V100-PCIE-16GB
vastai       | Tesla V100                                | 32  | V100-PCIE-32GB
vastai       | H100 NVL                                  | 94  | H100-NVL
vastai       | GTX 1660 S                                | 6   | GTX1660SUPER
vastai       | Q RTX 8000                                | 48  | QUADRO-RTX8000
vastai       | RTX 6000Ada                               | 48  | RTX6000Ada
vastai       | RTX PRO 6000                              | 96  | RTXPRO6000-WORKSTATION
vastai       | RTX PRO 6000 S                            | 96  | RTXPRO6000-SERVER
vastai       | RTX_PRO_6000_Max-Q                        | 96  | RTXPRO6000-MAXQ
vastai       | B300 PC                                   | 288 | B300
vastai       | InstinctMI250X                            | 128 | MI250X
vastai       | PRO W7900                                 | 48  | W7900
vastai       | TITAN V CEO                               | 32  | TITANV-CEO
vastai       | Tesla K20c                                | 5   | K20
vastai       | RTX 3060 laptop                           | 6   | RTX3060-LAPTOP
runpod       | NVIDIA GeForce RTX 4080 SUPER             | 16  | RTX4080SUPER
runpod       | NVIDIA A100 80GB PCIe                     | 80  | A100-PCIE-80GB
runpod       | NVIDIA A100-SXM4-80GB                     | 80  | A100-SXM-80GB
runpod       | A100 PCIe                                 | -   | A100-PCIE-80GB
runpod       | NVIDIA H100 80GB HBM3                     | 80  | H100-SXM
runpod       | NVIDIA B300 SXM6 AC                       | 288 | B300
runpod       | NVIDIA RTX 4000 SFF Ada Generation        | 20  | RTX4000SFFAda
runpod       | RTX 4000 Ada SFF                          | 20  | RTX4000SFFAda
runpod       | NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition | 96 | RTXPRO6000-MAXQ
runpod       | NVIDIA RTX PRO 6000 Blackwell Workstation Edition | 96 | RTXPRO6000-WORKSTATION
runpod       | RTX PRO 6000 WK                           | 96  | RTXPRO6000-WORKSTATION
runpod       | AMD Instinct MI300X OAM                   | 192 | MI300X
runpod       | Tesla V100                                | 16  | V100-PCIE-16GB
runpod       | V100 SXM2 32GB                            | 32  | V100-SXM2-32GB
tensordock   | geforcertx4090-pcie-24gb                  | 24  | RTX4090
tensordock   | geforcertx3060tilhr-pcie-8gb              | 8   | RTX3060Ti
tensordock   | a100-pcie-80gb                            | 80  | A100-PCIE-80GB
tensordock   | rtxa100-pcie-80gb                         | 80  | A100-PCIE-80GB
tensordock   | rtxa6000-pcie-48gb                        | -   | RTXA6000
tensordock   | h100-sxm5-80gb                            | 80  | H100-SXM
tensordock   | v100-pcie-16gb                            | 16  | V100-PCIE-16GB
lambda_cloud | gpu_1x_a100                               | 40  | A100-PCIE-40GB
lambda_cloud | gpu_8x_a100                               | -   | A100-SXM-40GB
lambda_cloud | gpu_8x_a100_80gb_sxm4                     | 80  | A100-SXM-80GB
lambda_cloud | gpu_8x_h100_sxm5                          | 80  | H100-SXM
lambda_cloud | gpu_2x_a6000                              | 48  | RTXA6000
lambda_cloud | gpu_1x_rtx6000                            | -   | QUADRO-RTX6000
lambda_cloud | gpu_8x_v100_n                             | 16  | V100-SXM2-16GB
nebius       | gpu-rtx6000                               | 96  | RTXPRO6000-SERVER
skypilot     | A100-80GB                                 | 80  | A100-PCIE-80GB
skypilot     | H100                                      | 80  | H100-PCIE
skypilot     | RTX6000                                   | 24  | QUADRO-RTX6000
aws          | h100                                      | 80  | H100-SXM
aws          | a100 (p4de)                               | 80  | A100-SXM-80GB
gcp          | nvidia-tesla-a100                         | 40  | A100-SXM-40GB
hyperstack   | H100                                      | 80  | H100-PCIE
akash        | RTX 4060 Ti                               | 16  | RTX4060Ti-16GB
verda        | B300 SXM6 262GB                           | 262 | B300
vultr        | vcg-b200-248c-2826g-1536vram              | 192 | B200
cudo         | L40S (compute mode)                       | 48  | L40S
crusoe       | GB200-NVL-186GB                           | 186 | GB200
seeweb       | rtx 6000 24gb                             | 24  | QUADRO-RTX6000
gpuhub       | RTX 4080 (32 GB mod)                      | 32  | RTX4080-32GB-MOD
"""


def listing_rows() -> list[tuple[str, str, int | None, str]]:
    rows = [[cell.strip() for cell in line.split("|")] for line in LISTINGS.strip().splitlines()]
    return [
        (provider, raw, None if gib == "-" else int(gib) * GIB, name)
        for provider, raw, gib, name in rows
    ]


@pytest.mark.parametrize(("provider", "raw", "memory_bytes", "expected"), listing_rows())
def test_a_listing_resolves_to_one_model(
    provider: str, raw: str, memory_bytes: int | None, expected: str
) -> None:
    assert resolve_offered(provider, raw, memory_bytes) == gpu_model(expected)


def test_every_name_in_the_alias_tables_is_in_the_catalogue() -> None:
    aliased = {
        name
        for rows in gpu_catalog.PROVIDER_ALIASES.values()
        for row in rows.split()
        for name in row.partition("=")[2].split("|")
    }
    shared = {name for _, names in gpu_catalog.SHARED_NAMES for name in names}
    assert aliased | shared <= set(gpu_models())


@pytest.mark.parametrize(
    ("raw", "sold_bytes", "expected"),
    [
        ("RTX 4090", 24_564 * MIB, "RTX4090"),
        ("H100 SXM", 81_559 * MIB, "H100-SXM"),
        ("H100", 81_559 * MIB, "H100-PCIE"),
        ("H100", 95_830 * MIB, "H100-NVL"),
        ("H100", 80 * 10**9, "H100-PCIE"),
        ("A100 SXM4", 40_960 * MIB, "A100-SXM-40GB"),
        ("A100 SXM4", 81_920 * MIB, "A100-SXM-80GB"),
        ("A100 SXM4", 85_899_345_920, "A100-SXM-80GB"),
        ("L4", 22_888 * MIB, "L4"),
        ("RTX 3080", 12 * GIB, "RTX3080-12GB"),
        ("RTX 3080", 10_240 * MIB, "RTX3080"),
        ("RTX 6000", 24 * GIB, "QUADRO-RTX6000"),
        ("RTX 6000", 48 * GIB, "RTX6000Ada"),
        ("RTX 6000", 96 * GIB, "RTXPRO6000-SERVER"),
        ("GH200 480GB", 96 * GIB, "GH200"),
        ("GH200", 141 * GIB, "GH200-144GB"),
        ("RTX 3070", 8 * GIB, "RTX3070"),
    ],
)
def test_the_memory_of_the_offer_decides_between_models_of_one_name(
    raw: str, sold_bytes: int, expected: str
) -> None:
    assert resolve_offered("somewhere", raw, sold_bytes) == gpu_model(expected)


@pytest.mark.parametrize(
    ("raw", "sold_bytes"),
    [
        ("A100", None),
        ("H100", None),
        ("RTX 6000", None),
        ("A100 SXM4", 60 * GIB),
        ("RTX 4060 Ti", 12 * GIB),
        ("A100 80GB", 40 * GIB),
        ("RTX 4090", 12 * GIB),
        ("RTX 4090", 0),
        ("RTX 3060", 6 * GIB),
        ("TPU v5e", 16 * GIB),
        ("A40 SXM", 48 * GIB),
        ("", 24 * GIB),
        ("RTX 4090" + " " * 200, 24 * GIB),
    ],
)
def test_a_listing_that_does_not_fix_the_model_resolves_to_none(
    raw: str, sold_bytes: int | None
) -> None:
    assert resolve_offered("somewhere", raw, sold_bytes) is None


def test_an_alias_gives_way_where_the_offer_has_the_memory_of_another_model() -> None:
    assert resolve_offered("gcp", "nvidia-tesla-a100", None) == gpu_model("A100-SXM-40GB")
    assert resolve_offered("gcp", "nvidia-tesla-a100", 80 * GIB) == gpu_model("A100-PCIE-80GB")


def test_one_name_means_different_cards_at_different_providers() -> None:
    assert resolve_offered("lambda", "rtx-6000", 96 * GIB) == gpu_model("RTXPRO6000-SERVER")
    assert resolve_offered("nebius", "gpu-rtx6000", None) == gpu_model("RTXPRO6000-SERVER")
    assert resolve_offered("hyperstack", "H100", None) == gpu_model("H100-PCIE")
    assert resolve_offered("aws", "H100", None) == gpu_model("H100-SXM")
