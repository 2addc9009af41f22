"""RunPod's endpoints: which calls there are, how often, and what their errors say.

Figures: 60 calls a minute over all of REST v2 together, the example of the published document. A
part of them is kept for creates, which must not wait for reads once they are announced; none of the
other kinds can use up all of the rest. GraphQL's limit is not published.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model.text import printable
from reconciler.model.value import dataclass
from reconciler.providers.base import CallPace
from reconciler.transport.json_api import ApiAnswer, CallFailed, Endpoint, JsonApi
from reconciler.transport.pace import Pace
from reconciler.transport.retrying import NEVER_AGAIN, Patience

__all__ = ["ApiAnswer", "CallFailed", "GraphAnswer", "Problem", "RunpodApi", "graph_answer"]

DEFAULT_URL = "https://api.runpod.io"
GRAPHQL_PATH = "/graphql"
"""Below the same address, where no other one is given."""
CREATE_DEADLINE_SECONDS = 90.0

ALL_BUT_CREATES = Pace(47, 62.0)
CATALOG = Endpoint(
    "GET",
    "/v2/catalog/gpus",
    Pace(16, 62.0),
    Patience(base_seconds=2.0),
    shared=ALL_BUT_CREATES,
)
LIST = Endpoint("GET", "/v2/pods", Pace(20, 62.0), Patience(tries=5), shared=ALL_BUT_CREATES)
READ = Endpoint("GET", "/v2/pods/{}", Pace(30, 62.0), shared=ALL_BUT_CREATES)
DESTROY = Endpoint(
    "DELETE", "/v2/pods/{}", Pace(30, 62.0), Patience(tries=5), shared=ALL_BUT_CREATES
)
VOLUMES = Endpoint("GET", "/v2/network-volumes", Pace(5, 62.0), shared=ALL_BUT_CREATES)
CREATE = Endpoint(
    "POST", "/v2/pods", Pace(1, 6.2), NEVER_AGAIN, deadline_seconds=CREATE_DEADLINE_SECONDS
)
ACCOUNT = Endpoint("POST", "", Pace(1, 1.0))
"""GraphQL has one address; this is the question who one is."""

PACES = (
    CallPace("all but creates", ALL_BUT_CREATES.calls, ALL_BUT_CREATES.seconds),
    *(
        CallPace(what, endpoint.pace.calls, endpoint.pace.seconds)
        for what, endpoint in {
            "search": CATALOG,
            "account": ACCOUNT,
            "list": LIST,
            "read": READ,
            "volumes": VOLUMES,
            "create": CREATE,
            "destroy": DESTROY,
        }.items()
    ),
)
"""For the truth table."""

SPOT_PRICES = Endpoint("POST", "", Pace(1, 1.0))
BID = Endpoint("POST", "", Pace(1, 1.0), NEVER_AGAIN, deadline_seconds=CREATE_DEADLINE_SECONDS)
"""A create, too: the executor keeps the time between two of them."""

WHO = "query { myself { id clientBalance } }"
ASK_SPOT = (
    "query Spot($count: Int!, $secure: Boolean!) { gpuTypes { id memoryInGb lowestPrice(input: "
    "{gpuCount: $count, secureCloud: $secure}) { minimumBidPrice stockStatus } } }"
)
PLACE_BID = (
    "mutation Bid($input: PodRentInterruptableInput!) { podRentInterruptable(input: $input) "
    "{ id name desiredStatus costPerHr } }"
)
_TITLES = {
    400: "bad request",
    401: "unauthorized",
    402: "payment required",
    403: "forbidden",
    404: "not found",
    409: "conflict",
    422: "unprocessable entity",
    429: "too many requests",
}
_MESSAGE_LENGTH = 160
_NO_POD = re.compile(r"\b(?:pod|resource)\b.*\bnot found\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error answer of REST v2 says; ``detail`` is printable.

    ``is_theirs``: it is a problem document of theirs about this status, and not the page of
    something that stands in between. Only then does a status mean what they publish of it.
    """

    status: int
    detail: str
    is_theirs: bool
    asked_seconds: float | None = None

    def says(self, status: int) -> bool:
        return self.is_theirs and self.status == status

    @property
    def denies_the_pod(self) -> bool:
        """Not a path or a template of theirs that is not found."""
        return self.says(404) and _NO_POD.search(self.detail) is not None

    def __str__(self) -> str:
        return f"{self.status} ({self.detail})" if self.detail else str(self.status)


def problem_of(answer: ApiAnswer) -> Problem:
    """The error in ``answer``. Of a body that is no problem document, only a page's beginning is
    repeated: pods carry their environment.
    """
    value = answer.value if isinstance(answer.value, dict) else {}
    title, detail, status = (value.get(name) for name in ("title", "detail", "status"))
    theirs = (
        isinstance(title, str)
        and isinstance(detail, str)
        and status == answer.status
        and not isinstance(status, bool)
        and title.strip().lower() == _TITLES.get(answer.status, title.strip().lower())
    )
    said = detail if isinstance(detail, str) else answer.page
    listed = value.get("errors")
    if isinstance(listed, list):
        said = "; ".join([said, *(one for one in listed if isinstance(one, str))])
    return Problem(answer.status, printable(said, _MESSAGE_LENGTH), theirs, answer.asked_seconds)


@dataclass(frozen=True, slots=True)
class GraphAnswer:
    """What GraphQL answered: ``data`` only where nothing in the answer is an error."""

    status: int
    data: Mapping[str, Any] | None
    message: str
    has_errors: bool = False
    codes: frozenset[str] = frozenset()
    asked_seconds: float | None = None

    @property
    def is_about_the_key(self) -> bool:
        return self.status in (401, 403) or bool(self.codes & {"UNAUTHENTICATED", "FORBIDDEN"})


def graph_answer(answer: ApiAnswer) -> GraphAnswer:
    """An error may stand inside a 200, beside data."""
    value = answer.value if isinstance(answer.value, dict) else {}
    errors = value.get("errors")
    listed = errors if isinstance(errors, list) else [errors] if errors is not None else []
    data = value.get("data")
    good = answer.status == 200 and not listed and isinstance(data, dict)
    said = [one.get("message") for one in listed if isinstance(one, dict)]
    texts = [text for text in said if isinstance(text, str)]
    message = printable("; ".join(texts), _MESSAGE_LENGTH) or answer.not_json or "no data"
    return GraphAnswer(
        answer.status,
        data if good else None,
        message,
        bool(listed),
        _codes(listed),
        answer.asked_seconds,
    )


def _codes(errors: Sequence[Any]) -> frozenset[str]:
    extensions = (one.get("extensions") for one in errors if isinstance(one, dict))
    codes = (one.get("code") for one in extensions if isinstance(one, dict))
    return frozenset(code for code in codes if isinstance(code, str))


class RunpodApi:
    """The calls. Each gives the answer with its status, or raises ``CallFailed``."""

    def __init__(self, rest: JsonApi, graph: JsonApi) -> None:
        self._rest = rest
        self._graph = graph

    @property
    def origin(self) -> str:
        return self._rest.origin

    async def close(self) -> None:
        await self._rest.close()
        await self._graph.close()

    async def gpu_types(self, cloud: str, count: int) -> ApiAnswer:
        """What ``cloud`` has for pods of ``count`` GPUs."""
        query = {"include": "AVAILABILITY", "product": "POD", "count": str(count), "cloud": cloud}
        return await self._rest.call(CATALOG, query=query)

    async def pods(self) -> ApiAnswer:
        """All pods, those of clusters too: they are billed like others."""
        return await self._rest.call(LIST, query={"includeClusterPods": "true"})

    async def pod(self, pod_id: str) -> ApiAnswer:
        return await self._rest.call(READ, pod_id)

    async def volumes(self) -> ApiAnswer:
        """All network volumes: there are no pages."""
        return await self._rest.call(VOLUMES)

    async def create(self, order: Mapping[str, Any], secrets: Sequence[str]) -> ApiAnswer:
        """Sent once, whatever happens."""
        return await self._rest.call(CREATE, body=dict(order), secrets=secrets)

    async def spot_prices(self, secure: bool, count: int) -> GraphAnswer:
        """What one has to bid for pods of ``count`` GPUs, by GPU type: GraphQL only."""
        variables = {"count": count, "secure": secure}
        body = {"query": ASK_SPOT, "variables": variables}
        return graph_answer(await self._graph.call(SPOT_PRICES, body=body))

    async def bid(self, order: Mapping[str, Any], secrets: Sequence[str]) -> ApiAnswer:
        """Sent once, whatever happens."""
        body = {"query": PLACE_BID, "variables": {"input": dict(order)}}
        return await self._graph.call(BID, body=body, secrets=secrets)

    async def destroy(self, pod_id: str) -> ApiAnswer:
        return await self._rest.call(DESTROY, pod_id)

    async def who(self) -> GraphAnswer:
        """Whose key it is and what is left to spend: REST does not tell."""
        return graph_answer(await self._graph.call(ACCOUNT, body={"query": WHO}))
