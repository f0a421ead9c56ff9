"""The ports that the bot itself listens on."""

from __future__ import annotations

import errno
import socket

EVERY = "::"
"""Every address of the machine, of IPv4 as well as of IPv6."""


def open_socket(port: int, backlog: int) -> socket.socket:
    """Return a socket that listens on a port at every address, of both families where there are
    both: pods of a cluster may have addresses of either. 0 takes a free port.

    Raises OSError when the port cannot be had.
    """
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as problem:
            # A kernel or a container without IPv6.
            if problem.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                raise
    return socket.create_server(("0.0.0.0", port), backlog=backlog)


def show_address(host: str, port: int) -> str:
    """Return an address as people write it, with brackets around one of IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
