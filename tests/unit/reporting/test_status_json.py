from __future__ import annotations

import json

from reconciler.model.exit_code import ExitCode
from reconciler.model.instance import SshEndpoint
from reconciler.model.plan import Finding
from reconciler.reporting.status_json import output_json, status_json
from tests.unit.reporting.hostile import HOSTILE
from tests.unit.reporting.status_rows import intent_row, machine_row, report

NODE = {
    "slot": "fleet.train[0]",
    "stage": "running",
    "host": "203.0.113.7",
    "port": 22000,
    "user": "root",
    "ports": {},
    "gpu": "H100-SXM",
    "gpu_count": 8,
    "provider": "simulated",
    "id": "m-0",
    "ends_at": "2026-07-01T16:00:00Z",
    "usd_per_hour": "19.20",
}


def test_output_lists_the_nodes_of_each_fleet() -> None:
    value = report(machine_row(1, "zoo", ssh=None), machine_row())
    assert output_json(value)["fleets"]["train"] == {"nodes": [NODE]}
    assert output_json(value)["fleets"]["zoo"]["nodes"][0]["host"] is None


def test_status_holds_money_as_text_and_moments_in_utc() -> None:
    value = report(
        machine_row(),
        intents=(intent_row(),),
        strangers=(("foreign", 2),),
        findings=(Finding("slow", ExitCode.PROVIDER_FAILURE, fix="wait"),),
    )
    document = json.loads(json.dumps(status_json(value)))
    assert document["machines"] == [
        {
            **NODE,
            "region": "us-east",
            "usd_so_far": "19.20",
            "age_seconds": 3600,
            "seconds_left": 10800,
            "note": "",
        }
    ]
    assert document["worst_case_usd"] == "58.24"
    assert document["now"] == "2026-07-01T13:00:00Z"
    assert document["strangers"] == {"foreign": 2}
    assert document["findings"] == [{"message": "slow", "fix": "wait", "exit_code": 8}]
    assert document["unresolved_creates"][0]["begun_at"] == "2026-07-01T12:00:00Z"


def test_I22_json_holds_no_control_characters_and_no_dubious_host() -> None:
    row = machine_row(
        provider=HOSTILE,
        instance_id=HOSTILE,
        region=HOSTILE,
        gpu=HOSTILE,
        note=HOSTILE,
        ssh=SshEndpoint("-oProxyCommand=evil", 22, "root"),
    )
    value = report(row, intents=(intent_row(detail=HOSTILE),), enforced_by=HOSTILE)
    text = json.dumps([status_json(value), output_json(value)], ensure_ascii=False)
    assert text.isprintable()
    assert "ProxyCommand" not in text
