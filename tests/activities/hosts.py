"""Hosts of attachments: names that resolve as a test says, certificates, and fetchers that reach loopback."""

import datetime
import ipaddress
import socket
import ssl
from collections import deque
from pathlib import Path

from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from activities.destinations import Destinations, Network
from activities.fetching import Fetcher

LOOPBACK = ipaddress.ip_network("127.0.0.1/32")
"""Where the tests' servers are; its neighbour 127.0.0.2 stays inside."""


class Names(AbstractResolver):
    """Resolves each name to the next of its answers, and then to the last for ever."""

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self._answers = {name: deque(addresses) for name, addresses in answers.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return a name's next addresses."""
        self.asked.append(host)
        answers = self._answers[host]
        addresses = answers.popleft() if len(answers) > 1 else answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def fetcher(resolver: AbstractResolver | None = None, *, allow: Network | None = LOOPBACK) -> Fetcher:
    """Return a fetcher that takes http:// and may connect to loopback."""
    return Fetcher(Destinations(allow_http=True, allow_networks=(allow,) if allow else ()), resolver)


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS for a host name, and the bundle in which a client finds its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, private = folder / f"{name}.pem", folder / f"{name}.key"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(bundle, private)
    return tls, bundle
