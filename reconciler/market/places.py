"""In which country a cloud's region lies, where its name tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain

# "Denmark, DK, EU", ", US, NA": a marketplace's place, country and continent
_LISTED_PLACE = re.compile(r".*, ?([A-Z]{2}), ?[A-Z]{2}")
_BARE_COUNTRY = re.compile(r"[A-Za-z]{2}")
_CONTINENTS = frozenset({"AS", "EU", "NA", "OC"})

# The start of a region's name decides, longest first; the names are those of AWS, Azure, Google
# Cloud, Lambda, Nebius and Verda.
_COUNTRIES: Mapping[str, str] = {
    "AE": "me-central-1 uaecentral uaenorth",
    "AU": "australia ap-southeast-2 ap-southeast-4",
    "BE": "europe-west1",
    "BH": "me-south-1",
    "BR": "brazil sa-east-1 southamerica-east1",
    "CA": "ca- canada northamerica-northeast",
    "CH": "europe-west6 eu-central-2 switzerland",
    "CL": "chile southamerica-west1",
    "DE": "eu-central-1 europe-central-1 europe-west3 europe-west10 germany",
    "ES": "eu-south-2 europe-southwest1 spain",
    "FI": "eu-north1 europe-north1 FIN-",
    "FR": "eu-west1 eu-west-3 europe-west9 france",
    "GB": "eu-west-2 europe-west2 uksouth ukwest",
    "HK": "asia-east2 ap-east-1 eastasia",
    "ID": "asia-southeast2 ap-southeast-3 indonesia",
    "IE": "eu-west-1 northeurope",
    "IL": "il-central-1 israel me-west1 me-west-1",
    "IN": "ap-south- asia-south centralindia jioindia southindia westindia",
    "IT": "eu-south-1 europe-west8 europe-west12 italy",
    "JP": "ap-northeast-1 ap-northeast-3 asia-northeast1 asia-northeast2 asia-northeast- japan",
    "KR": "ap-northeast-2 asia-northeast3 korea",
    "MX": "mexico mx-central northamerica-south1",
    "MY": "ap-southeast-5 malaysia",
    "NL": "europe-west4 westeurope",
    "NO": "norway",
    "PL": "europe-central2 poland",
    "QA": "me-central1 qatar",
    "SA": "me-central2",
    "SE": "eu-north-1 sweden europe-north2",
    "SG": "ap-southeast-1 asia-southeast1 southeastasia",
    "TW": "asia-east1 ap-east-2",
    "US": "centralus eastus northcentralus southcentralus us us- westcentralus westus",
    "ZA": "af-south-1 africa-south1 southafrica",
}
_BY_START = dict(
    sorted(
        chain.from_iterable(
            ((start.lower(), country) for start in starts.split())
            for country, starts in _COUNTRIES.items()
        ),
        key=lambda pair: -len(pair[0]),
    )
)


def country_of(region: str) -> str | None:
    """Two capital letters, or None where the region's name does not tell the country."""
    text = region.strip()
    if listed := _LISTED_PLACE.fullmatch(text):
        return listed.group(1)
    if _BARE_COUNTRY.fullmatch(text):
        code = text.upper()
        return None if code in _CONTINENTS else code
    lowered = text.lower()
    return next((c for start, c in _BY_START.items() if lowered.startswith(start)), None)
