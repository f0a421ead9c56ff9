"""Which Telemetry objects hold for a proxy, and which of Istio's metrics they switch off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sandbox.cluster.contract import Object
from sandbox.dataplane.engine.workloads import Workload
from sandbox.dataplane.objects.world import ROOT_NAMESPACE
from sandbox.dataplane.telemetry import DURATION, REQUEST_BYTES, REQUESTS, RESPONSE_BYTES

Telemetries = Mapping[tuple[str, str], Object]

_METRICS = {
    "REQUEST_COUNT": REQUESTS,
    "REQUEST_DURATION": DURATION,
    "REQUEST_SIZE": REQUEST_BYTES,
    "RESPONSE_SIZE": RESPONSE_BYTES,
}
_ALL = "ALL_METRICS"
_MODES = {"source": "CLIENT", "destination": "SERVER", "waypoint": "SERVER"}


def list_telemetries(proxy: Workload, telemetries: Telemetries) -> Iterable[Object]:
    """Return the objects that hold for a proxy: root, namespace, workload; the later one wins."""
    root = [t for (place, _), t in telemetries.items() if place == ROOT_NAMESPACE]
    own = [t for (place, _), t in telemetries.items() if place == proxy.namespace != ROOT_NAMESPACE]
    selected = [
        (((t.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}, t) for t in own
    ]
    wide = [t for labels, t in selected if not labels]
    narrow = [
        t for labels, t in selected if labels and labels.items() <= dict(proxy.labels).items()
    ]
    return [t for t in (*root, *wide, *narrow) if t.get("spec")]


def find_disabled_metrics(
    proxy: Workload, reporter: str, telemetries: Telemetries
) -> frozenset[str]:
    """Return the metrics of requests, by Prometheus' names, that a proxy does not report on that
    side of a connection."""
    off: set[str] = set()
    for rule in list_telemetries(proxy, telemetries):
        parts = rule["spec"].get("metrics") or ()
        for override in (o for part in parts for o in part.get("overrides") or ()):
            match = override.get("match") or {}
            if match.get("mode", "CLIENT_AND_SERVER") not in (
                "CLIENT_AND_SERVER",
                _MODES.get(reporter, ""),
            ):
                continue
            metric = match.get("metric", _ALL)
            names = _METRICS.values() if metric == _ALL else [_METRICS.get(metric, "")]
            if "disabled" in override:
                (off.update if override["disabled"] else off.difference_update)(names)
    return frozenset(off)
