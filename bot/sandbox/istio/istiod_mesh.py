"""What an istiod works from: ConfigMaps `istio` (mesh) and `istio-sidecar-injector` (values), and its own pod."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from bot.sandbox.cluster.contract import Object
from bot.sandbox.istio.istiod_facts import Facts, facts_of, version_of

_PROXY_CONFIG_ORDER = ("tracing", "proxyMetadata", "image")
"""Order of the fields that istiod prints first in PROXY_CONFIG (that of its protobuf message)."""
_UNPRINTED = ("discoveryAddress",)
"""ProxyConfig fields left out of PROXY_CONFIG while they have their usual value."""
_RESOURCES = {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}


@dataclass(frozen=True)
class Identity:
    """Which istiod this is: taken from its pod."""

    pod: str
    namespace: str
    image: str
    revision: str = "default"
    env: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The release in the image's tag, e.g. `1.30.3`."""
        return version_of(self.image)

    @property
    def facts(self) -> Facts:
        """The traits of that release."""
        return facts_of(self.version)

    @property
    def ambient(self) -> bool:
        """Whether waypoints and ambient services are this istiod's matter."""
        return self.env.get("PILOT_ENABLE_AMBIENT") == "true"


def identity_of(pod: Object) -> Identity:
    """Reads the identity off a pod whose container `discovery` (else its first) is an istiod."""
    containers = pod["spec"]["containers"]
    main = next((c for c in containers if c["name"] == "discovery"), containers[0])
    env = {e["name"]: e.get("value", "") for e in main.get("env", [])}
    meta = pod["metadata"]
    return Identity(
        pod=meta["name"],
        namespace=meta["namespace"],
        image=main["image"],
        revision=env.get("REVISION") or "default",
        env=env,
    )


@dataclass(frozen=True)
class Mesh:
    """Mesh configuration and injection values, read; both as plain objects."""

    identity: Identity
    config: Object = field(default_factory=dict)
    values: Object = field(default_factory=dict)

    def value(self, path: str, default: Any = None) -> Any:
        """One injection value, `global.hub`; `default` where it is absent."""
        here: Any = self.values
        for key in path.split("."):
            if not isinstance(here, dict) or key not in here:
                return default
            here = here[key]
        return here

    @property
    def proxy_config(self) -> Object:
        """meshConfig.defaultConfig."""
        return dict(self.config.get("defaultConfig") or {})

    @property
    def proxy_metadata(self) -> dict[str, str]:
        """Environment that every proxy is given."""
        return {k: str(v) for k, v in (self.proxy_config.get("proxyMetadata") or {}).items()}

    @property
    def hbone(self) -> bool:
        """Whether proxies speak HBONE (ambient profile)."""
        return self.proxy_metadata.get("ISTIO_META_ENABLE_HBONE") == "true"

    @property
    def merges_metrics(self) -> bool:
        """enablePrometheusMerge, true unless said otherwise."""
        return bool(self.config.get("enablePrometheusMerge", True))

    @property
    def trust_domain(self) -> str:
        """The SPIFFE trust domain."""
        return str(self.config.get("trustDomain") or "cluster.local")

    @property
    def uses_cni(self) -> bool:
        """Whether istio-cni redirects traffic, so that injected pods need no privileged init container."""
        return bool(self.value("pilot.cni.enabled") or self.value("istio_cni.enabled"))

    @property
    def tracing_json(self) -> str:
        """The PROXY_CONFIG value: ProxyConfig as one line of JSON and a line break."""
        config = {k: v for k, v in self.proxy_config.items() if k not in _UNPRINTED}
        if "tracing" in config:
            tracing = config["tracing"] or {}
            config["tracing"] = {k: tracing[k] for k in sorted(tracing, key=lambda k: (k == "sampling", k))}
        ordered = [k for k in _PROXY_CONFIG_ORDER if k in config]
        ordered += sorted(k for k in config if k not in ordered)
        return json.dumps({k: config[k] for k in ordered}, separators=(",", ":")) + "\n"

    def proxy_image(self) -> str:
        """The proxy's image: hub and tag from the values (else istiod's own), variant from defaultConfig or values."""
        own = re.match(r"(?P<hub>.*)/[^/:]+(:.*)?$", self.identity.image)
        hub = self.value("global.hub") or (own["hub"] if own else "docker.io/istio")
        tag = str(self.value("global.tag") or self.identity.version)
        name = self.value("global.proxy.image") or "proxyv2"
        variant = (self.proxy_config.get("image") or {}).get("imageType") or self.value("global.variant") or ""
        if variant and variant != "default" and not tag.endswith(f"-{variant}"):
            tag = f"{tag}-{variant}"
        return f"{hub}/{name}:{tag}"

    def proxy_resources(self) -> Object:
        """Requests and limits of sidecars and gateways."""
        return canonical_resources(self.value("global.proxy.resources") or _RESOURCES)

    def waypoint_resources(self) -> Object:
        """Requests and limits of waypoints."""
        return canonical_resources(self.value("global.waypoint.resources") or _RESOURCES)


def mesh_of(identity: Identity, mesh: Object | None, injector: Object | None) -> Mesh:
    """Reads the two ConfigMaps; either may be missing, then the defaults hold."""
    config = yaml.safe_load((mesh or {}).get("data", {}).get("mesh", "") or "{}")
    values = json.loads((injector or {}).get("data", {}).get("values", "") or "{}")
    return Mesh(identity, config if isinstance(config, dict) else {}, values if isinstance(values, dict) else {})


def canonical_resources(resources: Object) -> Object:
    """Quantities as the API server stores them: 2000m → 2, 1024Mi → 1Gi."""
    return {kind: {k: _quantity(str(v)) for k, v in amounts.items()} for kind, amounts in resources.items() if amounts}


def _quantity(text: str) -> str:
    whole = re.fullmatch(r"(\d+)(m|Mi)", text)
    if whole is None:
        return text
    step, unit = (1000, "") if whole[2] == "m" else (1024, "Gi")
    number = int(whole[1])
    return f"{number // step}{unit}" if number and number % step == 0 else text
