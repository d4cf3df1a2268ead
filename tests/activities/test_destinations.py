import contextlib
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.destinations import Destinations
from streaming.errors import BadAttachment

PUBLIC = Destinations()
NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.19.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2000::1%eth0",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
# inet_aton and browsers read these as addresses; so may whoever is handed the URL.
OTHER_WRITINGS = [
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "10.0.0.08",
    "foo.0x",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "%31%32%37.0.0.1",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]",
    "[fe80::1%25eth0]",
]


def refusal(url: str, destinations: Destinations = PUBLIC) -> str:
    """Return why a URL may not be fetched."""
    with pytest.raises(BadAttachment) as refused:
        destinations.checked(url)
    return str(refused.value)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    """Wherever it comes from; as a URL's host too."""
    assert not PUBLIC.allows(address)
    assert address not in refusal(f"https://[{address}]/" if ":" in address else f"https://{address}/")


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700:4700::1111"])
def test_a_public_address_is_allowed(address: str) -> None:
    """The neighbours of private networks too."""
    assert PUBLIC.allows(address)
    assert PUBLIC.checked(f"https://[{address}]/" if ":" in address else f"https://{address}/")


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_python_knows_to_be_special_is_never_public(address: IPv4Address | IPv6Address) -> None:
    """Hypothesis draws from IANA's special registries as often as from everything else."""
    if PUBLIC.allows(str(address)):
        assert address.is_global
        special = ("private", "loopback", "link_local", "multicast", "reserved", "unspecified")
        assert not any(getattr(address, f"is_{name}") for name in special)


@given(st.ip_addresses(v=4))
def test_no_ipv6_address_leads_to_an_ipv4_address(address: IPv4Address) -> None:
    """Mapped, compatible, translated or tunnelled: the inner one was never checked."""
    number = int(address)
    for prefix, shift in [("::", 0), ("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80), ("2001::", 0)]:
        assert not PUBLIC.allows(str(IPv6Address(int(IPv6Address(prefix)) | number << shift)))


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "1.2.3.4/32", "0x7f000001", "::g"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Only addresses are asked about, and only as they are written."""
    assert not PUBLIC.allows(text)


def test_the_settings_may_allow_networks() -> None:
    """Those and no others."""
    inside = Destinations(allow_networks=(IPv4Network("10.1.0.0/16"), IPv6Network("fd00::/8")))

    assert inside.allows("10.1.255.255")
    assert inside.allows("fd00::1")
    assert inside.checked("https://10.1.0.1/a") == "https://10.1.0.1/a"
    assert not inside.allows("10.2.0.0")
    assert not inside.allows("::ffff:10.1.0.1")


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com:8443/a/b?c=d#e", "https://example.com:8443/a/b?c=d"),
        ("HTTPS://EXAMPLE.com./A", "https://EXAMPLE.com./A"),
        ("https://a_b-1.example/a%2Fb%7e?x=a%2Fb%3D%2B&y=a+b", "https://a_b-1.example/a%2Fb%7e?x=a%2Fb%3D%2B&y=a+b"),
        ("https://xn--mhle-0ra.example/mühle", "https://xn--mhle-0ra.example/m%C3%BChle"),
    ],
)
def test_a_url_stays_as_it_was_written(url: str, checked: str) -> None:
    """It may be signed; only a fragment and what is no ASCII cannot be sent."""
    assert checked == PUBLIC.checked(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "its URL does not begin with https://"),
        ("http://example.com/", "its URL does not begin with https://"),
        ("file:///etc/passwd", "its URL does not begin with https://"),
        ("data:image/png;base64,QQ==", "its URL does not begin with https://"),
        ("//example.com/", "its URL does not begin with https://"),
        ("https://user@example.com/", "its URL holds a user name or a password"),
        ("https://user:pass@example.com/", "its URL holds a user name or a password"),
        ("https://@example.com/", "its URL holds a user name or a password"),
        ("https://example.com:99999/", "its URL is malformed"),
        ("https://example.com:x/", "its URL is malformed"),
        ("https://[::1/", "its URL is malformed"),
        ("https://exa mple.com/", "its URL holds spaces, control characters or backslashes"),
        ("https://example.com\\@127.0.0.1/", "its URL holds spaces, control characters or backslashes"),
        (" https://example.com/", "its URL holds spaces, control characters or backslashes"),
        ("https://example.com/\r\nHost: x", "its URL holds spaces, control characters or backslashes"),
        ("https://example.com/\ud800", "its URL holds spaces, control characters or backslashes"),
        ("https:///a", "its URL's host is no host name; write other letters than ASCII's as xn--"),
        ("https://mühle.example/", "its URL's host is no host name; write other letters than ASCII's as xn--"),
        ("https://a..b/", "its URL's host is no host name; write other letters than ASCII's as xn--"),
    ],
)
def test_a_url_that_may_not_be_fetched_is_told_why(url: str, why: str) -> None:
    """And is not quoted: it may hold a token."""
    assert why == refusal(url)


@pytest.mark.parametrize("host", OTHER_WRITINGS)
def test_an_address_in_another_writing_is_refused(host: str) -> None:
    """Nobody writes a public one so."""
    assert refusal(f"https://{host}/")


def test_plain_http_is_for_those_who_ask_for_it() -> None:
    """In the settings."""
    assert Destinations(allow_http=True).checked("http://example.com/") == "http://example.com/"
    assert refusal("ftp://example.com/", Destinations(allow_http=True)) == "its URL does not begin with https://"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://other.example/x", "https://other.example/x"),
        ("/x?y", "https://example.com/x?y"),
        ("x", "https://example.com/a/x"),
        ("//other.example/x", "https://other.example/x"),
    ],
)
def test_a_redirect_is_relative_to_where_it_came_from(location: str, target: str) -> None:
    """As for browsers."""
    assert target == PUBLIC.redirected("https://example.com/a/b", location)


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://u:p@example.com/",
        "file:///etc/passwd",
        "//[::1",
        "//127.1/",
    ],
)
def test_a_redirect_to_where_nothing_may_be_fetched_is_refused(location: str) -> None:
    """By the same rules, without saying where it leads."""
    with pytest.raises(BadAttachment, match="redirects to one that may not be fetched"):
        PUBLIC.redirected("https://example.com/", location)


def test_a_redirect_gives_no_tls_up() -> None:
    """Not even where plain http is allowed."""
    plain = Destinations(allow_http=True)

    assert plain.redirected("http://example.com/", "https://example.com/") == "https://example.com/"
    with pytest.raises(BadAttachment, match="from https to http"):
        plain.redirected("https://example.com/", "http://example.com/")


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_a_url_or_a_refusal(text: str, location: str) -> None:
    """And what is taken stays taken."""
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            checked = PUBLIC.checked(url)
        except BadAttachment:
            continue
        assert checked == PUBLIC.checked(checked)
        assert checked.isascii()
        with contextlib.suppress(BadAttachment):
            assert PUBLIC.redirected(checked, location).startswith("https://")
