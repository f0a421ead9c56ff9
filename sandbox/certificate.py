"""A certificate for loopback, made anew for each start: kubectl sends a kubeconfig's token by TLS
alone (client-go, `clientcmd`), and Python's standard library makes none.
"""

from __future__ import annotations

import functools
import ssl
from typing import NamedTuple

import trustme


class LoopbackCertificate(NamedTuple):
    """A certificate for this machine's own names, and the authority that signed it."""

    authority: trustme.CA
    leaf: trustme.LeafCert

    def build_server_context(self) -> ssl.SSLContext:
        """Return what a server needs to be known by it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.leaf.configure_cert(context)
        return context

    @property
    def authority_pem(self) -> str:
        """The authority's certificate, in PEM: what a client has to trust."""
        return self.authority.cert_pem.bytes().decode()


@functools.cache
def create_loopback_certificate() -> LoopbackCertificate:
    """Create this process's certificate for 127.0.0.1, ::1 and localhost."""
    authority = trustme.CA()
    return LoopbackCertificate(authority, authority.issue_cert("127.0.0.1", "::1", "localhost"))
