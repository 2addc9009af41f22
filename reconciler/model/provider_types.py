"""The types of providers that come with the program, and where others are found."""

from __future__ import annotations

SIMULATED = "simulated"
PROVIDER_TYPES = (
    SIMULATED,
    "lambda",
    "runpod",
    "tensordock",
    "vastai",
)
"""What may stand under ``type`` of a provider, beside what installed packages bring."""
PROVIDER_ENTRY_POINTS = "gpu_shopper.providers"
"""The group of entry points by which an installed package brings a type; the point's name is it."""
