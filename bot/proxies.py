"""The HTTP proxy on the way out, as the environment names it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bot.errors import SettingsError


def find_proxy(url: str) -> str | None:
    """Return the machine's proxy for an address, or None, as NO_PROXY says.

    Raises SettingsError when it is named by what is no address.
    """
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    require_proxy_address(proxy, f"{parts.scheme.upper()}_PROXY")
    return proxy


def require_proxy_address(proxy: str, name: str) -> None:
    """Raise SettingsError, by the name of what holds it, when this is not the address of an HTTP
    proxy; its password is not repeated.
    """
    try:
        parts = urlsplit(proxy)
        whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    # A password with such a sign in it would be taken for host, port or path.
    rest = proxy.partition("://")[2]
    if (
        not whole
        or parts.scheme not in {"http", "https"}
        or proxy.count("@") > 1
        or re.search(r"[\s?#]|/.", rest)
    ):
        raise SettingsError(
            f"{name}: should be the address of an HTTP proxy, http://USER:PASSWORD@HOST:PORT; in a "
            "password write %40 for @, %2F for /, %3A for :, %3F for ? and %23 for #"
        )
