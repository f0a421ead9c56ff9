"""Deep links into the Kiali console. Paths are those of Kiali 1.87 (with Istio 1.23) and 2.26 (with Istio 1.30)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from bot.kinds import Kind


@dataclass(frozen=True)
class Console:
    """A Kiali that people reach at `base` (e.g. `http://localhost:20001/kiali`); `version` like `v2.26`."""

    base: str
    version: str = ""

    @property
    def modern(self) -> bool:
        """Kiali 2 and newer; an unknown version is taken for the newest known."""
        major = self.version.removeprefix("v").partition(".")[0]
        return not major.isdigit() or int(major) >= 2

    def at(self, path: str, **query: str) -> str:
        """A page of the console: everything lives under `/console`; without it Kiali answers 404."""
        words = f"?{urlencode(query, safe=',')}" if query else ""
        return f"{self.base.rstrip('/')}/console{path}{words}"

    def overview(self) -> str:
        """The first page."""
        return self.at("/overview")

    def graph(self, *namespaces: str, duration: int = 300, at: float = 0.0) -> str:
        """The traffic graph with versions, rates, locks for mTLS, and (Kiali 2) waypoints; duration in seconds.

        With `at` (epoch seconds) it opens Kiali's replay of the minute that ended then, and not what is now.
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
        if self.modern:
            query |= {
                "waypoints": "true",
                "traffic": "ambient,ambientTotal,http,httpRequest,tcp,tcpSent,grpc,grpcRequest",
            }
        if at:
            query |= {"replayActive": "true", "replayInterval": "60000", "replayStart": f"{(at - 60) * 1000:.0f}"}
        return self.at("/graph/namespaces", **query)

    def workloads(self, namespace: str) -> str:
        """A namespace's workloads."""
        return self.at("/workloads", namespaces=namespace)

    def mesh(self) -> str:
        """The page of the mesh itself: control plane and add-ons."""
        return self.at("/mesh")

    def config(self, namespace: str) -> str:
        """A namespace's Istio objects."""
        return self.at("/istio", namespaces=namespace)

    def object(self, namespace: str, kind: Kind, name: str) -> str:
        """One Istio or Gateway API object."""
        if self.modern:
            place = f"{kind.group}/{kind.version}/{kind.kind}"
        else:
            place = f"k8s{kind.plural}" if kind.group == "gateway.networking.k8s.io" else kind.plural
        return self.at(f"/namespaces/{quote(namespace)}/istio/{place}/{quote(name)}")
