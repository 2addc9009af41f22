"""The faults of RELIABILITY.md, C1 to C8, by their numbers, each with the call that it attacks.

Those that attack the wire itself (C6, C7 and much of C8) need an HTTP face and are not here.
C2.1 and C2.2 are the market's ordinary `list_lag`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from reconciler.market.faults import Fault, Operation

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)

CATALOGUE: Mapping[str, tuple[Operation, Fault]] = MappingProxyType(
    {
        "C1.1": ("create_instance", Fault(error="unavailable", done=True)),
        "C1.2": ("create_instance", Fault(hang=_HOUR)),
        "C1.4": ("create_instance", Fault(error="refused", done=True, carries_id=True)),
        "C1.5": ("create_instance", Fault(error="refused")),
        "C1.6": ("create_instance", Fault(without_id=True)),
        "C1.7": ("create_instance", Fault(done=False)),
        "C1.8": ("create_instance", Fault(error="unreadable", done=True)),
        "C1.9": ("create_instance", Fault(error="offer-gone")),
        "C1.17": ("create_instance", Fault(appears_after=10 * _MINUTE)),
        "C1.18": ("create_instance", Fault(stops_after=timedelta(0))),
        "C1.20": ("create_instance", Fault(stops_after=timedelta(seconds=5))),
        "C2.4": ("list_instances", Fault(shape="empty")),
        "C2.5": ("list_instances", Fault(shape="cut", keep=25)),
        "C2.6": ("list_instances", Fault(shape="partial", keep=1)),
        "C2.10": ("list_instances", Fault(shape="duplicated")),
        "C2.11": ("list_instances", Fault(drop_labels=True)),
        "C2.14": ("get_instance", Fault(error="not-found")),
        "C2.15": ("list_instances", Fault(stale=10 * _MINUTE)),
        "C2.17": ("list_instances", Fault(shape="reversed")),
        "C3.1": ("get_instance", Fault(status="booting")),
        "C3.2": ("list_instances", Fault(status="exited")),
        "C3.3": ("list_instances", Fault(status="")),
        "C3.4": ("list_instances", Fault(status="zombified")),
        "C3.5": ("create_instance", Fault(gpu_inside="GTX1080")),
        "C3.7": ("list_instances", Fault(status="offline")),
        "C4.1": ("destroy_instance", Fault(done=False)),
        "C4.2": ("destroy_instance", Fault(error="not-found")),
        "C4.3": ("destroy_instance", Fault(error="unavailable")),
        "C4.4": ("destroy_instance", Fault(error="rate-limited", delay=_MINUTE)),
        "C5.1": ("list_offers", Fault(quoted_percent=80)),
        "C5.2": ("create_instance", Fault(billed_percent=250)),
        "C5.4": ("list_offers", Fault(price="$0.22")),
        "C5.5": ("list_offers", Fault(price="NaN")),
        "C5.6": ("list_offers", Fault(price="-1")),
        "C6.4": ("destroy_instance", Fault(error="unavailable", done=True)),
        "C6.5": ("list_instances", Fault(hang=_HOUR)),
        "C8.1": ("list_instances", Fault(error="auth-refused")),
        "C8.3": ("destroy_instance", Fault(error="auth-refused")),
        "C8.4": ("list_instances", Fault(error="rate-limited")),
        "C8.5": ("get_instance", Fault(error="rate-limited", delay=5 * _MINUTE)),
    }
)
