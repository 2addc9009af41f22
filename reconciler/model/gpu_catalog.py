"""The GPUs that clouds rent out, and what is said of them where a rule cannot tell. Data only.

Retyped from vendors' sheets and the providers' public listings as of 2026. TPUs and other
accelerators that are not GPUs are left out. `gpu` gives these tables their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping

# Words that say nothing about which GPU it is.
_IGNORED = """
    nvidia geforce tesla amd instinct radeon intel habana data center tensor core gpu gpus card
    graphics generation edition lovelace blackwell hopper grace ampere hbm2 hbm2e hbm3e
    gddr6 gddr6x gddr7 high freq
"""
IGNORED_WORDS = frozenset(_IGNORED.split())

# Sockets and editions. A stated one must be among those of the model.
FORM_WORDS: Mapping[str, str] = {
    "pcie": "pcie", "sxm": "sxm", "sxm2": "sxm", "sxm3": "sxm", "sxm4": "sxm", "sxm5": "sxm",
    "sxm6": "sxm", "nvlink": "sxm", "hgx": "sxm", "dgx": "sxm", "nvl": "nvl", "oam": "oam",
    "laptop": "laptop", "mobile": "laptop", "mod": "mod", "ceo": "ceo", "server": "server",
    "workstation": "workstation", "ws": "workstation", "wk": "workstation", "maxq": "maxq",
}  # fmt: skip

# Nobody who says "RTX 3060" means the laptop chip; "4090 48GB" can only be the rebuilt card.
FORMS_TO_STATE = frozenset({"laptop", "mod", "ceo"})
FORMS_FOUND_BY_MEMORY = frozenset({"mod", "ceo"})

# Spellings that no rule makes, each with a spelling that a rule does make.
PEOPLES_SPELLINGS: tuple[tuple[str, str], ...] = (
    ("b200192gb", "b200"),
    ("b300262gb", "b300"),
    ("b300270gb", "b300"),
    ("gaudi1", "gaudi"),
    ("gaudihl205", "gaudi"),
    ("gh200480gb", "gh200"),  # the driver's own name: 480 GB belong to the processor
    ("h100hbm3", "h100sxm"),  # the driver's own name
    ("k20c", "k20"),
    ("prov520", "v520"),
    ("prov620", "v620"),
    ("prov710", "v710"),
    ("prow6800", "w6800"),
    ("prow7800", "w7800"),
    ("prow7900", "w7900"),
    ("rtx4000adasff", "rtx4000sffada"),
    ("rtx8000", "quadrortx8000"),
)

# One name for cards of 2018, 2022 and 2025: only the memory tells them apart.
SHARED_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("rtx4000", ("QUADRO-RTX4000", "RTX4000Ada", "RTXPRO4000")),
    ("rtx5000", ("QUADRO-RTX5000", "RTX5000Ada", "RTXPRO5000", "RTXPRO5000-72GB")),
    ("rtx6000", ("QUADRO-RTX6000", "RTX6000Ada", "RTXPRO6000-SERVER")),
)

# name, family, vendor, marketing memory of one GPU in GiB, sockets. A family groups what a person
# means by its name. B200 and B300 are the whole package, K80, M60 and A16 one GPU of the board.
# Where models of one size differ by socket alone, the first is what a listing means that names no
# socket: the PCIe card, the lesser one, so that nobody is promised an SXM machine on a guess.
MODELS: tuple[tuple[str, str, str, int, str], ...] = (
    ("RTX2060", "RTX2060", "NVIDIA", 6, "pcie"),
    ("RTX2060-12GB", "RTX2060", "NVIDIA", 12, "pcie"),
    ("RTX2060SUPER", "RTX2060SUPER", "NVIDIA", 8, "pcie"),
    ("RTX2070", "RTX2070", "NVIDIA", 8, "pcie"),
    ("RTX2070SUPER", "RTX2070SUPER", "NVIDIA", 8, "pcie"),
    ("RTX2080", "RTX2080", "NVIDIA", 8, "pcie"),
    ("RTX2080SUPER", "RTX2080SUPER", "NVIDIA", 8, "pcie"),
    ("RTX2080Ti", "RTX2080Ti", "NVIDIA", 11, "pcie"),
    ("RTX3050", "RTX3050", "NVIDIA", 8, "pcie"),
    ("RTX3060", "RTX3060", "NVIDIA", 12, "pcie"),
    ("RTX3060-LAPTOP", "RTX3060", "NVIDIA", 6, "laptop"),
    ("RTX3060Ti", "RTX3060Ti", "NVIDIA", 8, "pcie"),
    ("RTX3070", "RTX3070", "NVIDIA", 8, "pcie"),
    ("RTX3070-LAPTOP", "RTX3070", "NVIDIA", 8, "laptop"),
    ("RTX3070Ti", "RTX3070Ti", "NVIDIA", 8, "pcie"),
    ("RTX3080", "RTX3080", "NVIDIA", 10, "pcie"),
    ("RTX3080-12GB", "RTX3080", "NVIDIA", 12, "pcie"),
    ("RTX3080Ti", "RTX3080Ti", "NVIDIA", 12, "pcie"),
    ("RTX3090", "RTX3090", "NVIDIA", 24, "pcie"),
    ("RTX3090Ti", "RTX3090Ti", "NVIDIA", 24, "pcie"),
    ("RTX4060", "RTX4060", "NVIDIA", 8, "pcie"),
    ("RTX4060-LAPTOP", "RTX4060", "NVIDIA", 8, "laptop"),
    ("RTX4060Ti", "RTX4060Ti", "NVIDIA", 8, "pcie"),
    ("RTX4060Ti-16GB", "RTX4060Ti", "NVIDIA", 16, "pcie"),
    ("RTX4070", "RTX4070", "NVIDIA", 12, "pcie"),
    ("RTX4070-LAPTOP", "RTX4070", "NVIDIA", 8, "laptop"),
    ("RTX4070SUPER", "RTX4070SUPER", "NVIDIA", 12, "pcie"),
    ("RTX4070Ti", "RTX4070Ti", "NVIDIA", 12, "pcie"),
    ("RTX4070TiSUPER", "RTX4070TiSUPER", "NVIDIA", 16, "pcie"),
    ("RTX4080", "RTX4080", "NVIDIA", 16, "pcie"),
    ("RTX4080-LAPTOP", "RTX4080", "NVIDIA", 12, "laptop"),
    ("RTX4080SUPER", "RTX4080SUPER", "NVIDIA", 16, "pcie"),
    ("RTX4080-32GB-MOD", "RTX4080", "NVIDIA", 32, "pcie"),
    ("RTX4090", "RTX4090", "NVIDIA", 24, "pcie"),
    ("RTX4090-48GB-MOD", "RTX4090", "NVIDIA", 48, "pcie"),
    ("RTX4090D", "RTX4090D", "NVIDIA", 24, "pcie"),
    ("RTX5050", "RTX5050", "NVIDIA", 8, "pcie"),
    ("RTX5060", "RTX5060", "NVIDIA", 8, "pcie"),
    ("RTX5060Ti", "RTX5060Ti", "NVIDIA", 8, "pcie"),
    ("RTX5060Ti-16GB", "RTX5060Ti", "NVIDIA", 16, "pcie"),
    ("RTX5070", "RTX5070", "NVIDIA", 12, "pcie"),
    ("RTX5070Ti", "RTX5070Ti", "NVIDIA", 16, "pcie"),
    ("RTX5080", "RTX5080", "NVIDIA", 16, "pcie"),
    ("RTX5090", "RTX5090", "NVIDIA", 32, "pcie"),
    ("RTX5090D", "RTX5090D", "NVIDIA", 32, "pcie"),
    ("GTX750Ti", "GTX750Ti", "NVIDIA", 2, "pcie"),
    ("GTX970", "GTX970", "NVIDIA", 4, "pcie"),
    ("GTXTITANX", "GTXTITANX", "NVIDIA", 12, "pcie"),
    ("GTX1050", "GTX1050", "NVIDIA", 2, "pcie"),
    ("GTX1050Ti", "GTX1050Ti", "NVIDIA", 4, "pcie"),
    ("GTX1060", "GTX1060", "NVIDIA", 6, "pcie"),
    ("GTX1070", "GTX1070", "NVIDIA", 8, "pcie"),
    ("GTX1070Ti", "GTX1070Ti", "NVIDIA", 8, "pcie"),
    ("GTX1080", "GTX1080", "NVIDIA", 8, "pcie"),
    ("GTX1080Ti", "GTX1080Ti", "NVIDIA", 11, "pcie"),
    ("GTX1650", "GTX1650", "NVIDIA", 4, "pcie"),
    ("GTX1650SUPER", "GTX1650SUPER", "NVIDIA", 4, "pcie"),
    ("GTX1660", "GTX1660", "NVIDIA", 6, "pcie"),
    ("GTX1660SUPER", "GTX1660SUPER", "NVIDIA", 6, "pcie"),
    ("GTX1660Ti", "GTX1660Ti", "NVIDIA", 6, "pcie"),
    ("TITANX", "TITANX", "NVIDIA", 12, "pcie"),
    ("TITANXP", "TITANXP", "NVIDIA", 12, "pcie"),
    ("TITANV", "TITANV", "NVIDIA", 12, "pcie"),
    ("TITANV-CEO", "TITANV", "NVIDIA", 32, "pcie"),
    ("TITANRTX", "TITANRTX", "NVIDIA", 24, "pcie"),
    ("K20", "K20", "NVIDIA", 5, "pcie"),
    ("K80", "K80", "NVIDIA", 12, "pcie"),
    ("M40", "M40", "NVIDIA", 12, "pcie"),
    ("M60", "M60", "NVIDIA", 8, "pcie"),
    ("P4", "P4", "NVIDIA", 8, "pcie"),
    ("P6", "P6", "NVIDIA", 16, "mxm"),
    ("P40", "P40", "NVIDIA", 24, "pcie"),
    ("P100-PCIE", "P100", "NVIDIA", 16, "pcie"),
    ("P100-SXM2", "P100", "NVIDIA", 16, "sxm"),
    ("V100-PCIE-16GB", "V100", "NVIDIA", 16, "pcie"),
    ("V100-PCIE-32GB", "V100", "NVIDIA", 32, "pcie"),
    ("V100-SXM2-16GB", "V100", "NVIDIA", 16, "sxm"),
    ("V100-SXM2-32GB", "V100", "NVIDIA", 32, "sxm"),
    ("V100S", "V100S", "NVIDIA", 32, "pcie"),
    ("T4", "T4", "NVIDIA", 16, "pcie"),
    ("T4G", "T4G", "NVIDIA", 16, "pcie"),
    ("A2", "A2", "NVIDIA", 16, "pcie"),
    ("A10", "A10", "NVIDIA", 24, "pcie"),
    ("A10G", "A10G", "NVIDIA", 24, "pcie"),
    ("A16", "A16", "NVIDIA", 16, "pcie"),
    ("A30", "A30", "NVIDIA", 24, "pcie"),
    ("A40", "A40", "NVIDIA", 48, "pcie"),
    ("A100-PCIE-40GB", "A100", "NVIDIA", 40, "pcie"),
    ("A100-PCIE-80GB", "A100", "NVIDIA", 80, "pcie"),
    ("A100-SXM-40GB", "A100", "NVIDIA", 40, "sxm"),
    ("A100-SXM-80GB", "A100", "NVIDIA", 80, "sxm"),
    ("A100X", "A100X", "NVIDIA", 80, "pcie"),
    ("A800-PCIE-40GB", "A800", "NVIDIA", 40, "pcie"),
    ("A800-PCIE-80GB", "A800", "NVIDIA", 80, "pcie"),
    ("L4", "L4", "NVIDIA", 24, "pcie"),
    ("L20", "L20", "NVIDIA", 48, "pcie"),
    ("L40", "L40", "NVIDIA", 48, "pcie"),
    ("L40S", "L40S", "NVIDIA", 48, "pcie"),
    ("H100-PCIE", "H100", "NVIDIA", 80, "pcie"),
    ("H100-SXM", "H100", "NVIDIA", 80, "sxm"),
    ("H100-NVL", "H100", "NVIDIA", 94, "nvl"),
    ("H200-SXM", "H200", "NVIDIA", 141, "sxm"),
    ("H200-NVL", "H200", "NVIDIA", 141, "nvl"),
    ("GH200", "GH200", "NVIDIA", 96, "sxm"),
    ("GH200-144GB", "GH200", "NVIDIA", 141, "sxm"),
    ("B200", "B200", "NVIDIA", 180, "sxm"),
    ("GB200", "GB200", "NVIDIA", 186, "nvl sxm"),
    ("B300", "B300", "NVIDIA", 288, "sxm"),
    ("GB300", "GB300", "NVIDIA", 279, "nvl sxm"),
    ("QUADRO-K620", "K620", "NVIDIA", 2, "pcie"),
    ("QUADRO-K2200", "K2200", "NVIDIA", 4, "pcie"),
    ("QUADRO-M4000", "M4000", "NVIDIA", 8, "pcie"),
    ("QUADRO-P2000", "P2000", "NVIDIA", 5, "pcie"),
    ("QUADRO-P4000", "P4000", "NVIDIA", 8, "pcie"),
    ("QUADRO-P5000", "P5000", "NVIDIA", 16, "pcie"),
    ("QUADRO-P6000", "P6000", "NVIDIA", 24, "pcie"),
    ("QUADRO-GP100", "GP100", "NVIDIA", 16, "pcie"),
    ("QUADRO-GV100", "GV100", "NVIDIA", 32, "pcie"),
    ("QUADRO-RTX4000", "QUADRO-RTX4000", "NVIDIA", 8, "pcie"),
    ("QUADRO-RTX5000", "QUADRO-RTX5000", "NVIDIA", 16, "pcie"),
    ("QUADRO-RTX6000", "QUADRO-RTX6000", "NVIDIA", 24, "pcie"),
    ("QUADRO-RTX8000", "QUADRO-RTX8000", "NVIDIA", 48, "pcie"),
    ("RTXA2000", "RTXA2000", "NVIDIA", 6, "pcie"),
    ("RTXA2000-12GB", "RTXA2000", "NVIDIA", 12, "pcie"),
    ("RTXA4000", "RTXA4000", "NVIDIA", 16, "pcie"),
    ("RTXA4500", "RTXA4500", "NVIDIA", 20, "pcie"),
    ("RTXA5000", "RTXA5000", "NVIDIA", 24, "pcie"),
    ("RTXA6000", "RTXA6000", "NVIDIA", 48, "pcie"),
    ("RTX2000Ada", "RTX2000Ada", "NVIDIA", 16, "pcie"),
    ("RTX4000Ada", "RTX4000Ada", "NVIDIA", 20, "pcie"),
    ("RTX4000SFFAda", "RTX4000SFFAda", "NVIDIA", 20, "pcie"),
    ("RTX4500Ada", "RTX4500Ada", "NVIDIA", 24, "pcie"),
    ("RTX5000Ada", "RTX5000Ada", "NVIDIA", 32, "pcie"),
    ("RTX5880Ada", "RTX5880Ada", "NVIDIA", 48, "pcie"),
    ("RTX6000Ada", "RTX6000Ada", "NVIDIA", 48, "pcie"),
    ("RTXPRO2000", "RTXPRO2000", "NVIDIA", 16, "pcie"),
    ("RTXPRO4000", "RTXPRO4000", "NVIDIA", 24, "pcie"),
    ("RTXPRO4000-LAPTOP", "RTXPRO4000", "NVIDIA", 16, "laptop"),
    ("RTXPRO4500", "RTXPRO4500", "NVIDIA", 32, "pcie"),
    ("RTXPRO5000", "RTXPRO5000", "NVIDIA", 48, "pcie"),
    ("RTXPRO5000-72GB", "RTXPRO5000", "NVIDIA", 72, "pcie"),
    ("RTXPRO6000-SERVER", "RTXPRO6000", "NVIDIA", 96, "pcie"),
    ("RTXPRO6000-WORKSTATION", "RTXPRO6000", "NVIDIA", 96, "pcie"),
    ("RTXPRO6000-MAXQ", "RTXPRO6000", "NVIDIA", 96, "pcie"),
    ("CMP50HX", "CMP50HX", "NVIDIA", 10, "pcie"),
    ("CMP170HX", "CMP170HX", "NVIDIA", 8, "pcie"),
    ("P104-100", "P104-100", "NVIDIA", 4, "pcie"),
    ("P106-100", "P106-100", "NVIDIA", 6, "pcie"),
    ("MI25", "MI25", "AMD", 16, "pcie"),
    ("MI50", "MI50", "AMD", 16, "pcie"),
    ("MI60", "MI60", "AMD", 32, "pcie"),
    ("MI100", "MI100", "AMD", 32, "pcie"),
    ("MI210", "MI210", "AMD", 64, "pcie"),
    ("MI250", "MI250", "AMD", 128, "oam"),
    ("MI250X", "MI250X", "AMD", 128, "oam"),
    ("MI300A", "MI300A", "AMD", 128, "apu"),
    ("MI300X", "MI300X", "AMD", 192, "oam"),
    ("MI308X", "MI308X", "AMD", 192, "oam"),
    ("MI325X", "MI325X", "AMD", 256, "oam"),
    ("MI350X", "MI350X", "AMD", 288, "oam"),
    ("MI355X", "MI355X", "AMD", 288, "oam"),
    ("V520", "V520", "AMD", 8, "pcie"),
    ("V620", "V620", "AMD", 32, "pcie"),
    ("V710", "V710", "AMD", 28, "pcie"),
    ("RADEONVII", "RADEONVII", "AMD", 16, "pcie"),
    ("RADEONPROVII", "RADEONPROVII", "AMD", 16, "pcie"),
    ("W6800", "W6800", "AMD", 32, "pcie"),
    ("W7800", "W7800", "AMD", 32, "pcie"),
    ("W7900", "W7900", "AMD", 48, "pcie"),
    ("RX6800", "RX6800", "AMD", 16, "pcie"),
    ("RX6800XT", "RX6800XT", "AMD", 16, "pcie"),
    ("RX6900XT", "RX6900XT", "AMD", 16, "pcie"),
    ("RX6950XT", "RX6950XT", "AMD", 16, "pcie"),
    ("RX7600", "RX7600", "AMD", 8, "pcie"),
    ("RX7700XT", "RX7700XT", "AMD", 12, "pcie"),
    ("RX7800XT", "RX7800XT", "AMD", 16, "pcie"),
    ("RX7900GRE", "RX7900GRE", "AMD", 16, "pcie"),
    ("RX7900XT", "RX7900XT", "AMD", 20, "pcie"),
    ("RX7900XTX", "RX7900XTX", "AMD", 24, "pcie"),
    ("GAUDI", "GAUDI", "Intel", 32, "oam"),
    ("GAUDI2", "GAUDI2", "Intel", 96, "oam"),
    ("GAUDI3", "GAUDI3", "Intel", 128, "oam"),
    ("MAX1100", "MAX1100", "Intel", 48, "pcie"),
    ("MAX1550", "MAX1550", "Intel", 128, "oam"),
)

# Providers known by more than one name, squeezed to letters and digits.
PROVIDER_SYNONYMS: Mapping[str, str] = {
    "cudocompute": "cudo",
    "datacrunch": "verda",
    "lambdacloud": "lambda",
    "lambdalabs": "lambda",
    "oraclecloud": "oci",
    "ovhcloud": "ovh",
    "vastai": "vast",
}

# alias=candidate|candidate: names in listings that the general reading gets wrong or cannot decide
# where the listing is silent about memory. The memory of the offer chooses among the candidates,
# then their order. Case, spaces and punctuation of an alias do not count; spaces are written "_".
PROVIDER_ALIASES: Mapping[str, str] = {
    "aws": """
        a100_(p4d)=A100-SXM-40GB a100_(p4de)=A100-SXM-80GB h100=H100-SXM v100=V100-SXM2-16GB
        v100_(p3dn)=V100-SXM2-32GB
    """,
    "azure": """
        NC(s)v3=V100-PCIE-16GB NC_RTXPRO6000BSE_v6=RTXPRO6000-SERVER
        NCads_A100_v4=A100-PCIE-80GB NCads_H100_v5=H100-NVL NCasT4_v3=T4
        ND128isr_NDR_GB200_v6=GB200 ND40rs_v2=V100-SXM2-32GB NDamsr_A100_v4=A100-SXM-80GB
        NDasr_v4=A100-SXM-40GB NDis_MI300X_v5=MI300X NDisr_H100_v5=H100-SXM
        NDisr_H200_v5=H200-SXM NGads_V620=V620 NVadsA10_v5=A10 NVads_V710_v5=V710 NVasv4=MI25
        NVsv2=M60 NVsv3=M60 Standard_NC12_Promo=K80 Standard_NC24_Promo=K80
        Standard_NC6_Promo=K80
    """,
    "cudo": "A800_PCIe=A800-PCIE-80GB L40S_(compute_mode)=L40S",
    "digitalocean": """
        gpu-4000adax1-20gb=RTX4000Ada gpu-6000adax1-48gb=RTX6000Ada gpu-h100x1-80gb=H100-SXM
        gpu-h100x8-640gb=H100-SXM gpu-h200x1-141gb=H200-SXM gpu-h200x8-1128gb=H200-SXM
        gpu-mi300x1-192gb=MI300X gpu-mi300x8-1536gb=MI300X
    """,
    "fluidstack": "Quadro_RTX_6000_16GB=QUADRO-RTX6000",
    "gcp": """
        nvidia-a100-80gb=A100-SXM-80GB nvidia-h100-80gb=H100-SXM nvidia-h100-mega-80gb=H100-SXM
        nvidia-tesla-a100=A100-SXM-40GB nvidia-tesla-v100=V100-SXM2-16GB
    """,
    "gpurentalprices": "a100=A100-SXM-80GB h100=H100-SXM v100=V100-SXM2-16GB",
    "hyperstack": "H100=H100-PCIE",
    "lambda": """
        gpu_1x_a100=A100-PCIE-40GB gpu_1x_a100_sxm4=A100-SXM-40GB gpu_1x_gh200=GH200
        gpu_1x_rtx6000=QUADRO-RTX6000 gpu_8x_a100=A100-SXM-40GB gpu_8x_v100=V100-SXM2-16GB
        gpu_8x_v100_n=V100-SXM2-16GB Tesla_V100_(16_GB)=V100-SXM2-16GB
    """,
    "nebius": "gpu-b200-sxm-a=B200 gpu-l40s-a=L40S gpu-l40s-d=L40S gpu-rtx6000=RTXPRO6000-SERVER",
    "oci": """
        BM.GPU.A10.4=A10 BM.GPU.A100-v2.8=A100-SXM-80GB BM.GPU.GB200.4=GB200
        BM.GPU.H100.8=H100-SXM BM.GPU.H200.8=H200-SXM BM.GPU.L40S.4=L40S BM.GPU.MI300X.8=MI300X
        BM.GPU.RTXPRO.8=RTXPRO6000-SERVER BM.GPU4.8=A100-SXM-40GB VM.GPU.A10.1=A10
        VM.GPU.A10.2=A10 VM.GPU2.1=P100-SXM2 VM.GPU3.1=V100-SXM2-16GB VM.GPU3.4=V100-SXM2-16GB
    """,
    "paperspace": "RTX4000=QUADRO-RTX4000",
    "runpod": """
        A100_PCIe=A100-PCIE-80GB A100_SXM=A100-SXM-80GB NVIDIA_B300_SXM6_AC=B300
        NVIDIA_RTX_A2000=RTXA2000 RTX_A2000=RTXA2000 RTX_PRO_5000=RTXPRO5000
        Tesla_V100=V100-PCIE-16GB V100_SXM2=V100-SXM2-16GB
    """,
    "skypilot": """
        A100=A100-SXM-40GB H100-MEGA=H100-SXM RTX6000=QUADRO-RTX6000 V100=V100-SXM2-16GB
        V100-32GB=V100-SXM2-32GB
    """,
    "tensordock": "geforcertx3060tilhr-pcie-8gb=RTX3060Ti rtxa100-pcie-80gb=A100-PCIE-80GB",
    "vast": "B300_PC=B300 RTX_PRO_6000=RTXPRO6000-WORKSTATION RTX_PRO_6000_S=RTXPRO6000-SERVER",
    "verda": """
        1A100.22V=A100-SXM-80GB 1A100.40S.22V=A100-SXM-40GB 1B200.30V=B200 1B300.30V=B300
        1H100.80S.32V=H100-SXM 1H200.141S.44V=H200-SXM 1RTX6000ADA.10V=RTX6000Ada
        1RTXPRO6000.30V=RTXPRO6000-SERVER 1V100.6V=V100-SXM2-16GB B300_SXM6_262GB=B300
        Tesla_V100_16GB=V100-SXM2-16GB
    """,
    "vultr": """
        vbm-256c-2048gb-8-mi300x-gpu=MI300X vbm-72c-480gb-gh200-gpu=GH200
        vcg-a100-12c-120g-80vram=A100-PCIE-80GB vcg-a16-6c-64g-16vram=A16
        vcg-a40-24c-120g-48vram=A40 vcg-b200-248c-2826g-1536vram=B200
        vcg-h100-216c-1914gb-640vram=H100-SXM vcg-mi325x-252c-2872g-1536vram=MI325X
        vcg-mi355x-252c-2872g-2304vram=MI355X
    """,
}
