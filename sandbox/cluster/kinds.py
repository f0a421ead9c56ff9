"""Resource types that the API server serves: built-in ones, and those that CRDs add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.cluster.contract import Ref
from sandbox.cluster.merging.merge_keys import ANY, SchemaNode

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_NO_COLLECTION = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")


@dataclass(frozen=True)
class VersionInfo:
    """The part of a type that differs between its served versions (only CRDs have several)."""

    name: str
    schema: SchemaNode = ANY
    openapi: Mapping[str, Any] | None = None
    columns: tuple[Mapping[str, Any], ...] = ()
    deprecated: str = ""


@dataclass(frozen=True)
class Kind:
    """One resource type. `versions` lists what is served, preferred first; `version` is what
    objects are stored as."""

    group: str
    plural: str
    kind: str
    namespaced: bool
    version: str = "v1"
    singular: str = ""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    verbs: tuple[str, ...] = ALL_VERBS
    generation: bool = False
    custom: bool = False
    versions: tuple[VersionInfo, ...] = ()
    scale_paths: Mapping[str, str] = field(default_factory=dict, hash=False)
    stored_as: Ref | None = None

    @property
    def ref(self) -> Ref:
        return Ref(self.group, self.plural)

    @property
    def stored(self) -> Ref:
        """The type under which its objects are stored: its own, but for `events.k8s.io`."""
        return self.stored_as or self.ref

    @property
    def api_version(self) -> str:
        """The apiVersion that objects are stored under."""
        return self.format_api_version(self.version)

    def format_api_version(self, version: str) -> str:
        """Return `apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{version}" if self.group else version

    def get_version_info(self, version: str = "") -> VersionInfo:
        """Return what is known of one served version (the stored one when not named)."""
        wanted = version or self.version
        return next((each for each in self.versions if each.name == wanted), VersionInfo(wanted))


def _core(plural: str, kind: str, short: str = "", *, namespaced: bool = True, **more: Any) -> Kind:
    return _kind("", plural, kind, short, namespaced=namespaced, **more)


def _kind(group: str, plural: str, kind: str, short: str = "", **more: Any) -> Kind:
    subs = frozenset(str(more.pop("subs", "")).split())
    version = more.get("version", "v1")
    served = more.pop("served", (version,))
    more.setdefault("namespaced", True)
    return Kind(
        group=group,
        plural=plural,
        kind=kind,
        short=tuple(short.split()),
        singular=kind.lower(),
        subresources=subs,
        versions=tuple(VersionInfo(each) for each in served),
        **more,
    )


_ALL = ("all",)
_SCALED = "status scale"
_CREATE = ("create",)
_ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"


def _cluster(group: str, plural: str, kind: str, short: str = "", subs: str = "") -> Kind:
    """Return a type by which the API itself is extended.

    These are cluster-scoped, with a generation, in one category.
    """
    more: dict[str, Any] = {
        "namespaced": False,
        "categories": ("api-extensions",),
        "generation": True,
    }
    return _kind(group, plural, kind, short, subs=subs, **more)


BUILT_IN: tuple[Kind, ...] = (
    _core("bindings", "Binding", verbs=_CREATE),
    _core("configmaps", "ConfigMap", "cm"),
    _core("endpoints", "Endpoints", "ep"),
    _core("events", "Event", "ev"),
    _core("limitranges", "LimitRange", "limits"),
    _core("namespaces", "Namespace", "ns", namespaced=False, subs="status finalize", verbs=_NO_COLLECTION),  # noqa: E501
    _core("nodes", "Node", "no", namespaced=False, subs="status proxy"),
    _core("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", subs="status"),
    _core("persistentvolumes", "PersistentVolume", "pv", namespaced=False, subs="status"),
    _core(
        "pods",
        "Pod",
        "po",
        categories=_ALL,
        subs="status log exec attach portforward proxy binding eviction ephemeralcontainers",
        generation=True,
    ),
    _core("podtemplates", "PodTemplate", generation=True),
    _core("replicationcontrollers", "ReplicationController", "rc", categories=_ALL, subs=_SCALED, generation=True),  # noqa: E501
    _core("resourcequotas", "ResourceQuota", "quota", subs="status"),
    _core("secrets", "Secret"),
    _core("serviceaccounts", "ServiceAccount", "sa", subs="token"),
    _core("services", "Service", "svc", categories=_ALL, subs="status proxy"),
    _kind("apps", "controllerrevisions", "ControllerRevision"),
    _kind("apps", "daemonsets", "DaemonSet", "ds", categories=_ALL, subs="status", generation=True),
    _kind("apps", "deployments", "Deployment", "deploy", categories=_ALL, subs="status scale", generation=True),  # noqa: E501
    _kind("apps", "replicasets", "ReplicaSet", "rs", categories=_ALL, subs="status scale", generation=True),  # noqa: E501
    _kind("apps", "statefulsets", "StatefulSet", "sts", categories=_ALL, subs="status scale", generation=True),  # noqa: E501
    _kind("batch", "jobs", "Job", categories=_ALL, subs="status", generation=True),
    _kind("batch", "cronjobs", "CronJob", "cj", categories=_ALL, subs="status", generation=True),
    _kind("autoscaling", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", version="v2", categories=_ALL,  # noqa: E501
        subs="status", served=("v2", "v1")),
    _kind("policy", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", subs="status", generation=True),  # noqa: E501
    _kind(_RBAC, "roles", "Role"),
    _kind(_RBAC, "rolebindings", "RoleBinding"),
    _kind(_RBAC, "clusterroles", "ClusterRole", namespaced=False),
    _kind(_RBAC, "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _cluster(_ADMISSION, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration"),
    _cluster(_ADMISSION, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration"),
    _cluster(_ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", subs="status"),
    _cluster(_ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
    _cluster("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", "crd crds", "status"),  # noqa: E501
    _cluster("apiregistration.k8s.io", "apiservices", "APIService", subs="status"),
    _kind("discovery.k8s.io", "endpointslices", "EndpointSlice", generation=True),
    _kind("coordination.k8s.io", "leases", "Lease"),
    _kind("events.k8s.io", "events", "Event", "ev", stored_as=Ref("", "events")),
    _kind("networking.k8s.io", "ingresses", "Ingress", "ing", subs="status", generation=True),
    _kind("networking.k8s.io", "ingressclasses", "IngressClass", namespaced=False, generation=True),
    _kind("networking.k8s.io", "networkpolicies", "NetworkPolicy", "netpol", generation=True),
    _kind("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False,  # noqa: E501
        verbs=_CREATE),
    _kind("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", namespaced=False,  # noqa: E501
        verbs=_CREATE),
    _kind("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", namespaced=False, verbs=_CREATE),  # noqa: E501
    _kind("authentication.k8s.io", "tokenreviews", "TokenReview", namespaced=False, verbs=_CREATE),
    _kind("scheduling.k8s.io", "priorityclasses", "PriorityClass", "pc", namespaced=False, generation=True),  # noqa: E501
    _kind("storage.k8s.io", "storageclasses", "StorageClass", "sc", namespaced=False),
    _kind("storage.k8s.io", "csidrivers", "CSIDriver", namespaced=False),
    _kind("storage.k8s.io", "csinodes", "CSINode", namespaced=False),
    _kind("node.k8s.io", "runtimeclasses", "RuntimeClass", namespaced=False),
)  # fmt: skip


class Kinds:
    """The types that are served now."""

    def __init__(self, kinds: Iterable[Kind] = BUILT_IN) -> None:
        self._by_ref: dict[Ref, Kind] = {kind.ref: kind for kind in kinds}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_ref.values())

    def add(self, kind: Kind) -> None:
        """Serve a type, or replace it."""
        self._by_ref[kind.ref] = kind

    def remove(self, ref: Ref) -> None:
        """Stop serving a type."""
        self._by_ref.pop(ref, None)

    def get(self, ref: Ref) -> Kind | None:
        """Return the type of that group and plural name, or None."""
        return self._by_ref.get(ref)

    def find_served(self, group: str, version: str, plural: str) -> Kind | None:
        """Return the type if that version of it is served, or None."""
        kind = self._by_ref.get(Ref(group, plural))
        return kind if kind and any(info.name == version for info in kind.versions) else None

    def find_for_object(self, api_version: str, kind: str) -> Kind | None:
        """Return the type of an object's apiVersion and kind, or None."""
        group, _, version = api_version.rpartition("/")
        found = (
            each for each in self._by_ref.values() if each.kind == kind and each.group == group
        )
        return next(
            (each for each in found if any(info.name == version for info in each.versions)), None
        )
