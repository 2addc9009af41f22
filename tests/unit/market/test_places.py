from __future__ import annotations

import pytest

from reconciler.market.places import country_of


@pytest.mark.parametrize(
    ("region", "country"),
    [
        ("Denmark, DK, EU", "DK"),
        (", US, NA", "US"),
        ("North Carolina, US, NA", "US"),
        ("CZ", "CZ"),
        ("SA", "SA"),
        ("us", "US"),
        ("us-east-1", "US"),
        ("us-central1", "US"),
        ("westus2", "US"),
        ("westeurope", "NL"),
        ("northeurope", "IE"),
        ("southeastasia", "SG"),
        ("eastasia", "HK"),
        ("eu-north-1", "SE"),
        ("eu-north1", "FI"),
        ("europe-west1", "BE"),
        ("europe-west12", "IT"),
        ("asia-south2", "IN"),
        ("asia-southeast1", "SG"),
        ("australiaeast", "AU"),
        ("FIN-03", "FI"),
        ("eu", None),
        ("EU", None),
        ("", None),
        ("moon-base-1", None),
    ],
)
def test_a_regions_name_tells_its_country_or_nothing(region: str, country: str | None) -> None:
    assert country_of(region) == country
