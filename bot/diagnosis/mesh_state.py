"""The state that causes are found in: objects that were read once, as one namespace sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from bot.diagnosis.object_facts import (
    count_available,
    get_event_time,
    get_template_labels,
    is_waypoint,
)
from bot.kinds import (
    CRD,
    DAEMON_SET,
    DEPLOYMENT,
    EVENT,
    GATEWAY,
    GATEWAY_CLASS,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    VALIDATING_WEBHOOK,
    Kind,
    Object,
)
from bot.knowledge.bookinfo.app import BOOKINFO, MANAGED
from bot.knowledge.objects.mesh_pods import has_sidecar, is_captured
from bot.knowledge.objects.workloads import get_labels, get_name
from bot.ports import Stream, TrafficReport
from bot.text import Text

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""Label on what istiod makes for a Gateway: Deployment, Service and pods (Istio 1.23 and 1.30)."""
MODE, USE_WAYPOINT = "istio.io/dataplane-mode", "istio.io/use-waypoint"
INJECTION, REVISION = "istio-injection", "istio.io/rev"
CLUSTER_DOMAIN = "cluster.local"
OVER = ("Succeeded", "Failed")
"""Phases of pods that will not run again: jobs that ended, and what was evicted and replaced."""
APPS = ("productpage", "details", "reviews", "ratings")
"""Values of the label `app` in Bookinfo, which are also the names of its Services."""
CALLS = (
    ("productpage", "details"),
    ("productpage", "reviews"),
    ("productpage", "ratings"),
    ("reviews", "ratings"),
)
"""Who calls whom in Bookinfo 1.20; productpage asks ratings only for its API."""


@dataclass(frozen=True)
class Unread:
    """Something that could not be looked at, and why."""

    what: Text
    why: Text


@dataclass(frozen=True)
class Numbers:
    """What Prometheus and Kiali said, where they were asked; None where that is not known.

    `requests` and `any_requests` are rates per second of the last two minutes and requests ever
    reported; `targets_up` of `targets` are proxies of the namespace; `flags` are requests per
    second that failed, by (service, response flags).
    """

    request_rate: float | None = None
    recorded: float | None = None
    targets: int | None = None
    targets_up: int | None = None
    target_error: str = ""
    flags: Mapping[tuple[str, str], float] = field(default_factory=dict)
    kiali_strategy: str = ""


@dataclass(frozen=True)
class PageProbe:
    """Answer to one request for the page: `via` is the Service that was asked.

    `status` is 0 where nothing answered; `whole` tells whether details, reviews and ratings were
    shown, None where it could not be asked for. `known` are the answers to users whom rules tell
    apart, where nobody's page is whole; `user` is the one who asked, "" for nobody.
    """

    via: str
    status: int
    whole: bool | None
    words: Text
    user: str = ""
    known: tuple[PageProbe, ...] = ()

    @property
    def failed(self) -> PageProbe | None:
        """The first answer that is not the whole page, nobody's before a known user's."""
        return next((each for each in (self, *self.known) if each.whole is False), None)


@dataclass(frozen=True)
class Activity:
    """What people did with the bot in the namespace, as far as it matters to a diagnosis.

    `wanted` are ids of steps that were asked for and not taken back since; `users` those whose
    requests were sent lately; `step` is the one that the question is about, "" for none.
    """

    wanted: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    streams: tuple[Stream, ...] = ()
    last: tuple[float, TrafficReport] | None = None
    step: str = ""


@dataclass(frozen=True)
class ClusterState:
    """Objects that were read at about the same moment, for one or many namespaces.

    `objects` holds, per kind, those of the namespaces asked about, of the mesh's namespace, and
    all of the kinds that reach across namespaces. `release` is the version of istioctl.
    `missing_services` are Services, as (namespace, name), that other objects name and that do not
    exist.
    """

    objects: Mapping[Kind, Sequence[Object]]
    mesh_config: Object
    mesh_namespace: str = "istio-system"
    release: str = ""
    read_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    unread: Mapping[Kind, Unread] = field(default_factory=dict)
    missing_services: frozenset[tuple[str, str]] = frozenset()

    def is_unread(self, kind: Kind) -> bool:
        """Tell whether a kind could not be read, so that its absence says nothing."""
        return kind in self.unread

    def list_all(self, kind: Kind) -> Sequence[Object]:
        """Return the objects of a kind that were read, wherever they are."""
        return self.objects.get(kind, ())

    @cached_property
    def by_namespace(self) -> dict[tuple[Kind, str], list[Object]]:
        """The objects by kind and namespace, sorted once however many namespaces ask."""
        found: dict[tuple[Kind, str], list[Object]] = {}
        for kind, objects in self.objects.items():
            for obj in objects:
                place = obj["metadata"].get("namespace", "")
                found.setdefault((kind, place), []).append(obj)
        return found


class SharedState:
    """What all namespaces share: the mesh's own namespace, nodes, webhooks, classes and CRDs."""

    def __init__(self, cluster: ClusterState) -> None:
        self._cluster = cluster

    def list_mesh(self, kind: Kind) -> list[Object]:
        """Return the mesh namespace's objects of a kind."""
        return self._cluster.by_namespace.get((kind, self._cluster.mesh_namespace), [])

    def find_mesh(self, kind: Kind, name: str) -> Object | None:
        """Return one object of the mesh's namespace, or None."""
        return next((obj for obj in self.list_mesh(kind) if get_name(obj) == name), None)

    def find_cluster_object(self, kind: Kind, name: str) -> Object | None:
        """Return one object that has no namespace, or None."""
        return next((o for o in self._cluster.list_all(kind) if get_name(o) == name), None)

    @cached_property
    def nodes(self) -> dict[str, Object]:
        """The cluster's nodes by name."""
        return {get_name(n): n for n in self._cluster.list_all(NODE)}

    @cached_property
    def istiods(self) -> list[Object]:
        """The Deployments of istiod, of whatever revision."""
        return [d for d in self.list_mesh(DEPLOYMENT) if get_labels(d).get("app") == "istiod"]

    @cached_property
    def has_ready_istiod(self) -> bool:
        """True when some istiod has an available pod."""
        return any(count_available(d) for d in self.istiods)

    @cached_property
    def injector_webhooks(self) -> list[Object]:
        """The sidecar injectors' MutatingWebhookConfigurations, of every revision and tag.

        One whose istiod's Service is gone injects nobody and is left out.
        """
        return [
            w
            for w in self._cluster.list_all(MUTATING_WEBHOOK)
            if get_labels(w).get("app") == "sidecar-injector" and not self.is_stale(w)
        ]

    def is_stale(self, configuration: Object) -> bool:
        """Tell whether the Services of all webhooks of a configuration do not exist."""
        told = [h.get("clientConfig") or {} for h in configuration.get("webhooks") or []]
        services = [each.get("service") or {} for each in told]
        missing = self._cluster.missing_services
        return bool(services) and all(
            (each.get("namespace"), each.get("name")) in missing for each in services
        )

    @cached_property
    def webhooks(self) -> list[Object]:
        """All webhook configurations."""
        return [
            *self._cluster.list_all(MUTATING_WEBHOOK),
            *self._cluster.list_all(VALIDATING_WEBHOOK),
        ]

    @cached_property
    def ztunnel(self) -> Object | None:
        """The DaemonSet ztunnel, by its label."""
        return self.find_daemon("app", "ztunnel")

    @cached_property
    def cni(self) -> Object | None:
        """The DaemonSet of istio-cni, by its label."""
        return self.find_daemon("k8s-app", "istio-cni-node")

    def find_daemon(self, key: str, value: str) -> Object | None:
        """Return a DaemonSet of the mesh's namespace, by a label of it or by its name."""
        for daemon in self.list_mesh(DAEMON_SET):
            if get_labels(daemon).get(key) == value or get_name(daemon) == value:
                return daemon
        return None

    @cached_property
    def gateway_classes(self) -> dict[str, Object]:
        """The GatewayClasses by name."""
        return {get_name(c): c for c in self._cluster.list_all(GATEWAY_CLASS)}

    def has_type(self, name: str) -> bool:
        """Tell whether a CRD of that name (`plural.group`) exists."""
        return any(get_name(crd) == name for crd in self._cluster.list_all(CRD))


class NamespaceState:
    """The state as it concerns one namespace: its own objects, and what all share."""

    def __init__(
        self,
        cluster: ClusterState,
        namespace: str,
        *,
        activity: Activity | None = None,
        numbers: Numbers | None = None,
        page: PageProbe | None = None,
    ) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.shared = SharedState(cluster)
        self.activity, self.numbers, self.page = activity or Activity(), numbers, page

    def list_own(self, kind: Kind) -> list[Object]:
        """Return the namespace's own objects of a kind."""
        return self.cluster.by_namespace.get((kind, self.namespace), [])

    def find_own(self, kind: Kind, name: str) -> Object | None:
        """Return one object of the namespace, or None."""
        return next((obj for obj in self.list_own(kind) if get_name(obj) == name), None)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The labels of the namespace itself."""
        return get_labels(self.object) if self.object else {}

    @cached_property
    def object(self) -> Object | None:
        """The Namespace, or None when there is none."""
        return self.shared.find_cluster_object(NAMESPACE, self.namespace)

    @cached_property
    def pods(self) -> list[Object]:
        """The application's pods: no gateways, no waypoints, none that is over or goes."""
        return [
            pod
            for pod in self.list_own(POD)
            if GATEWAY_NAME not in get_labels(pod)
            and "deletionTimestamp" not in pod["metadata"]
            and pod.get("status", {}).get("phase") not in OVER
        ]

    @cached_property
    def workloads(self) -> list[Object]:
        """The namespace's Deployments, without those that istiod makes for gateways."""
        return [d for d in self.list_own(DEPLOYMENT) if MANAGED not in get_labels(d)]

    @cached_property
    def bookinfo(self) -> list[Object]:
        """The Deployments of Bookinfo, by name or by the label `app` of their pods."""
        return [
            d
            for d in self.workloads
            if get_name(d) in BOOKINFO or get_template_labels(d).get("app") in APPS
        ]

    @cached_property
    def services(self) -> dict[str, Object]:
        """The namespace's Services by name."""
        return {get_name(s): s for s in self.list_own(SERVICE)}

    @cached_property
    def events(self) -> list[Object]:
        """Events of the namespace and of the mesh's."""
        return [*self.list_own(EVENT), *self.shared.list_mesh(EVENT)]

    @cached_property
    def is_ambient(self) -> bool:
        """True when the namespace asks for the ambient mesh."""
        return self.labels.get(MODE) == "ambient"

    @cached_property
    def captured(self) -> list[Object]:
        """The application's pods that ztunnel captures, by their annotation."""
        return [pod for pod in self.pods if is_captured(pod)]

    @cached_property
    def injected(self) -> list[Object]:
        """The application's pods with a sidecar."""
        return [pod for pod in self.pods if has_sidecar(pod)]

    @cached_property
    def gateways(self) -> list[Object]:
        """The namespace's Gateways of the Gateway API, waypoints too."""
        return self.list_own(GATEWAY)

    @cached_property
    def waypoints(self) -> list[Object]:
        """The namespace's waypoints."""
        return [g for g in self.gateways if is_waypoint(g)]


def is_in_mesh(state: NamespaceState) -> bool:
    """Tell whether a pod of the application has a proxy."""
    return bool(state.injected or state.captured)


def list_bookinfo_pods(state: NamespaceState) -> list[Object]:
    """Return the pods of Bookinfo."""
    return [pod for pod in state.pods if get_labels(pod).get("app") in APPS]


def list_pods_of(state: NamespaceState, app: str) -> list[Object]:
    """Return the pods with that label `app`."""
    return [pod for pod in state.pods if get_labels(pod).get("app") == app]


def list_events_about(state: NamespaceState, obj: Object) -> list[Object]:
    """Return the warnings about an object, the newest last."""
    uid, name = obj["metadata"].get("uid"), get_name(obj)
    found = [
        e
        for e in state.events
        if e.get("type") == "Warning"
        and (about := e.get("involvedObject") or {})
        and (about.get("uid") == uid or about.get("name") == name)
    ]
    return sorted(found, key=get_event_time)


def get_age(state: NamespaceState, obj: Object) -> float:
    """Return how many seconds ago an object was created."""
    made = str(obj["metadata"].get("creationTimestamp") or "")
    if not made:
        return 0.0
    when = datetime.fromisoformat(made.replace("Z", "+00:00"))
    return (state.cluster.read_at - when).total_seconds()
