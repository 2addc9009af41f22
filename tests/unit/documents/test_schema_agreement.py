"""pydantic decides and the published schema words: both must accept and refuse the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from reconciler.documents.blocks import FleetDocument
from reconciler.documents.json_schema import document_schema
from reconciler.documents.yaml_source import Data, read_document

ACCEPTED = (
    "{}",
    "version: 1",
    "fleets:",
    "fleets: {}",
    "providers: {simulated: }",
    "providers: {simulated: {type: simulated, market: m.db}}",
    "fleets: {f: {}}",
    "fleets: {f: {nodes: 3}}",
    "fleets: {f: {nodes: 0}}",
    "fleets: {f: {nodes: 2..6}}",
    "fleets: {f: {nodes: {min: 1, max: 2}}}",
    "fleets: {f: {resources: {gpu: H100:8}}}",
    "fleets: {f: {resources: {gpu: {name: H100, count: 8}}}}",
    "fleets: {f: {resources: {any_of: [H100, {memory: 24GB..}]}}}",
    "fleets: {f: {resources: {cpu: 16, memory: 64GB.., disk: 1.5TB, cuda: 12.4..}}}",
    "fleets: {f: {resources: {cpu: 16+}}}",
    "fleets: {f: {max_gpu_hour_usd: 0.60, max_node_hour_usd: 3}}",
    "fleets: {f: {ttl: 1d12h, expires_at: 2026-03-01T18:00:00Z}}",
    "fleets: {f: {expires_at: never}}",
    "fleets: {f: {active: {hours: Mon-Fri 08:00-20:00, timezone: UTC}}}",
    "fleets: {f: {active: {hours: [Fri 22:00-06:00, Mon 08:00 - Tue 18:00], timezone: UTC}}}",
    "fleets: {f: {offers: {min_reliability: 1, verified: true, hosting: any}}}",
    "fleets: {f: {gang: true, placement: same_provider, uniform: false}}",
    "providers: {simulated: {max_hourly_usd: 0.50}}",
    "providers: {simulated: {min_balance_usd: 0}}",
    "fleets: {f: {extends: a, countries: [NO], regions: []}}",
    "fleets: {f: {extends: [a, b]}}",
    "fleets: {f: {env: {A: b}, labels: {cost-center: x}}}",
    "safety: {undeclared: report, max_destroy: {count: 0, percent: 100}, allow_empty: false}",
    "state: {backend: local, path: state/s.json}",
    "notifiers: {n: {type: webhook, url: 'https://hooks.example.com/x'}}",
    "notifiers: {n: {type: webhook, url: '${env:HOOK}'}}",
)
REFUSED = (
    "[]",
    "text",
    "version: 2",
    "version: 1.0",
    "version: true",
    'version: "1"',
    "version:",
    "workspace: Lab",
    "workspace: -lab",
    "policies: {}",
    "fleets: {f: {active: Mon-Fri 08:00-20:00}}",
    "fleets: {f: {active: {hours: Mon-Fri 08:00-20:00}}}",
    "fleets: {f: {active: {hours: [], timezone: UTC}}}",
    "fleets: {f: {active: {hours: '* 8 * * 1', timezone: UTC}}}",
    "defaults:",
    "defaults: {extends: a}",
    "fleets: []",
    "fleets: {F: {}}",
    "fleets: {f-: {}}",
    "fleets: {f: }",
    "fleets: {f: []}",
    "fleets: {f: {heartbeat: true}}",
    "fleets: {f: {nodes: true}}",
    'fleets: {f: {nodes: "3"}}',
    "fleets: {f: {nodes: 3.0}}",
    "fleets: {f: {nodes: -1}}",
    "fleets: {f: {nodes: 20001}}",
    "fleets: {f: {nodes: {min: 1}}}",
    "fleets: {f: {nodes: {min: 1, max: 2, most: 3}}}",
    "fleets: {f: {nodes: [1, 2]}}",
    "fleets: {f: {nodes: }}",
    "fleets: {f: {resources: {gpu: 4090}}}",
    "fleets: {f: {resources: {gpu: []}}}",
    "fleets: {f: {resources: {gpu: {count: 0, name: H100}}}}",
    "fleets: {f: {resources: {any_of: []}}}",
    "fleets: {f: {resources: {any_of: H100}}}",
    "fleets: {f: {resources: {cpu: -1}}}",
    "fleets: {f: {resources: {cpu: many}}}",
    "fleets: {f: {resources: {memory: 64}}}",
    "fleets: {f: {resources: {disk: ..64GB}}}",
    "fleets: {f: {spot_policy: cheap}}",
    "fleets: {f: {spot: {fallback_after: 0}}}",
    "fleets: {f: {allocation_strategy: random}}",
    "fleets: {f: {max_share_per_provider: 50}}",
    "fleets: {f: {max_share_per_provider: 101%}}",
    "fleets: {f: {gang: 1}}",
    "fleets: {f: {gang: }}",
    "fleets: {f: {placement: same-region}}",
    "fleets: {f: {uniform: yes}}",
    "providers: {simulated: {max_hourly_usd: 0}}",
    "providers: {simulated: {min_balance_usd: -0.01}}",
    "providers: {simulated: {max_hourly_usd: 5 USD}}",
    "fleets: {f: {max_gpu_hour_usd: 0}}",
    'fleets: {f: {max_gpu_hour_usd: "1"}}',
    "fleets: {f: {max_gpu_hour_usd: 1000001}}",
    "fleets: {f: {ttl: 4}}",
    "fleets: {f: {ttl: 12:30}}",
    "fleets: {f: {ttl: [4h]}}",
    "fleets: {f: {ttl: }}",
    "fleets: {f: {expires_at: 2026}}",
    "fleets: {f: {offers: {min_reliability: 1.1}}}",
    "fleets: {f: {offers: {verified: yes}}}",
    "fleets: {f: {offers: {hosting: home}}}",
    "fleets: {f: {countries: [no]}}",
    "fleets: {f: {countries: NO}}",
    "fleets: {f: {regions: [1]}}",
    "fleets: {f: {regions: ['']}}",
    "fleets: {f: {extends: []}}",
    "fleets: {f: {env: {A: 1}}}",
    "fleets: {f: {env: {1A: x}}}",
    "fleets: {f: {labels: {a: true}}}",
    "fleets: {f: {labels: []}}",
    "fleets: {f: {lifecycle: {prevent_destroy: 1}}}",
    "profiles: {p: {ttls: 1h}}",
    "safety: {undeclared: maybe}",
    "safety: {max_destroy: {percent: 101}}",
    "safety: {max_destroy: 3}",
    "state: {backend: s3}",
    "state: {path: s.json}",
    "state: {path: ./s.json}",
    "providers: {simulated: {key: x}}",
    "providers: {simulated: {type: 'pega sus'}}",
    "notifiers: {n: {type: webhook}}",
    "notifiers: {n: {type: mail, url: 'https://hooks.example.com/x'}}",
    "notifiers: {n: {type: webhook, url: 'ftp://hooks.example.com/x'}}",
)


def _data(text: str) -> Data:
    return read_document("fleets.yaml", text.encode()).data


def _pydantic_accepts(data: Any) -> bool:
    try:
        FleetDocument.model_validate(data)
    except ValidationError:
        return False
    return True


def _schema_accepts(data: Any) -> bool:
    return Draft202012Validator(document_schema()).is_valid(data)


@pytest.mark.parametrize("text", ACCEPTED)
def test_both_accept_what_may_be_written(text: str) -> None:
    assert (_pydantic_accepts(_data(text)), _schema_accepts(_data(text))) == (True, True)


@pytest.mark.parametrize("text", REFUSED)
def test_both_refuse_what_may_not(text: str) -> None:
    assert (_pydantic_accepts(_data(text)), _schema_accepts(_data(text))) == (False, False)


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_a_price_that_is_no_number_is_refused_even_if_the_yaml_reader_let_it_through(
    price: str,
) -> None:
    """Mutant M19."""
    assert not _pydantic_accepts({"defaults": {"max_gpu_hour_usd": Decimal(price)}})
