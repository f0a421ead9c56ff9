"""A certificate for loopback, made anew for each start: kubectl sends a kubeconfig's token by TLS
alone (client-go, `clientcmd`), and Python's standard library makes none.

It is X.509 v3 (RFC 5280), self-signed with ECDSA on P-256 (SEC 1, FIPS 186-4). The arithmetic takes
some milliseconds and is not constant in time: it signs once, with a key that no other process is
asked to trust and that ends with this one.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import ipaddress
import secrets
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

# P-256: y² = x³ - 3x + b modulo P; G generates a group of N points.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
ECDSA_SHA256, EC_KEY, P256 = "1.2.840.10045.4.3.2", "1.2.840.10045.2.1", "1.2.840.10045.3.1.7"
COMMON_NAME, SERVER_AUTH = "2.5.4.3", "1.3.6.1.5.5.7.3.1"
SUBJECT_KEY, KEY_USAGE, ALTERNATIVES = "2.5.29.14", "2.5.29.15", "2.5.29.17"
CONSTRAINTS, AUTHORITY_KEY, EXTENDED_USAGE = "2.5.29.19", "2.5.29.35", "2.5.29.37"
LIFETIME = timedelta(days=365)

Point = tuple[int, int] | None
"""A point of the curve; None is the one at infinity."""


class Certificate(NamedTuple):
    """A certificate and its key, in PEM."""

    certificate: str
    key: str

    def build_server_context(self) -> ssl.SSLContext:
        """Return what a server needs to be known by it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # The module reads files alone; the directory is for its owner only.
        with tempfile.TemporaryDirectory(prefix="meshbot-") as place:
            path = Path(place) / "certificate.pem"
            path.write_text(self.key + self.certificate)
            context.load_cert_chain(path)
        return context


@functools.cache
def create_loopback_certificate() -> Certificate:
    """Create this process's certificate for 127.0.0.1, ::1 and localhost."""
    secret = secrets.randbelow(N - 1) + 1
    public = _multiply(secret, G)
    assert public is not None  # 0 < secret < N
    point = b"\x04" + b"".join(part.to_bytes(32, "big") for part in public)
    body = _build_body(point)
    algorithm = _sequence(_oid(ECDSA_SHA256))
    whole = _sequence(body, algorithm, _bits(_sign(secret, body)))
    key = _sequence(
        _integer(1),
        _tag(0x04, secret.to_bytes(32, "big")),
        _tag(0xA0, _oid(P256)),
        _tag(0xA1, _bits(point)),
    )
    return Certificate(_pem("CERTIFICATE", whole), _pem("EC PRIVATE KEY", key))


def _build_body(point: bytes) -> bytes:
    """Return what is signed (TBSCertificate)."""
    said = _tag(0x0C, b"meshbot sandbox")
    name = _sequence(_tag(0x31, _sequence(_oid(COMMON_NAME), said)))
    # An hour back, for clocks that are not the same in a container.
    since = datetime.now(UTC) - timedelta(hours=1)
    times = [f"{at:%y%m%d%H%M%S}Z".encode() for at in (since, since + LIFETIME)]
    return _sequence(
        _tag(0xA0, _integer(2)),
        _integer(secrets.randbits(127) | 1 << 126),
        _sequence(_oid(ECDSA_SHA256)),
        name,
        _sequence(*(_tag(0x17, at) for at in times)),
        name,
        _sequence(_sequence(_oid(EC_KEY), _oid(P256)), _bits(point)),
        _tag(0xA3, _sequence(*_build_extensions(point))),
    )


def _build_extensions(point: bytes) -> list[bytes]:
    key_id = hashlib.sha1(point, usedforsecurity=False).digest()  # RFC 5280, 4.2.1.2
    addresses = [ipaddress.ip_address(each).packed for each in ("127.0.0.1", "::1")]
    names = [*(_tag(0x87, packed) for packed in addresses), _tag(0x82, b"localhost")]
    return [
        # It is its own authority, which OpenSSL wants to be said (VERIFY_X509_STRICT).
        _extension(CONSTRAINTS, _sequence(_tag(0x01, b"\xff")), critical=True),
        # digitalSignature and keyCertSign.
        _extension(KEY_USAGE, _bits(b"\x84", unused=2), critical=True),
        _extension(SUBJECT_KEY, _tag(0x04, key_id)),
        _extension(AUTHORITY_KEY, _sequence(_tag(0x80, key_id))),
        _extension(EXTENDED_USAGE, _sequence(_oid(SERVER_AUTH))),
        _extension(ALTERNATIVES, _sequence(*names)),
    ]


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = _tag(0x01, b"\xff") if critical else b""
    return _sequence(_oid(oid), flag, _tag(0x04, value))


def _sign(secret: int, message: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    while True:
        nonce = secrets.randbelow(N - 1) + 1
        point = _multiply(nonce, G)
        assert point is not None  # 0 < nonce < N
        r = point[0] % N
        s = pow(nonce, -1, N) * (digest + r * secret) % N
        if r and s:
            return _sequence(_integer(r), _integer(s))


def _multiply(factor: int, point: Point) -> Point:
    total: Point = None
    while factor:
        if factor & 1:
            total = _add(total, point)
        point, factor = _add(point, point), factor >> 1
    return total


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    if one == other:
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P) % P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P) % P
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def _tag(tag: int, content: bytes) -> bytes:
    """Return one value in DER (X.690)."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def _sequence(*parts: bytes) -> bytes:
    return _tag(0x30, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tag(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes, *, unused: int = 0) -> bytes:
    return _tag(0x03, bytes([unused]) + content)


def _oid(dotted: str) -> bytes:
    first, second, *others = map(int, dotted.split("."))
    content = [40 * first + second]
    for number in others:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.insert(0, number & 0x7F | 0x80)
        content += digits
    return _tag(0x06, bytes(content))


def _pem(label: str, der: bytes) -> str:
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
