"""Who may ask whom: an application and its callers, read from words, and named by identity.

A caller's identity is its ServiceAccount, which mutual TLS proves (Istio 1.23 and 1.30).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.kinds import AUTHORIZATION_POLICY, Object
from bot.knowledge.objects.workloads import get_labels
from bot.knowledge.routing.manifests import DataPath, build_object, is_waypoint
from bot.knowledge.snapshot import Snapshot
from bot.text import Listed, Text

GATEWAY = "gateway"
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""Label of the pods that istiod makes for a Gateway (Istio 1.23 and 1.30)."""
CALLERS = {
    "productpage": (GATEWAY,),
    "details": ("productpage",),
    "reviews": ("productpage",),
    "ratings": ("reviews", "productpage"),
}
"""Who asks each application (Bookinfo 1.20), the one whom the page needs first; productpage asks
ratings for its API alone."""
FILLERS = ("from", "by", "and")
DEFAULT_DOMAIN = "cluster.local"


def read_callers(typed: object) -> object:
    """Return words such as `from productpage, reviews` without those that name nobody."""
    if not isinstance(typed, list | tuple) or not all(isinstance(word, str) for word in typed):
        return typed
    words = " ".join(typed).lower().replace(",", " ").split()
    return [word for word in words if word not in FILLERS]


def check_caller_names(words: Sequence[str]) -> None:
    """Raise ValueError, with a Text, the word and one that may be meant, unless all are callers."""
    known = sorted({name for names in CALLERS.values() for name in names})
    for word in words:
        if word not in (*known, "off"):
            near = difflib.get_close_matches(word, known, n=1)
            raise ValueError(
                Text(
                    "“{word}” asks nobody here; callers are {known}", word=word, known=Listed(known)
                ),
                word,
                *near,
            )


@dataclass(frozen=True)
class Admission:
    """An application, and the callers that may ask it."""

    service: str
    callers: tuple[str, ...]

    @property
    def words(self) -> Text:
        """What holds, as a sentence."""
        return Text(
            "only {callers} may ask {service}.",
            callers=Listed(self.callers, "and"),
            service=self.service,
        )


def find_principals(now: Snapshot, callers: Iterable[str]) -> tuple[str, ...]:
    """Return the identities of callers, as policies write them, each once and sorted."""
    domain = str(now.config.get("trustDomain") or DEFAULT_DOMAIN)
    accounts = {
        str(pod["spec"].get("serviceAccountName") or "default")
        for pod in now.pods
        for caller in callers
        if is_caller(now, pod, caller)
    }
    return tuple(f"{domain}/ns/{now.app_namespace}/sa/{account}" for account in sorted(accounts))


def is_caller(now: Snapshot, pod: Object, caller: str) -> bool:
    """Tell whether a pod is one of a caller's: of an application, of the gateway, of a waypoint."""
    gateway = now.gateways.get(get_labels(pod).get(GATEWAY_NAME, ""))
    if gateway is None:
        return get_labels(pod).get("app") == caller
    return caller == ("waypoint" if is_waypoint(gateway) else GATEWAY)


def build_policies(now: Snapshot, path: DataPath, admission: Admission) -> list[Object]:
    """Return the policies that admit these callers and nobody else.

    A waypoint is asked for the Service, and knows the callers; the pods then take connections of
    the waypoint alone, since whoever went around it would not be judged (Istio 1.23 and 1.30).
    What comes in by a gateway goes past the waypoint.
    """
    service, namespace = admission.service, now.app_namespace
    principals = find_principals(now, admission.callers)
    if path is not DataPath.WAYPOINT or service == "productpage":
        return [build_pod_policy(service, namespace, service, principals)]
    target = {"group": "", "kind": "Service", "name": service}
    spec = {"targetRefs": [target], "action": "ALLOW", "rules": build_rules(principals)}
    around = find_principals(now, ["waypoint"])
    return [
        build_object(AUTHORIZATION_POLICY, service, namespace, spec),
        build_pod_policy(f"{service}-waypoint", namespace, service, around),
    ]


def build_pod_policy(name: str, namespace: str, app: str, principals: Sequence[str]) -> Object:
    """Return a policy that a sidecar or ztunnel enforces before an application's pods."""
    selector = {"matchLabels": {"app": app}}
    spec = {"selector": selector, "action": "ALLOW", "rules": build_rules(principals)}
    return build_object(AUTHORIZATION_POLICY, name, namespace, spec)


def build_rules(principals: Sequence[str]) -> list[Object]:
    """Return the rules that admit these identities."""
    return [{"from": [{"source": {"principals": list(principals)}}]}]


def list_policy_names(service: str) -> tuple[str, str]:
    """Return the names of the policies that are made for an application."""
    return service, f"{service}-waypoint"
