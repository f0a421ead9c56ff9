"""Connects to the API server with a kubeconfig, or from inside a pod: one client for the
process, with tokens that stay fresh.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from collections.abc import Awaitable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from bot.cluster.api import Api
from bot.cluster.failures import RetryPolicy
from bot.errors import Forbidden, SettingsError
from bot.text import Text

config: Any = kubernetes_config  # its functions carry no types
log = logging.getLogger(__name__)

PLUGIN_SECONDS = 60.0
"""How long a credential plugin (aws, gke-gcloud-auth-plugin, …) may take at start."""
REFRESH_SECONDS = 60.0
"""How often a plugin's token is looked at; the client renews it five minutes before it ends."""
POOL = 200
"""Connections to one API server; every watch holds one."""


async def connect(
    *,
    kubeconfig: Path | None,
    context: str | None,
    in_cluster: bool,
    retry_policy: RetryPolicy | None = None,
    seconds: float = 30.0,
) -> Api:
    """Return a client for the API server that these settings name. Nothing is sent yet: the
    server may be unavailable.

    Without a kubeconfig, KUBECONFIG and then ~/.kube/config are used. Raises
    SettingsError when the file or the context is wrong, Forbidden when the credential
    plugin gives nothing.
    """
    configuration = Configuration()
    loader: Any = None
    if in_cluster:
        await asyncio.to_thread(_load_in_cluster, configuration)
    else:
        loader = await asyncio.to_thread(_load_kubeconfig, configuration, kubeconfig, context)
    # With the client's 100, requests would wait in line behind that many watches.
    configuration.connection_pool_maxsize = POOL
    if _is_loopback(configuration.host):
        configuration.client_session_kwargs = {"trust_env": False}
    try:
        # Its TLS context takes some 30 ms, in which the loop would stand still.
        client = await asyncio.to_thread(ApiClient, configuration)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"kubeconfig: a certificate or key in it cannot be used: {error}"
        ) from error
    client.user_agent = "meshbot"
    api = Api(client, retry_policy=retry_policy, seconds=seconds)
    if loader is not None and "BearerToken" in configuration.api_key:
        api.jobs.spawn(_keep_token_fresh(loader, configuration), "refresh the cluster's token")
    return api


def _load_in_cluster(configuration: Configuration) -> None:
    try:
        config.load_incluster_config(configuration)
    except (ConfigException, OSError) as error:
        raise SettingsError(
            f"in_cluster: this is not a pod with a service account: {error}"
        ) from error


def _load_kubeconfig(
    configuration: Configuration, kubeconfig: Path | None, context: str | None
) -> Any:
    """Load a kubeconfig and return its loader; for a thread of its own: the client reads
    files, parses YAML and may start a credential plugin.
    """
    place = str(kubeconfig or os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not any(Path(p).expanduser().is_file() for p in place.split(os.pathsep) if p):
        raise SettingsError(f"kubeconfig: there is no file {place}")
    loading = config.load_kube_config(
        config_file=place,
        context=context or None,
        client_configuration=configuration,
        # The file is the user's: a renewed token is not written into it.
        persist_config=False,
    )
    try:
        loader = asyncio.run(_await_with_timeout(loading))
    except TimeoutError as error:
        raise Forbidden(
            Text(
                "kubeconfig {place}: its credential plugin did not end in {seconds:g} s",
                place=place,
                seconds=PLUGIN_SECONDS,
            )
        ) from error
    except (
        ConfigException,
        yaml.YAMLError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise SettingsError(_explain_config_error(error, place, context)) from error
    _require_plugin_credentials(loader, configuration, place)
    return loader


async def _await_with_timeout(loading: Awaitable[Any]) -> Any:
    async with asyncio.timeout(PLUGIN_SECONDS):
        return await loading


def _explain_config_error(error: Exception, place: str, context: str | None) -> str:
    if context and f"name {context}" in str(error):
        return f"context: {context!r} is not in {place}"
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return f"kubeconfig: {place} cannot be used: {first}"


def _require_plugin_credentials(loader: Any, configuration: Configuration, place: str) -> None:
    """Raise Forbidden when the credential plugin gave nothing: the client only logs that and
    would go on without credentials.
    """
    user = loader._user
    if user and "exec" in user and not configuration.api_key and not configuration.cert_file:
        command = user["exec"].safe_get("command")
        raise Forbidden(
            Text(
                "kubeconfig {place}: its credential plugin `{command}` gave no credentials; "
                "try it by hand",
                place=place,
                command=command,
            )
        )


def _is_loopback(host: str) -> bool:
    """Tell whether a URL leads to this machine itself; like kubectl, never go through
    HTTPS_PROXY to it.
    """
    name = urlsplit(host).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


async def _keep_token_fresh(loader: Any, configuration: Configuration) -> None:
    """Renew a plugin's token for as long as the process lives; return at once when there is
    nothing to renew.
    """
    while True:
        try:
            # It ends with the first error, and a token that is not renewed is refused after minutes
            # (on EKS after 15).
            await config.refresh_token(loader, configuration, interval=REFRESH_SECONDS)
        except (ConfigException, OSError, AttributeError) as error:
            log.warning("the cluster's token could not be renewed: %s", error)
        else:
            return
