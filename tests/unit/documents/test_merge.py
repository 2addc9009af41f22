"""Merge order: built-in, `defaults`, profiles through `extends`, then the fleet; the last wins."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import combinations

import pytest

from reconciler.documents.loader import load_text
from reconciler.model.errors import DocumentError
from reconciler.model.fleet import DEFAULT_DISK_BYTES, DesiredState, Fleet
from reconciler.model.quantity import GIB

HEAD = "version: 1\nworkspace: lab\nproviders: {simulated: {}}\n"


def load(text: str) -> DesiredState:
    return load_text("fleets.yaml", (HEAD + text).encode())


def fleet(text: str, name: str = "f") -> Fleet:
    return load(text).fleets[name]


def problems(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_fleet_alone_gets_every_built_in_default() -> None:
    made = fleet("fleets: {f: {resources: {gpu: RTX4090}}}")
    assert (made.nodes.minimum, made.nodes.target, made.nodes.maximum) == (1, 1, 1)
    assert made.resources.disk_bytes == DEFAULT_DISK_BYTES
    assert (made.ttl, made.grace) == (timedelta(hours=12), timedelta(minutes=10))
    assert not made.spot
    assert (made.gang, made.placement, made.uniform) == (False, "any", True)
    assert made.prevent_destroy is None
    assert made.max_gpu_hour_usd is None


def test_the_fleet_wins_over_profiles_and_profiles_over_defaults() -> None:
    made = fleet("""
defaults: {ttl: 1h, grace: 1m, team: one, resources: {gpu: L4}}
profiles:
  a: {grace: 2m, team: two}
fleets:
  f: {extends: a, team: three}
""")
    assert (made.ttl, made.grace, made.team) == (timedelta(hours=1), timedelta(minutes=2), "three")


def test_what_binds_the_nodes_is_taken_over_key_by_key_and_can_be_taken_back() -> None:
    made = fleet("""
defaults: {gang: true, placement: same_region, resources: {gpu: L4}}
profiles:
  loose: {gang: false, uniform: false}
fleets:
  f: {extends: loose, placement: spread}
""")
    assert (made.gang, made.placement, made.uniform) == (False, "spread", False)


def test_later_profiles_win_over_earlier_ones() -> None:
    text = """
profiles: {{a: {{ttl: 1h}}, b: {{ttl: 2h}}}}
fleets: {{f: {{extends: [{order}], resources: {{gpu: L4}}}}}}
"""
    assert fleet(text.format(order="a, b")).ttl == timedelta(hours=2)
    assert fleet(text.format(order="b, a")).ttl == timedelta(hours=1)


def test_a_shared_ancestor_does_not_override_what_a_profile_says_after_it() -> None:
    made = fleet("""
profiles:
  base: {ttl: 1h, resources: {gpu: L4}}
  a: {extends: base, ttl: 2h}
  b: {extends: base, grace: 5m}
fleets: {f: {extends: [a, b]}}
""")
    assert (made.ttl, made.grace) == (timedelta(hours=2), timedelta(minutes=5))


def test_resources_offers_and_lifecycle_merge_key_by_key() -> None:
    made = fleet("""
defaults:
  resources: {gpu: L4, disk: 200GB, cpu: 8..}
  offers: {min_reliability: 0.9, verified: true}
  lifecycle: {prevent_destroy: true}
fleets:
  f: {resources: {gpu: H100}, offers: {hosting: datacenter}, lifecycle: {}}
""")
    assert made.resources.gpu[0].text == "H100"
    assert made.resources.disk_bytes == 200 * GIB
    assert made.resources.cpu.minimum == 8
    assert made.offers.verified is True
    assert (made.offers.min_reliability, made.offers.hosting) == (Decimal("0.9"), "datacenter")
    assert made.prevent_destroy is True


def test_a_fleet_can_lift_what_its_defaults_say() -> None:
    made = fleet("""
defaults: {countries: [DE], lifecycle: {prevent_destroy: true}, offers: {verified: true}}
fleets:
  f:
    resources: {gpu: L4}
    countries: []
    lifecycle: {prevent_destroy: false}
    offers: {verified: false}
""")
    assert made.where.countries == frozenset()
    assert made.prevent_destroy is False
    assert made.offers.verified is False


@pytest.mark.parametrize("lifecycle", ["", "lifecycle: {}, "])
def test_protection_that_no_document_writes_is_neither_set_nor_lifted(lifecycle: str) -> None:
    made = fleet(f"""
defaults: {{lifecycle: {{}}, resources: {{gpu: L4}}}}
profiles: {{p: {{ttl: 1h}}}}
fleets: {{f: {{{lifecycle}extends: p}}}}
""")
    assert made.prevent_destroy is None


CHOICES = {"gpu": "L4", "any_of": "[L4, T4]", "ordered": "[H100, L4]"}


@pytest.mark.parametrize(("first", "second"), list(combinations(CHOICES, 2)))
def test_gpu_any_of_and_ordered_replace_one_another(first: str, second: str) -> None:
    for below, above in ((first, second), (second, first)):
        made = fleet(f"""
defaults: {{resources: {{{below}: {CHOICES[below]}, disk: 80GB}}}}
fleets: {{f: {{resources: {{{above}: {CHOICES[above]}}}}}}}
""")
        assert len(made.resources.gpu) == (1 if above == "gpu" else 2)
        assert made.resources.ordered == (above == "ordered")
        assert made.resources.disk_bytes == 80 * GIB


def test_two_of_the_gpu_choices_in_one_block_are_refused() -> None:
    assert problems("fleets: {f: {resources: {gpu: L4, any_of: [T4]}}}") == [
        "fleets.yaml:4:25: resources: gpu, any_of and ordered are one choice: keep one of them"
    ]


def test_labels_and_env_merge_key_by_key_and_lists_replace() -> None:
    made = fleet("""
defaults:
  resources: {gpu: L4}
  labels: {a: one, b: one}
  env: {A: "1", B: "1"}
  regions: [x, y]
fleets: {f: {labels: {b: two}, env: {B: "2"}, regions: [z]}}
""")
    assert made.labels == {"a": "one", "b": "two"}
    assert made.env == {"A": "1", "B": "2"}
    assert made.where.regions == {"z"}


def test_the_blocks_that_fleets_share_are_not_changed_by_one_of_them() -> None:
    desired = load("""
defaults: {resources: {gpu: L4}, labels: {a: one}}
profiles: {p: {labels: {p: "1"}}}
fleets:
  f: {extends: p, labels: {f: "1"}, resources: {gpu: T4}}
  g: {extends: p, labels: {g: "1"}}
""")
    assert desired.fleets["g"].labels == {"a": "one", "p": "1", "g": "1"}
    assert desired.fleets["g"].resources.gpu[0].text == "L4"


def test_a_circle_is_named_once_and_an_unknown_profile_at_each_place() -> None:
    told = problems("""
profiles:
  a: {extends: [c, b]}
  b: {extends: [a]}
fleets:
  f: {extends: [b, d], resources: {gpu: L4}}
""")
    assert told == [
        "fleets.yaml:6:17: unknown profile c (known: a, b)",
        "fleets.yaml:7:17: profiles extend one another in a circle: a -> b -> a (remove one)",
        "fleets.yaml:9:20: unknown profile d (known: a, b)",
    ]


def test_a_ttl_above_the_limit_is_reported_where_it_is_written() -> None:
    told = problems("""
safety: {max_ttl: 10h}
profiles: {long: {ttl: 20h}}
fleets:
  a: {extends: long, resources: {gpu: L4}}
  b: {extends: long, resources: {gpu: L4}}
  c: {resources: {gpu: L4}}
""")
    assert told == [
        "fleets.yaml:6:24: ttl is longer than the 10h that safety.max_ttl allows"
        " (write 10h or less)",
        "fleets.yaml:10:3: no ttl is written, and the built-in 12h is longer than"
        " safety.max_ttl, 10h (write ttl: 10h or less)",
    ]
