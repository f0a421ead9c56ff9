"""Connects to the API server with a kubeconfig, or from inside a pod: one client for the
process, with credentials that stay fresh.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, incluster_config

from bot.cluster.api import Api
from bot.cluster.credentials import Authorization, Credentials, read_token_file
from bot.cluster.failures import RetryPolicy
from bot.cluster.kubeconfig import Kubeconfig, find_kubeconfig
from bot.errors import SettingsError
from bot.proxies import find_proxy, require_proxy_address

library: Any = incluster_config  # its classes carry no types
Load = Callable[[Configuration], Awaitable[Authorization]]
"""Reads the server into a configuration, and returns the credentials."""
POOL = 200
"""Connections to one API server; every watch holds one."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod has its service account's token and the cluster's CA."""


async def connect(
    *,
    kubeconfig: Path | None,
    context: str | None,
    in_cluster: bool,
    retry_policy: RetryPolicy | None = None,
    seconds: float = 30.0,
    strict: bool = True,
) -> Api:
    """Return a client for the API server that these settings name. Nothing is sent yet: the
    server may be unavailable.

    Without a kubeconfig, KUBECONFIG and then ~/.kube/config are used. `strict` false leaves out
    Python's strict check of certificates (3.13). Raises SettingsError when the file or the context
    is wrong, Unauthorized when the credential plugin gives nothing.
    """
    configuration = Configuration()
    configuration.disable_strict_ssl_verification = not strict
    load: Load = load_service_account
    if not in_cluster:
        load = Kubeconfig(find_kubeconfig(kubeconfig), context).load
    authorization = await load(configuration)
    # With the client's 100, requests would wait in line behind that many watches.
    configuration.connection_pool_maxsize = POOL
    if configuration.proxy:
        require_proxy_address(configuration.proxy, "kubeconfig: proxy-url")
    elif _is_loopback(configuration.host):
        configuration.client_session_kwargs = {"trust_env": False}
    else:
        # Looked up by the client itself for each request; here, so that a wrong one is named.
        find_proxy(configuration.host)
    try:
        # Its TLS context takes some 30 ms, in which the loop would stand still.
        client = await asyncio.to_thread(ApiClient, configuration)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"kubeconfig: a certificate or key in it cannot be used: {error}"
        ) from error
    client.user_agent = "meshbot"
    credentials = Credentials(partial(load_again, client, load), authorization)
    return Api(client, credentials, retry_policy=retry_policy, seconds=seconds)


async def load_service_account(configuration: Configuration) -> Authorization:
    """Read the server, its CA and the token of the pod's service account."""
    loader = library.InClusterConfigLoader(
        token_filename=str(ACCOUNT / "token"),
        cert_filename=str(ACCOUNT / "ca.crt"),
        # The token is read again by `Credentials`.
        try_refresh_token=False,
    )
    try:
        await asyncio.to_thread(loader.load_and_set, configuration)
    except (ConfigException, OSError) as error:
        raise SettingsError(
            f"in_cluster: this is not a pod with a service account: {error}"
        ) from error
    return await read_token_file(ACCOUNT / "token")


async def load_again(client: ApiClient, load: Load) -> Authorization:
    """Read the credentials again; a client certificate is used by the connections that are made
    from now on.
    """
    configuration = Configuration()
    authorization = await load(configuration)
    if configuration.cert_file:
        await asyncio.to_thread(
            client.rest_client.ssl_context.load_cert_chain,
            configuration.cert_file,
            configuration.key_file,
        )
    return authorization


def _is_loopback(host: str) -> bool:
    """Tell whether a URL leads to this machine itself; like kubectl, never go through
    HTTPS_PROXY to it.
    """
    name = urlsplit(host).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
