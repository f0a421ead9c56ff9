"""The configuration of an istiod: two ConfigMaps and its own pod.

The ConfigMaps are `istio` (mesh configuration) and `istio-sidecar-injector` (values).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.releases import find_release, parse_image_version
from sandbox.releases.release import IstiodTraits
from sandbox.yaml_text import read_yaml

_PROXY_CONFIG_ORDER = ("tracing", "proxyMetadata", "image")
"""Order of the fields that istiod prints first in PROXY_CONFIG (that of its protobuf message)."""
_UNPRINTED = ("discoveryAddress",)
"""ProxyConfig fields left out of PROXY_CONFIG while they have their usual value."""
_RESOURCES = {
    "limits": {"cpu": "2", "memory": "1Gi"},
    "requests": {"cpu": "100m", "memory": "128Mi"},
}


@dataclass(frozen=True)
class IstiodIdentity:
    """The identity of an istiod, read from its pod."""

    pod: str
    namespace: str
    image: str
    revision: str = "default"
    env: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The release in the image's tag, e.g. `1.30.3`."""
        return parse_image_version(self.image)

    @property
    def facts(self) -> IstiodTraits:
        """The traits of that release."""
        return find_release(self.version).istiod

    @property
    def ambient(self) -> bool:
        """Tell whether this istiod handles waypoints and ambient services."""
        return self.env.get("PILOT_ENABLE_AMBIENT") == "true"


def read_identity(pod: Object) -> IstiodIdentity:
    """Read the identity from a pod whose container `discovery` (else its first) is an istiod."""
    containers = pod["spec"]["containers"]
    main = next((c for c in containers if c["name"] == "discovery"), containers[0])
    env = {e["name"]: e.get("value", "") for e in main.get("env", [])}
    meta = pod["metadata"]
    return IstiodIdentity(
        pod=meta["name"],
        namespace=meta["namespace"],
        image=main["image"],
        revision=env.get("REVISION") or "default",
        env=env,
    )


@dataclass(frozen=True)
class MeshConfiguration:
    """The parsed mesh configuration and injection values of one istiod."""

    identity: IstiodIdentity
    config: Object = field(default_factory=dict)
    values: Object = field(default_factory=dict)

    def get_value(self, path: str, default: Any = None) -> Any:
        """Return one injection value by its path, e.g. `global.hub`; `default` where it is
        absent."""
        here: Any = self.values
        for key in path.split("."):
            if not isinstance(here, dict) or key not in here:
                return default
            here = here[key]
        return here

    @property
    def proxy_config(self) -> Object:
        """The mesh-wide ProxyConfig, meshConfig.defaultConfig."""
        return dict(self.config.get("defaultConfig") or {})

    @property
    def proxy_metadata(self) -> dict[str, str]:
        """The environment that every proxy is given."""
        return {k: str(v) for k, v in (self.proxy_config.get("proxyMetadata") or {}).items()}

    @property
    def uses_hbone(self) -> bool:
        """Tell whether proxies speak HBONE (ambient profile)."""
        return self.proxy_metadata.get("ISTIO_META_ENABLE_HBONE") == "true"

    @property
    def merges_metrics(self) -> bool:
        """Tell whether metrics are merged: enablePrometheusMerge, true by default."""
        return bool(self.config.get("enablePrometheusMerge", True))

    @property
    def trust_domain(self) -> str:
        """The SPIFFE trust domain."""
        return str(self.config.get("trustDomain") or "cluster.local")

    @property
    def uses_cni(self) -> bool:
        """Tell whether istio-cni redirects traffic.

        Injected pods then need no privileged init container.
        """
        return bool(self.get_value("pilot.cni.enabled") or self.get_value("istio_cni.enabled"))

    @property
    def proxy_config_json(self) -> str:
        """The value of PROXY_CONFIG: ProxyConfig as one line of JSON and a line break."""
        config = {k: v for k, v in self.proxy_config.items() if k not in _UNPRINTED}
        if "tracing" in config:
            tracing = config["tracing"] or {}
            config["tracing"] = {
                k: tracing[k] for k in sorted(tracing, key=lambda k: (k == "sampling", k))
            }
        ordered = [k for k in _PROXY_CONFIG_ORDER if k in config]
        ordered += sorted(k for k in config if k not in ordered)
        return json.dumps({k: config[k] for k in ordered}, separators=(",", ":")) + "\n"

    def build_proxy_image(self) -> str:
        """Return the proxy's image.

        Hub and tag come from the values (else from istiod's own image), the variant from
        defaultConfig or the values.
        """
        own = re.match(r"(?P<hub>.*)/[^/:]+(:.*)?$", self.identity.image)
        hub = self.get_value("global.hub") or (own["hub"] if own else "docker.io/istio")
        tag = str(self.get_value("global.tag") or self.identity.version)
        name = self.get_value("global.proxy.image") or "proxyv2"
        variant = (
            (self.proxy_config.get("image") or {}).get("imageType")
            or self.get_value("global.variant")
            or ""
        )
        if variant and variant != "default" and not tag.endswith(f"-{variant}"):
            tag = f"{tag}-{variant}"
        return f"{hub}/{name}:{tag}"

    def get_proxy_resources(self) -> Object:
        """Return the requests and limits of sidecars and gateways."""
        return normalize_resources(self.get_value("global.proxy.resources") or _RESOURCES)

    def get_waypoint_resources(self) -> Object:
        """Return the requests and limits of waypoints."""
        return normalize_resources(self.get_value("global.waypoint.resources") or _RESOURCES)


def read_mesh_configuration(
    identity: IstiodIdentity, mesh: Object | None, injector: Object | None
) -> MeshConfiguration:
    """Read the two ConfigMaps; a missing one gives the defaults."""
    config = read_yaml((mesh or {}).get("data", {}).get("mesh", "") or "{}")
    values = json.loads((injector or {}).get("data", {}).get("values", "") or "{}")
    return MeshConfiguration(
        identity,
        config if isinstance(config, dict) else {},
        values if isinstance(values, dict) else {},
    )


def normalize_resources(resources: Object) -> Object:
    """Write quantities as the API server stores them: 2000m → 2, 1024Mi → 1Gi."""
    return {
        kind: {k: _normalize_quantity(str(v)) for k, v in amounts.items()}
        for kind, amounts in resources.items()
        if amounts
    }


def _normalize_quantity(text: str) -> str:
    whole = re.fullmatch(r"(\d+)(m|Mi)", text)
    if whole is None:
        return text
    step, unit = (1000, "") if whole[2] == "m" else (1024, "Gi")
    number = int(whole[1])
    return f"{number // step}{unit}" if number and number % step == 0 else text
