from __future__ import annotations

from decimal import Decimal
from textwrap import dedent

from reconciler.model.plan import Stranger
from reconciler.model.volume import Volume
from reconciler.reporting.stranger_table import stranger_table
from tests.builders import HOUR, TTL, instance
from tests.markets import GIB, START
from tests.unit.reporting.hostile import HOSTILE, assert_clean


def test_strangers_are_listed_with_their_treatment_and_the_total_last() -> None:
    strangers = [
        Stranger("foreign", instance(id="m-3", label=None, gpu=None), None),
        Stranger("neighbour", instance(id="m-2", label="a", usd_per_hour=None), START - HOUR),
        Stranger("orphaned", instance(id="m-1", label="b"), START + TTL),
    ]
    assert (
        stranger_table(strangers, START, doubts=["vastai: connection refused"])
        == dedent("""
        KIND       PROVIDER   ID   GPU             $/H  END (UTC)    LABEL
        orphaned   simulated  m-1  RTX4090:1    $0.400  07-01 16:00  b
        neighbour  simulated  m-2  RTX4090:1         ?  over by 1h   a
        foreign    simulated  m-3  unknown GPU  $0.400               (none)

        orphaned: our mark, no record: noticed, then destroyed by reconcile or apply
        neighbour: another workspace's mark: never touched
        foreign: no mark of ours: never touched

        May be more: vastai: connection refused

        Total: 3 machines, $0.800/h, 1 of unknown rate.
    """).strip()
    )


def test_no_strangers_is_one_sentence() -> None:
    assert stranger_table([], START) == "Every machine in these accounts is covered by a record."


def test_volumes_are_a_class_of_their_own() -> None:
    volumes = [
        Volume("vastai", "7", 40 * GIB, Decimal("0.008"), ("m-1",), "active"),
        Volume("vastai", "8", None, None),
    ]
    assert (
        stranger_table([], START, volumes=volumes)
        == dedent("""
        PROVIDER  VOLUME  SIZE     $/H  MOUNTED ON  STATUS
        vastai    7       40GB  $0.008  m-1         active
        vastai    8          ?       ?  nowhere
        2 volumes, $0.008/h and 1 of unknown rate, 1 mounted nowhere: billed until you
        delete them there; never touched here

        Every machine in these accounts is covered by a record.
    """).strip()
    )


def test_ten_thousand_strangers_do_not_flood() -> None:
    many = [Stranger("foreign", instance(id=f"m-{n}"), None) for n in range(10_000)]
    assert len(stranger_table(many, START).splitlines()) < 110


def test_I22_labels_cannot_paint_the_terminal() -> None:
    bad = instance(id=HOSTILE, label=HOSTILE, provider=HOSTILE, gpu=HOSTILE)
    assert_clean(stranger_table([Stranger("foreign", bad, None)], START, doubts=[HOSTILE]))
