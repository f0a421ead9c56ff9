"""The ConfigMaps and Secrets that a pod's volumes need before its containers start."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.cluster.contract import Client, Object, Ref
from sandbox.cluster.machinery.meta import CONFIG_MAPS

_SECRETS = Ref("", "secrets")


def _list_required_objects(volume: Object) -> Iterator[tuple[Ref, str]]:
    sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
    for source in sources:
        config_map, secret = source.get("configMap"), source.get("secret")
        if config_map and not config_map.get("optional"):
            yield CONFIG_MAPS, config_map.get("name", "")
        if secret and not secret.get("optional"):
            yield _SECRETS, secret.get("secretName") or secret.get("name", "")


async def find_missing_volume(client: Client, pod: Object) -> str:
    """Return the kubelet's message for the first volume that can't be mounted, or ""."""
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        for ref, name in _list_required_objects(volume):
            if await client.get(ref, name, namespace) is None:
                kind = ref.plural.removesuffix("s")
                return (
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : {kind} "{name}" '
                    f"not found"
                )
    return ""
