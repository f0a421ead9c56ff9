"""What a container finds when it starts: environment variables, and the files of its volumes."""

from __future__ import annotations

import base64

from sandbox.cluster.contract import Client, Object, Ref
from sandbox.cluster.machinery.meta import CONFIG_MAPS, SERVICES

_SECRETS = Ref("", "secrets")
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Surroundings:
    """Reads what one pod's containers see, through the API as the kubelet does."""

    def __init__(self, client: Client, pod: Object) -> None:
        self._client, self._pod = client, pod
        self._namespace = pod["metadata"].get("namespace", "")

    async def read_environment(self, container: Object) -> dict[str, str]:
        """Return the variables: the system's, those of Services, and the container's own."""
        found = {"PATH": _PATH, "HOSTNAME": self._pod["metadata"]["name"], "HOME": "/root"}
        found |= await self._read_service_variables()
        for source in container.get("envFrom") or ():
            values = await self._read_source(source)
            prefix = source.get("prefix", "")
            found |= {
                f"{prefix}{name}": value.decode(errors="replace") for name, value in values.items()
            }
        for each in container.get("env") or ():
            found[each["name"]] = await self._read_variable(each, container)
        return found

    async def _read_service_variables(self) -> dict[str, str]:
        found = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
        for service in await self._client.list(SERVICES, self._namespace):
            address, ports = service["spec"].get("clusterIP"), service["spec"].get("ports")
            if address and address != "None" and ports:
                name = service["metadata"]["name"].upper().replace("-", "_")
                found[f"{name}_SERVICE_HOST"] = address
                found[f"{name}_SERVICE_PORT"] = str(ports[0]["port"])
        return found

    async def _read_variable(self, variable: Object, container: Object) -> str:
        source = variable.get("valueFrom") or {}
        if field := source.get("fieldRef"):
            return self._read_field(field["fieldPath"])
        if field := source.get("resourceFieldRef"):
            limits = (container.get("resources") or {}).get("limits") or {}
            return str(limits.get(field["resource"].rpartition(".")[2], "1"))
        for kind, reference in (("configMapKeyRef", CONFIG_MAPS), ("secretKeyRef", _SECRETS)):
            if chosen := source.get(kind):
                values = await self._read_data(reference, chosen.get("name", ""))
                return values.get(chosen["key"], b"").decode(errors="replace")
        return str(variable.get("value", ""))

    def _read_field(self, path: str) -> str:
        if path.startswith("metadata.") and path.endswith("]"):
            part, _, key = path.removeprefix("metadata.").partition("[")
            return str((self._pod["metadata"].get(part) or {}).get(key.strip("]'\""), ""))
        value: object = self._pod
        for step in path.split("."):
            value = value.get(step, "") if isinstance(value, dict) else ""
        if path == "spec.serviceAccountName":
            return str(value or "default")
        if path == "status.podIPs":
            return str((self._pod.get("status") or {}).get("podIP", ""))
        return str(value)

    async def _read_source(self, source: Object) -> dict[str, bytes]:
        for kind, reference in (("configMapRef", CONFIG_MAPS), ("secretRef", _SECRETS)):
            if chosen := source.get(kind):
                return await self._read_data(reference, chosen.get("name", ""))
        return {}

    async def _read_data(self, reference: Ref, name: str) -> dict[str, bytes]:
        obj = await self._client.get(reference, name, self._namespace) or {}
        secret = reference == _SECRETS
        return {
            key: base64.b64decode(value) if secret else str(value).encode()
            for key, value in (obj.get("data") or {}).items()
        }

    async def read_files(self, container: Object) -> dict[str, bytes]:
        """Return the files of its mounts that are known, and those that a kubelet writes."""
        address = (self._pod.get("status") or {}).get("podIP", "")
        name = self._pod["metadata"]["name"]
        search = f"{self._namespace}.svc.cluster.local svc.cluster.local cluster.local"
        files = {
            "/etc/hostname": f"{name}\n",
            "/etc/hosts": f"127.0.0.1\tlocalhost\n{address}\t{name}\n",
            "/etc/resolv.conf": f"search {search}\nnameserver 10.96.0.10\noptions ndots:5\n",
            f"{_ACCOUNT}/namespace": self._namespace,
        }
        found = {path: text.encode() for path, text in files.items()}
        for number, value in (await self._read_data(CONFIG_MAPS, "kube-root-ca.crt")).items():
            found[f"{_ACCOUNT}/{number}"] = value
        volumes = {v["name"]: v for v in self._pod["spec"].get("volumes") or ()}
        for mount in container.get("volumeMounts") or ():
            content = await self._read_volume(volumes.get(mount["name"], {}))
            path, part = mount["mountPath"].rstrip("/"), mount.get("subPath", "")
            if part in content:
                found[path] = content[part]
            else:
                found |= {f"{path}/{key}": value for key, value in content.items()}
        return found

    async def _read_volume(self, volume: Object) -> dict[str, bytes]:
        content: dict[str, bytes] = {}
        parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        for part in parts:
            if chosen := part.get("configMap"):
                content |= await self._read_data(CONFIG_MAPS, chosen.get("name", ""))
            if chosen := part.get("secret"):
                name = chosen.get("secretName") or chosen.get("name", "")
                content |= await self._read_data(_SECRETS, name)
            for item in (part.get("downwardAPI") or {}).get("items") or ():
                if "fieldRef" in item:
                    path = item["fieldRef"]["fieldPath"]
                    content[item["path"]] = self._format_downward(path).encode()
        return content

    def _format_downward(self, path: str) -> str:
        if path in ("metadata.labels", "metadata.annotations"):
            values = self._pod["metadata"].get(path.removeprefix("metadata.")) or {}
            return "\n".join(f'{key}="{value}"' for key, value in sorted(values.items()))
        return self._read_field(path)
