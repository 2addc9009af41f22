"""The root of the documents, and the settings around the fleets.

A key stands in a block only when it is enforced end to end (SPEC.md section 2); all others are
refused as unknown. The published schema is generated from these classes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from reconciler.documents.budget_blocks import BUDGETS_MAX, BudgetBlock
from reconciler.documents.fleet_blocks import FleetBlock, FleetSettings
from reconciler.documents.resource_blocks import NODES_MAX, Block
from reconciler.documents.written_keys import EmptyOr, Written
from reconciler.documents.written_references import KeyReference, WebhookUrl
from reconciler.documents.written_text import FilePath, FleetName, Name, StatePath, WorkspaceName
from reconciler.documents.written_values import Duration, Usd, UsdOrNothing
from reconciler.model.provider_types import PROVIDER_TYPES

DOCUMENT_VERSION = 1


def _margin(value: timedelta) -> timedelta:
    if not timedelta(minutes=10) <= value <= timedelta(hours=24):
        raise ValueError("a loop goes first: from 10m to 24h after the lease's end")
    return value


NodeTimerMargin = Annotated[Duration, AfterValidator(_margin)]


class MaxDestroyBlock(Block):
    count: Written[int] = Field(
        None, ge=0, le=NODES_MAX, description="Machines in any rolling hour; default 1."
    )
    percent: Written[int] = Field(
        None, ge=0, le=100, description="Percent of the live machines; default 30."
    )


class SafetyBlock(Block):
    undeclared: Written[Literal["destroy", "report"]] = Field(
        None, description="What the loop does with our machines that no document declares."
    )
    max_destroy: Written[MaxDestroyBlock] = Field(
        None, description="The larger of the two is the most that may go by a slip."
    )
    allow_empty: Written[bool] = Field(
        None, description="Documents without any fleet may destroy everything; default false."
    )
    max_ttl: Written[Duration] = Field(None, description="Longest lease; default 30d.")
    tick: Written[Duration] = Field(
        None, description="How often a loop is expected to pass; default 60s."
    )
    node_timer: Written[NodeTimerMargin] = Field(
        None,
        description="So long after its lease's end a machine that can (Vast.ai's) destroys itself, "
        "whether a loop passes or not: 10m to 24h; default: never.",
    )


class StateBlock(Block):
    backend: Written[Literal["local"]] = Field(None, description="Where the state is kept.")
    path: Written[StatePath] = Field(
        None,
        description="File in a folder of its own, relative to this directory; "
        "default `state/<workspace>.json`.",
    )


class ProviderBlock(Block):
    type: Written[Name] = Field(
        None,
        description=f"Which provider it is: {', '.join(PROVIDER_TYPES)}, or a type that an "
        "installed package brings; default: its name.",
    )
    key: Written[KeyReference] = Field(
        None,
        description="Where its API key is: `${env:NAME}` or `${file:PATH}`; never the key itself.",
    )
    market: Written[FilePath] = Field(None, description="The simulated market's file.")
    max_hourly_usd: Written[Usd] = Field(
        None,
        description="Most dollars an hour for all our machines there; nothing is bought beyond.",
    )
    min_balance_usd: Written[UsdOrNothing] = Field(
        None,
        description="Dollars that stay in the account: nothing is bought there that could bring "
        "it below before its lease ends.",
    )


class NotifierBlock(Block):
    type: Literal["webhook"] = Field(description="How notices are sent.")
    url: WebhookUrl = Field(description="https, or loopback; or a reference `${env:NAME}`.")


def _check_version(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value != DOCUMENT_VERSION:
        raise ValueError(f"version {value} is not known: this program reads {DOCUMENT_VERSION}")
    return value


Version = Annotated[
    int,
    BeforeValidator(_check_version),
    WithJsonSchema({"type": "integer", "const": DOCUMENT_VERSION}),
]


class FleetDocument(Block):
    """One file. All files of a directory are one configuration."""

    version: Written[Version] = Field(None, description="Version of this format: 1.")
    workspace: Written[WorkspaceName] = Field(
        None, description="Name of this configuration and its state; unique in your accounts."
    )
    providers: EmptyOr[dict[Name, EmptyOr[ProviderBlock]]] = Field(
        {}, description="Where to rent. Only what stands here is configured."
    )
    fleets: EmptyOr[dict[FleetName, FleetBlock]] = Field(
        {}, description="Named groups of like nodes."
    )
    defaults: Written[FleetSettings] = Field(None, description="Settings of every fleet.")
    profiles: EmptyOr[dict[Name, FleetBlock]] = Field(
        {}, description="Named settings that fleets take over by `extends`."
    )
    safety: Written[SafetyBlock] = Field(None, description="Rules against slips.")
    state: Written[StateBlock] = Field(None, description="Where the state is kept.")
    notifiers: EmptyOr[dict[Name, NotifierBlock]] = Field({}, description="Where notices are sent.")
    budgets: EmptyOr[dict[Name, BudgetBlock]] = Field(
        {}, max_length=BUDGETS_MAX, description="Limits of money that fleets share."
    )


def schema_of_documents() -> dict[str, Any]:
    """pydantic's own schema of ``FleetDocument``; ``json_schema`` makes it fit for publishing."""
    return FleetDocument.model_json_schema()
