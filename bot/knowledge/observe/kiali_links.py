"""Deep links into the Kiali console. Paths are those of Kiali 1.87 (with Istio 1.23) and 2.26 (with
Istio 1.30)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urlencode

from bot.kinds import Kind


def is_kiali_2(version: str) -> bool:
    """Tell whether a version such as `v2.26` is 2 or newer.

    An unknown version is taken for the newest known.
    """
    found = re.match(r"v?(\d+)(?=\.|$)", version)
    return found is None or int(found[1]) >= 2


@dataclass(frozen=True)
class Console:
    """A Kiali that people reach at `base` (e.g. `http://localhost:20001/kiali`); `version` like
    `v2.26`."""

    base: str
    version: str = ""

    @property
    def is_modern(self) -> bool:
        """True for Kiali 2 and newer, and for an unknown version."""
        return is_kiali_2(self.version)

    def build_url(self, path: str, **query: str) -> str:
        """Return the URL of a page: outside `/console` Kiali answers 404."""
        words = f"?{urlencode(query, safe=',')}" if query else ""
        return f"{self.base.rstrip('/')}/console{path}{words}"

    def build_object_path(self, namespace: str, kind: Kind, name: str) -> str:
        """Return the path of an Istio or Gateway API object, the same on a page and in the API."""
        if self.is_modern:
            place = f"{kind.group}/{kind.version}/{kind.kind}"
        elif kind.group == "gateway.networking.k8s.io":
            place = f"k8s{kind.plural}"
        else:
            place = kind.plural
        return f"/namespaces/{quote(namespace)}/istio/{place}/{quote(name)}"

    def overview_url(self) -> str:
        """Return the URL of the first page."""
        return self.build_url("/overview")

    def graph_url(self, *namespaces: str, duration: int = 300, at: float = 0.0) -> str:
        """Return the URL of the traffic graph: versions, rates, mTLS, and waypoints in Kiali 2.

        `duration` is in seconds. With `at` (epoch seconds) it opens Kiali's replay of the
        minute that ended then.
        """
        query = {
            "namespaces": ",".join(namespaces),
            "graphType": "versionedApp",
            "duration": str(duration),
            "refresh": "15000",
            "injectServiceNodes": "true",
            "badgeSecurity": "true",
            "edges": "trafficRate,trafficDistribution",
        }
        if self.is_modern:
            query |= {
                "waypoints": "true",
                "traffic": "ambient,ambientTotal,http,httpRequest,tcp,tcpSent,grpc,grpcRequest",
            }
        if at:
            query |= {
                "replayActive": "true",
                "replayInterval": "60000",
                "replayStart": f"{(at - 60) * 1000:.0f}",
            }
        return self.build_url("/graph/namespaces", **query)

    def workloads_url(self, namespace: str) -> str:
        """Return the URL of a namespace's workloads."""
        return self.build_url("/workloads", namespaces=namespace)

    def mesh_url(self) -> str:
        """Return the URL of the mesh page: control plane and add-ons."""
        return self.build_url("/mesh")

    def config_url(self, namespace: str) -> str:
        """Return the URL of a namespace's Istio objects."""
        return self.build_url("/istio", namespaces=namespace)

    def build_page_url(self, page: str, namespace: str) -> str:
        """Return the URL of a page by name: overview, graph, workloads, config or mesh."""
        pages: dict[str, Callable[[], str]] = {
            "graph": partial(self.graph_url, namespace),
            "workloads": partial(self.workloads_url, namespace),
            "config": partial(self.config_url, namespace),
            "mesh": self.mesh_url,
        }
        return pages.get(page, self.overview_url)()

    def object_url(self, namespace: str, kind: Kind, name: str) -> str:
        """Return the URL of one Istio or Gateway API object."""
        return self.build_url(self.build_object_path(namespace, kind, name))
