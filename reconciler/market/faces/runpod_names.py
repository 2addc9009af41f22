"""RunPod's own names: of GPUs, of data centers and of pods."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

# Their ids where no rule makes them of ours.
_GPU_IDS = {
    "A100-PCIE-80GB": "NVIDIA A100 80GB PCIe", "A100-SXM-80GB": "NVIDIA A100-SXM4-80GB",
    "H100-SXM": "NVIDIA H100 80GB HBM3", "H100-PCIE": "NVIDIA H100 PCIe",
    "H100-NVL": "NVIDIA H100 NVL", "H200-SXM": "NVIDIA H200", "H200-NVL": "NVIDIA H200 NVL",
    "RTX2000Ada": "NVIDIA RTX 2000 Ada Generation", "RTX4000Ada": "NVIDIA RTX 4000 Ada Generation",
    "RTX4000SFFAda": "NVIDIA RTX 4000 SFF Ada Generation",
    "RTX5000Ada": "NVIDIA RTX 5000 Ada Generation", "RTX6000Ada": "NVIDIA RTX 6000 Ada Generation",
    "RTXPRO6000-SERVER": "NVIDIA RTX PRO 6000 Blackwell Server Edition",
    "RTXPRO6000-WORKSTATION": "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
    "RTXPRO6000-MAXQ": "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition",
    "RTXA4500": "NVIDIA  RTX A4500",  # two spaces: so it stands in theirs
    "V100-SXM2-16GB": "Tesla V100-SXM2-16GB", "V100-SXM2-32GB": "Tesla V100-SXM2-32GB",
    "V100-PCIE-16GB": "Tesla V100-PCIE-16GB", "T4": "Tesla T4",
    "MI300X": "AMD Instinct MI300X OAM",
}  # fmt: skip
_GEFORCE = re.compile(r"(RTX)([0-9]{4})(Ti|SUPER)?")
_WORKSTATION = re.compile(r"RTX(A[0-9]{4})")
_SHORT = re.compile(r"NVIDIA +(?:GeForce )?|Tesla |AMD Instinct | Generation")
_CONTINENTS = {
    "EU": "AT BE CH CZ DE DK ES FI FR GB IE IS IT NL NO PL PT RO SE",
    "AP": "HK ID IN JP KR MY SG TW",
    "OC": "AU NZ",
    "SA": "BR CL",
    "ME": "AE BH IL QA SA",
    "AF": "ZA",
}
_CONTINENT_OF = {
    country: continent for continent, all_of in _CONTINENTS.items() for country in all_of.split()
}
_BY_STATE = frozenset({"US", "CA"})
WORDS = {"NONE": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 9}
"""From how many free machines on a level of stock is shown: they publish no figures."""


def gpu_id(canonical: str) -> str:
    """As they spell it."""
    known = _GPU_IDS.get(canonical)
    if known:
        return known
    if match := _GEFORCE.fullmatch(canonical):
        return f"NVIDIA GeForce {' '.join(filter(None, match.groups()))}"
    if match := _WORKSTATION.fullmatch(canonical):
        return f"NVIDIA RTX {match.group(1)}"
    return f"NVIDIA {canonical}"


def display_name(identifier: str) -> str:
    return " ".join(_SHORT.sub("", identifier).split())


def level(free: int) -> str:
    return max((word for word in WORDS if WORDS[word] <= free), key=WORDS.__getitem__)


def data_centers(places: Iterable[tuple[str, str | None]]) -> Mapping[tuple[str, str | None], str]:
    """``(region, country)`` to an id such as ``EU-NL-1``: no two places share one."""
    by_start: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for place in sorted(set(places), key=lambda one: (one[0], one[1] or "")):
        by_start[_start(*place)].append(place)
    return {
        place: f"{start}-{number}"
        for start, listed in by_start.items()
        for number, place in enumerate(listed, start=1)
    }


def _start(region: str, country: str | None) -> str:
    if country is None:
        return "UNKNOWN"
    if country not in _BY_STATE:
        return f"{_CONTINENT_OF.get(country, 'ZZ')}-{country}"
    letters = re.sub(r"[^A-Z]", "", region.upper().removeprefix(country))
    return f"{country}-{letters[:2] or 'XX'}"


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TAIL = "q7"


def pod_id(machine_id: str) -> str:
    """Small letters and digits, as theirs are."""
    number, digits = int(machine_id), ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits + _TAIL


def volume_id(number: int) -> str:
    """Small letters and digits as well."""
    return f"v{pod_id(str(number))}"


def machine_id(pod: str) -> str | None:
    """The market's id of a pod; None for one that no pod has."""
    inner = pod.removesuffix(_TAIL)
    if not 0 < len(inner) <= 12 or not set(inner) <= set(_DIGITS):
        return None
    found = str(int(inner, 36))
    return found if pod_id(found) == pod else None
