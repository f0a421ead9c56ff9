"""Kiali's configuration, read once from its ConfigMap when it starts: what is changed later needs a
restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.observability.metrics.syntax import QueryError, parse_duration
from sandbox.yaml_text import read_yaml

SYSTEM = "istio-system"


@dataclass(frozen=True)
class AddonSettings:
    """An add-on: whether Kiali uses it, and its URLs for people and for Kiali."""

    enabled: bool
    external_url: str
    internal_url: str


@dataclass(frozen=True)
class KialiSettings:
    """The keys that matter here, with Kiali's defaults. Intervals in seconds."""

    strategy: str = "token"
    web_root: str = "/kiali"
    port: int = 20001
    namespace: str = SYSTEM
    prometheus: str = f"http://prometheus.{SYSTEM}:9090"
    tracing: AddonSettings = field(default_factory=lambda: AddonSettings(False, "", ""))
    grafana: AddonSettings = field(default_factory=lambda: AddonSettings(True, "", ""))
    custom_dashboards: bool = True
    ignored_checks: frozenset[str] = frozenset()
    validation_seconds: float = 60.0


def parse_settings(text: str) -> KialiSettings:
    """Return the settings in `config.yaml`.

    Raises yaml.YAMLError or ValueError, with which Kiali would end.
    """
    config = read_yaml(text) or {}
    if not isinstance(config, dict):
        raise ValueError("config.yaml is not a mapping")
    services = config.get("external_services") or {}
    istio, server = services.get("istio") or {}, config.get("server") or {}
    validations = (config.get("kiali_feature_flags") or {}).get("validations") or {}
    root = istio.get("root_namespace") or config.get("istio_namespace") or SYSTEM
    return KialiSettings(
        strategy=(config.get("auth") or {}).get("strategy") or "token",
        web_root=server.get("web_root") or "/kiali",
        port=int(server.get("port") or 20001),
        namespace=root,
        prometheus=(services.get("prometheus") or {}).get("url")
        or f"http://prometheus.{SYSTEM}:9090",
        tracing=_parse_addon(
            services.get("tracing"), f"http://tracing.{SYSTEM}:16685/jaeger", enabled=False
        ),
        grafana=_parse_addon(
            services.get("grafana"), f"http://grafana.{SYSTEM}:3000", enabled=True
        ),
        custom_dashboards=bool((services.get("custom_dashboards") or {}).get("enabled", True)),
        ignored_checks=frozenset(validations.get("ignore") or ()),
        validation_seconds=_parse_reconcile_interval(
            str(istio.get("validation_reconcile_interval") or "1m")
        ),
    )


def _parse_addon(said: Any, default: str, *, enabled: bool) -> AddonSettings:
    """Parse an add-on's settings.

    The newer keys `external_url` and `internal_url` win over the older `url` and
    `in_cluster_url`.
    """
    found = said or {}
    outside = found.get("external_url") or found.get("url") or ""
    inside = found.get("internal_url") or found.get("in_cluster_url") or default
    return AddonSettings(bool(found.get("enabled", enabled)), str(outside), str(inside))


def _parse_reconcile_interval(duration: str) -> float:
    try:
        return parse_duration(duration)
    except QueryError as error:
        raise ValueError(f"validation_reconcile_interval: {error}") from error
