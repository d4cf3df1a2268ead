"""Where attachments may be fetched from. Pure.

A URL is somebody else's words, and whoever fetches it stands inside our network: so only addresses of the public
internet are allowed, by list and not by Python's `is_global`, whose answers differ between versions (multicast,
IPv4 inside IPv6). Sources: IANA's special-purpose address registries for IPv4 and IPv6.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from string import punctuation
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from streaming.errors import BadAttachment

Network = IPv4Network | IPv6Network

_NOT_PUBLIC_V4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers; Alibaba's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host, a public address that only its guests reach
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, retired
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]
# The one block of IPv6 that is given out: mapped IPv4, NAT64, unique local, link-local and multicast lie outside.
_PUBLIC_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments; Teredo, which leads to IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which leads to IPv4
        "3fff::/20",  # documentation
    )
]
_HOST_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE | re.ASCII)
# What inet_aton takes for an address though it is none in writing: 127.1, 2130706433, 0x7f.1
_NUMERIC_HOST = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)\.?", re.IGNORECASE | re.ASCII)
_CONTROLS_AND_BACKSLASH = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")


@dataclass(frozen=True)
class Destinations:
    """The URLs and addresses that attachments may come from."""

    allow_http: bool = False
    allow_networks: tuple[Network, ...] = ()
    """Allowed although they are not public."""

    def allows(self, address: str) -> bool:
        """Return whether a connection may be made to this IP address."""
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self.allow_networks) or _is_public(ip)

    def checked(self, url: str) -> str:
        """Return the URL without its fragment and in ASCII, otherwise letter for letter: it may be signed.

        Raises:
            BadAttachment: it is none that may be fetched.
        """
        try:
            split = urlsplit(url)
            split.port  # noqa: B018 - raises where it is no port
        except ValueError:
            raise BadAttachment("its URL is malformed") from None
        if _CONTROLS_AND_BACKSLASH.search(url):
            raise BadAttachment("its URL holds spaces, control characters or backslashes")
        if split.scheme != "https" and not (self.allow_http and split.scheme == "http"):
            raise BadAttachment("its URL does not begin with https://")
        if "@" in split.netloc:
            raise BadAttachment("its URL holds a user name or a password")
        self._check_host(split.hostname or "")
        return quote(SplitResult(*split[:4], "").geturl(), safe=punctuation)

    def redirected(self, url: str, location: str) -> str:
        """Return the URL that a redirect of `url` leads to.

        Raises:
            BadAttachment: it is none that may be fetched, or gives TLS up.
        """
        try:
            target = self.checked(urljoin(url, location))
        except (BadAttachment, ValueError):
            raise BadAttachment("its URL redirects to one that may not be fetched") from None
        if url.startswith("https:") and not target.startswith("https:"):
            raise BadAttachment("its URL redirects from https to http")
        return target

    def _check_host(self, host: str) -> None:
        try:
            literal = str(ip_address(host.removesuffix(".")))
        except ValueError:
            if not _HOST_NAME.fullmatch(host) or _NUMERIC_HOST.fullmatch(host):
                raise BadAttachment(
                    "its URL's host is no host name; write other letters than ASCII's as xn--"
                ) from None
        else:
            if not self.allows(literal):
                raise not_public()


def not_public() -> BadAttachment:
    """Return the error of a host that may not be connected to: whether it exists inside our network is not told."""
    return BadAttachment("its host has no public address")


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_V4)
    return ip.scope_id is None and ip in _PUBLIC_V6 and not any(ip in network for network in _NOT_PUBLIC_V6)
