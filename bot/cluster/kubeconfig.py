"""Kubeconfig files: where they lie, and the server and the credentials of one context."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, kube_config

from bot.cluster.credentials import Authorization, build_bearer, read_token_file
from bot.cluster.plugins import Plugin, PluginCredentials
from bot.errors import SettingsError

library: Any = kube_config  # its classes carry no types
UNUSABLE = (
    ConfigException,
    yaml.YAMLError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""What reading a file raises that is no kubeconfig, or names what is not there."""


def find_kubeconfig(named: Path | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return where the kubeconfig lies: as named, else as KUBECONFIG says, which may be a list,
    else in the home directory. Paths are absolute.

    Raises SettingsError when nothing is named and there is no home directory.
    """
    place = str(named or environ.get("KUBECONFIG") or Path("~", ".kube", "config"))
    try:
        return os.pathsep.join(
            str(Path(each).expanduser().absolute()) for each in place.split(os.pathsep) if each
        )
    except RuntimeError as error:
        raise SettingsError(
            "kubeconfig: none is named, and this user has no home directory to look into; "
            "set MESHBOT_CLUSTER__KUBECONFIG"
        ) from error


class Kubeconfig:
    """One context of the kubeconfig at `place`, the current one when `context` is empty."""

    def __init__(self, place: str, context: str | None) -> None:
        self._place, self._context = place, context or None

    async def load(self, configuration: Configuration) -> Authorization:
        """Read the server and the credentials into a configuration.

        Raises SettingsError when the file or the context is wrong, Unauthorized when there are no
        credentials to be had.
        """
        try:
            loader: Any = await asyncio.to_thread(self._read)
            authorization = await self._load_credentials(loader)
            await asyncio.to_thread(loader._load_cluster_info)
            loader._set_config(configuration)
            certificate = await asyncio.to_thread(read_certificate, configuration)
            userinfo = move_userinfo(configuration)
        except UNUSABLE as error:
            raise SettingsError(self._explain(error)) from None
        header = authorization.header or userinfo
        return authorization._replace(header=header, certificate=certificate)

    def _read(self) -> Any:
        """Return the client's loader; reads and parses the files."""
        if not any(Path(each).is_file() for each in self._place.split(os.pathsep)):
            raise SettingsError(
                f"kubeconfig: there is no file {self._place}; name yours in "
                "MESHBOT_CLUSTER__KUBECONFIG or KUBECONFIG"
            )
        merged = library.KubeConfigMerger(self._place).config
        return library.KubeConfigLoader(
            config_dict=merged, active_context=self._context, config_base_path=None
        )

    async def _load_credentials(self, loader: Any) -> Authorization:
        """Load what the client does not keep fresh itself here, and the rest with its loader."""
        user = loader._user
        given = user.value if user is not None else {}
        base = Path(user.path or self._place).parent if user is not None else Path()
        if given.get("exec") and loader.provider is None:
            cluster = loader._cluster.value
            plugin = Plugin(given["exec"], cluster, place=self._place, base=base)
            return use_plugin_credentials(loader, await plugin.run())
        # It takes the place of `token`, as with kubectl, and is written anew by whoever made it.
        if given.get("tokenFile"):
            return await read_token_file(base / str(given["tokenFile"]))
        await loader._load_authentication()
        token = str(getattr(loader, "token", "")).strip()
        if not token.isascii() or not (token or "-").isprintable():
            raise ValueError("the token of its user holds what no token can")
        return Authorization(token)

    def _explain(self, error: BaseException) -> str:
        if self._context and f"name {self._context}" in str(error):
            return (
                f"context: {self._context!r} is not in {self._place} (set MESHBOT_CLUSTER__CONTEXT)"
            )
        first = (str(error).splitlines() or [type(error).__name__])[0]
        # The client names an entry by all that it holds, tokens included.
        said = re.sub(r"[{\[].*", "…", first)
        return f"kubeconfig: {self._place} cannot be used: {said or type(error).__name__}"


def use_plugin_credentials(loader: Any, given: PluginCredentials) -> Authorization:
    """Return the authorization that a plugin gave; a certificate goes to the loader, as files."""
    if given.certificate:
        loader.cert_file = write_private_file(given.certificate)
        loader.key_file = write_private_file(given.key)
    if given.token:
        return build_bearer(given.token, ends=given.ends)
    return build_bearer("", ends=given.ends)._replace(header="")


def write_private_file(content: str) -> str:
    """Return the path of a file with this content, which ends with the process; TLS reads only
    files.
    """
    held = library.FileOrData({"data": content}, None, "data", base64_file_content=False)
    return str(held.as_file())


def move_userinfo(configuration: Configuration) -> str:
    """Take user name and password out of the server's URL, which is shown to people, and return
    them as a header; "" when it has none.
    """
    parts = urlsplit(configuration.host)
    if "@" not in parts.netloc:
        return ""
    userinfo, _, host = parts.netloc.rpartition("@")
    configuration.host = parts._replace(netloc=host).geturl()
    return "Basic " + base64.b64encode(unquote(userinfo).encode()).decode()


def read_certificate(configuration: Configuration) -> bytes:
    """Return the client certificate and its key as they are, to tell them from newer ones; b""
    for none.
    """
    files = [name for name in (configuration.cert_file, configuration.key_file) if name]
    return b"".join(Path(name).read_bytes() for name in files)
