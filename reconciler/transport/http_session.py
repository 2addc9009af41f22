"""The one door to HTTP: no redirects, no proxies, no second look-up of a name.

A name is resolved once, every address it has is checked, and the connection goes to a checked
address while the certificate and the ``Host`` header stay those of the name: a name server that
changes its mind in between gains nothing (RELIABILITY.md I25).
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from reconciler import __version__
from reconciler.model.errors import GpuShopperError
from reconciler.model.webhook_url import (
    IpAddress,
    WebhookUrl,
    parse_webhook_url,
    why_address_refused,
)

if TYPE_CHECKING:
    import httpx

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to the texts of all its addresses; raises ``OSError``."""

_CONNECT_SECONDS = 3.0
_ADDRESSES_TRIED_MAX = 4
_LOOPBACK: tuple[IpAddress, ...] = (
    ipaddress.IPv4Address("127.0.0.1"),
    ipaddress.IPv6Address("::1"),
)


class PostFailed(GpuShopperError):
    """A request was refused by us or not answered. Shows scheme and host, never path or query."""


async def post_json(
    url: str,
    payload: bytes,
    *,
    content_type: str = "application/json",
    deadline_seconds: float = 10,
    allow_private: bool = False,
    resolve: Resolve | None = None,
) -> int:
    """Send ``payload``, JSON in UTF-8, once; return the status of the answer, whatever it is.

    The body of the answer is not read. Sent at most once: only attempts that could not connect
    are made again, at the next address. Raises ``PostFailed`` when the URL or one address of its
    host is refused, or no answer came within ``deadline_seconds`` in all. ``allow_private``
    permits private-use ranges.
    """
    parts = _checked(url)
    try:
        with anyio.fail_after(deadline_seconds):
            addresses = await _addresses(parts, resolve or _ask_system, allow_private)
            return await _post(parts, addresses, payload, content_type)
    except TimeoutError:
        raise _failed(parts, f"no answer within {deadline_seconds:g} seconds") from None


def _checked(url: str) -> WebhookUrl:
    try:
        return parse_webhook_url(url)
    except ValueError as error:
        raise PostFailed(f"the URL is refused: {error}") from None


async def _addresses(
    url: WebhookUrl, resolve: Resolve, allow_private: bool
) -> tuple[IpAddress, ...]:
    if url.is_loopback:
        return _LOOPBACK if url.address is None else (url.address,)
    if url.address is not None:
        found = [url.address]
    else:
        found = await _resolved(url, resolve)
    for address in found:
        # One bad address spoils the name: an honest public host has none.
        reason = why_address_refused(address, allow_private=allow_private)
        if reason is not None:
            raise _failed(url, f"its address {address} is refused: {reason}")
    return tuple(found[:_ADDRESSES_TRIED_MAX])


async def _resolved(url: WebhookUrl, resolve: Resolve) -> list[IpAddress]:
    try:
        texts = await resolve(url.host, url.port)
        addresses = [ipaddress.ip_address(text) for text in dict.fromkeys(texts)]
    except (OSError, ValueError) as error:
        raise _failed(url, f"its name could not be resolved ({type(error).__name__})") from None
    if not addresses:
        raise _failed(url, "its name has no address")
    return addresses


async def _ask_system(host: str, port: int) -> list[str]:
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [entry[4][0] for entry in found]


async def _post(
    url: WebhookUrl, addresses: tuple[IpAddress, ...], payload: bytes, content_type: str
) -> int:
    import httpx

    timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
    async with httpx.AsyncClient(
        trust_env=False, follow_redirects=False, timeout=timeout
    ) as client:
        failure = _failed(url, "its name has no address")
        for address in addresses:
            request = _request(client, url, address, payload, content_type)
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = _failed(url, _why(error))
                continue
            except (httpx.HTTPError, OSError) as error:
                raise _failed(url, _why(error)) from None
            # The status is all that matters; a body without end or of packed zeros costs nothing.
            await response.aclose()
            return response.status_code
    raise failure


def _request(
    client: httpx.AsyncClient,
    url: WebhookUrl,
    address: IpAddress,
    payload: bytes,
    content_type: str,
) -> httpx.Request:
    """A request to ``address`` that names the host of ``url`` in ``Host`` and in TLS."""
    host = f"[{address}]" if address.version == 6 else str(address)
    return client.build_request(
        "POST",
        f"{url.scheme}://{host}:{url.port}{url.target}",
        content=payload,
        headers={
            "Host": url.authority,
            "User-Agent": f"gpu-shopper/{__version__}",
            "Content-Type": content_type,
            "Connection": "close",
        },
        extensions={"sni_hostname": url.host},
    )


def _why(error: Exception) -> str:
    # The text of these errors is made elsewhere and may quote what was sent: name the kind only.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its certificate is not valid for this host"
        cause = cause.__cause__ or cause.__context__
    return f"the connection failed ({type(error).__name__})"


def _failed(url: WebhookUrl, why: str) -> PostFailed:
    return PostFailed(f"{url.origin}: {why}")
