"""The ConfigMaps and Secrets that a container's environment is made of, as the kubelet wants them
before it creates the container, and the Services that its command looks up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.cluster.contract import Client, Object, Ref
from sandbox.cluster.machinery.meta import CONFIG_MAPS

_ROOT_IMAGES = ("busybox", "alpine", "nginx", "mysql", "mongodb")
"""Images whose user is root; those of Bookinfo's own programs run as 1000."""
_SECRETS, _SERVICES = Ref("", "secrets"), Ref("", "services")


@dataclass(frozen=True)
class _Wanted:
    """An object that the environment needs, and the key of it; "" for the whole object."""

    ref: Ref
    name: str
    key: str = ""


def _list_wanted(container: Object) -> Iterator[_Wanted]:
    for source in container.get("envFrom") or ():
        for field, ref in (("configMapRef", CONFIG_MAPS), ("secretRef", _SECRETS)):
            named = source.get(field)
            if named and not named.get("optional"):
                yield _Wanted(ref, str(named.get("name", "")))
    for variable in container.get("env") or ():
        given = variable.get("valueFrom") or {}
        for field, ref in (("configMapKeyRef", CONFIG_MAPS), ("secretKeyRef", _SECRETS)):
            named = given.get(field)
            if named and not named.get("optional"):
                yield _Wanted(ref, str(named.get("name", "")), str(named.get("key", "")))


async def find_missing_config(client: Client, namespace: str, container: Object) -> str:
    """Return the kubelet's message about the first object or key that is not there, or ""."""
    for wanted in _list_wanted(container):
        found = await client.get(wanted.ref, wanted.name, namespace)
        kind = "ConfigMap" if wanted.ref == CONFIG_MAPS else "Secret"
        if found is None:
            return f'{kind.lower()} "{wanted.name}" not found'
        keys = {**(found.get("data") or {}), **(found.get("stringData") or {})}
        if wanted.key and wanted.key not in keys:
            return f"couldn't find key {wanted.key} in {kind} {namespace}/{wanted.name}"
    return ""


def find_refused_user(pod: Object, container: Object) -> str:
    """Return the kubelet's message about a user that a container must not run as, or ""."""
    shared, own = pod["spec"].get("securityContext") or {}, container.get("securityContext") or {}
    told = {**shared, **own}
    if not told.get("runAsNonRoot"):
        return ""
    meta = pod["metadata"]
    place = (
        f'(pod: "{meta["name"]}_{meta["namespace"]}({meta["uid"]})", '
        f"container: {container['name']})"
    )
    if told.get("runAsUser") == 0:
        return f"container's runAsUser breaks non-root policy {place}"
    if "runAsUser" not in told and any(each in container["image"] for each in _ROOT_IMAGES):
        return f"container has runAsNonRoot and image will run as root {place}"
    return ""


async def can_look_up(client: Client, host: str, namespace: str) -> bool:
    """Tell whether a host is a Service, as a pod of that namespace looks it up; "" is none."""
    name, _, rest = host.partition(".")
    place = rest.partition(".")[0] or namespace
    return bool(host) and await client.get(_SERVICES, name, place) is not None
