"""Where a notice may be sent: https anywhere public, http only to this machine.

Checked when documents are validated and again when connecting (SPEC.md section 12, 15;
RELIABILITY.md bad input 29). Stricter than URL parsers are, so that no two of them can read one
text in two ways. Reasons never repeat the path or the query: they may hold a secret.
"""

from __future__ import annotations

import ipaddress
import re

from reconciler.model.value import dataclass

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LENGTH_MAX = 2048
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?P<fragment>#.*)?"
)
_ALLOWED = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_NUMBER_LIKE = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}

_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PRIVATE_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
# Not public either, and counted as public by some Python versions that we run on.
_SPECIAL_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "2001::/23")
)


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """A URL that may be connected to, taken apart.

    ``host`` is lower case and without brackets; ``address`` is set when it is a literal address;
    ``target`` is path and query as sent, and may hold a secret.
    """

    scheme: str
    host: str
    port: int
    target: str
    address: IpAddress | None

    @property
    def is_loopback(self) -> bool:
        """True only when the URL itself says so: ``localhost`` or a loopback address."""
        return self.host == "localhost" if self.address is None else self.address.is_loopback

    @property
    def authority(self) -> str:
        """Host and port as they stand in the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: the part that can be shown."""
        return f"{self.scheme}://{self.authority}"


def check_webhook_url(text: str) -> str | None:
    """Why ``text`` is refused as a webhook's URL; None when it is fine as far as text can tell."""
    try:
        parse_webhook_url(text)
    except ValueError as error:
        return str(error)
    return None


def parse_webhook_url(text: str) -> WebhookUrl:
    """``text`` taken apart. Raises ValueError with the reason, without echoing the URL."""
    scheme, authority, target = _parts(text)
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("a webhook must begin with https://")
    if "@" in authority:
        raise ValueError("a webhook must not hold a user name or a password")
    host, port = _host_and_port(authority, scheme)
    url = WebhookUrl(scheme, host.strip("[]"), port, target, _literal_address(host))
    if scheme == "http" and not url.is_loopback:
        raise ValueError("http is allowed to this machine only: write https://")
    if url.address is not None and not url.is_loopback:
        reason = why_address_refused(url.address)
        if reason is not None:
            raise ValueError(f"the address of the webhook is refused: {reason}")
    return url


def why_address_refused(address: IpAddress, *, allow_private: bool = False) -> str | None:
    """Why nothing may be sent to ``address``; None for a public one.

    ``allow_private`` permits the private-use ranges, and nothing else. Addresses that carry an
    IPv4 address inside are as good as that one.
    """
    inner = _inner_address(address)
    if inner is not None:
        return why_address_refused(inner, allow_private=allow_private)
    if address.is_loopback or address.is_unspecified:
        return "it is this machine, and the URL does not say so"
    if address.is_link_local:
        return "it is link-local (cloud metadata lives there)"
    if address.is_multicast:
        return "it is multicast"
    if _within(address, _PRIVATE_NETWORKS):
        return None if allow_private else "it is in a private range"
    if not _is_public(address):
        return "it is in a reserved range"
    return None


def _parts(text: str) -> tuple[str, str, str]:
    if len(text) > _LENGTH_MAX:
        raise ValueError(f"a webhook's URL may be {_LENGTH_MAX} characters long")
    if not _ALLOWED.fullmatch(text):
        raise ValueError("a URL is plain ASCII without spaces: percent-encode everything else")
    match = _URL.fullmatch(text)
    if match is None:
        raise ValueError("not a URL: write it like https://hooks.example.com/path")
    if match["fragment"] is not None:
        raise ValueError("a webhook must not hold a # part: it would not be sent")
    target = match["target"]
    return (
        match["scheme"].lower(),
        match["authority"],
        target if target.startswith("/") else f"/{target}",
    )


def _host_and_port(authority: str, scheme: str) -> tuple[str, int]:
    match = _HOST_AND_PORT.fullmatch(authority)
    if match is None or not match["host"]:
        raise ValueError("the webhook names no host that can be read")
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise ValueError("the port of the webhook must be from 1 to 65535")
    return match["host"].lower(), port


def _literal_address(host: str) -> IpAddress | None:
    if host.startswith("["):
        return _ipv6(host[1:-1])
    labels = host.split(".")
    if _NUMBER_LIKE.fullmatch(labels[-1]):
        return _ipv4(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("the webhook's host is no valid name")
    return None


def _ipv4(host: str) -> ipaddress.IPv4Address:
    # inet_aton reads 0251.0376.0251.0376, 2852039166 and 127.1 as addresses; nobody means them.
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError(
            "the webhook's host is an address in an unusual spelling: "
            "write four decimal numbers without leading zeros"
        ) from None


def _ipv6(host: str) -> ipaddress.IPv6Address:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError("the webhook's host is no valid IPv6 address") from None
    if address.scope_id is not None:
        raise ValueError("the webhook's host must not name a network interface")
    return address


def _inner_address(address: IpAddress) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _is_public(address: IpAddress) -> bool:
    if not address.is_global or address.is_reserved or _within(address, _SPECIAL_NETWORKS):
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in _PUBLIC_IPV6


def _within(
    address: IpAddress, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
) -> bool:
    return any(address.version == one.version and address in one for one in networks)
