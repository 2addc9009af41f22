"""What a plan says where no provider that a fleet allows can do what it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.fleet import Fleet, Where
from reconciler.model.hand_over import Boot
from reconciler.model.offer import Ability, Offer, OfferBook, OfferListing
from reconciler.planning.inability import Inabilities
from reconciler.providers.lambda_cloud.offers import LACKS as LAMBDA
from reconciler.providers.runpod.offers import LACKS as RUNPOD
from reconciler.providers.tensordock.offers import LACKS as TENSORDOCK
from reconciler.providers.vastai.offers import LACKS as VASTAI
from tests.builders import fleet, offer
from tests.markets import START

OURS = {"lambda": LAMBDA, "runpod": RUNPOD, "tensordock": TENSORDOCK, "vastai": VASTAI}
ASKING: dict[Ability, dict[str, Any]] = {
    "image": {"image": "nvidia/cuda:12.4.1-base-ubuntu22.04"},
    "vm_image": {"boot": Boot(vm_image="ubuntu-22.04")},
    "setup": {"boot": Boot(setup="echo hi")},
    "ports": {"boot": Boot(ports=(8000,))},
    "spot": {"spot": True},
}


def book(*offers: Offer) -> OfferBook:
    listings = (
        OfferListing(name, tuple(one for one in offers if one.provider == name), {}, START)
        for name in sorted({one.provider for one in offers})
    )
    return OfferBook(tuple(listings))


def everything() -> Inabilities:
    return Inabilities(book(*(offer(name, provider=name, lacks=OURS[name]) for name in OURS)))


def asking(what: Ability, *providers: str) -> Fleet:
    return fleet(where=Where(providers=frozenset(providers)), **ASKING[what])


@pytest.mark.parametrize("what", ASKING)
@pytest.mark.parametrize("provider", OURS)
def test_each_key_that_a_provider_refuses_is_said_in_the_plan(provider: str, what: Ability) -> None:
    said = everything().in_the_way(asking(what, provider))
    assert bool(said) is (what in OURS[provider])
    assert not said or said.startswith(f": {provider} ")


def test_one_provider_that_is_able_is_enough_to_say_nothing() -> None:
    assert everything().in_the_way(asking("setup", "runpod")) == ": runpod runs no setup"
    assert everything().in_the_way(asking("setup", "runpod", "vastai")) == ""
    assert everything().in_the_way(fleet()) == ""
    both = everything().in_the_way(asking("image", "lambda", "tensordock"))
    assert both == ": lambda runs no container images, tensordock runs no container images"


def test_a_provider_one_of_whose_offers_can_is_able() -> None:
    able = offer("o2", provider="runpod")
    unable = offer("o1", provider="runpod", lacks=RUNPOD)
    assert Inabilities(book(unable, able)).in_the_way(asking("setup")) == ""
    assert Inabilities(book()).in_the_way(asking("setup")) == ""
