"""Kiali's lists of workloads, Services and applications, and their health."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.observability.kiali.health import Requests, gathered, replicas, verdict
from bot.sandbox.observability.kiali.moment import CLUSTER, Moment
from bot.sandbox.observability.kiali.objects import (
    DESTINATION_RULE,
    GATEWAY_NAME,
    K8S_GATEWAY,
    VIRTUAL_SERVICE,
    Workload,
)
from bot.sandbox.observability.kiali.rates import Side, health_of
from bot.sandbox.observability.kiali.release import Traits
from bot.sandbox.observability.kiali.validations import full

SIDES = ("app", "service", "workload")
_LABELS = {"app": "canonical_service", "workload": "workload"}


def directions(traits: Traits, side: str, *, summary: bool = False) -> tuple[Side, ...]:
    """Who is asked for the health of a `side`. Kiali 1's `summary` of a namespace asks servers for both directions,
    and its Services count what arrived; Kiali 2's count what clients sent."""
    if side == "service":
        reporter = "source" if traits.cached else "destination"
        return (Side("inbound", reporter, "destination_service_name", "destination_service_namespace"),)
    label = _LABELS[side]
    outgoing = "destination" if summary and not traits.cached else "source"
    return (
        Side("inbound", "destination", f"destination_{label}", "destination_workload_namespace"),
        Side("outbound", outgoing, f"source_{label}", "source_workload_namespace"),
    )


def requests_of(
    moment: Moment, namespace: str, side: str, seconds: int, *, summary: bool = False
) -> Mapping[str, Requests]:
    """Requests by name: from the cache where the release has one, else as Prometheus says now."""
    if moment.traits.cached:
        return {name: r for (where, what, name), r in moment.health.items() if (where, what) == (namespace, side)}
    if moment.engine is None:
        return {}
    return health_of(moment.engine, namespace, directions(moment.traits, side, summary=summary), seconds)


def workloads(moment: Moment, namespaces: list[str], seconds: int, *, health: bool) -> Object:
    """`/clusters/workloads`."""
    rows = []
    for namespace in namespaces:
        requests = requests_of(moment, namespace, "workload", seconds) if health else {}
        for workload in moment.view.workloads_of(namespace):
            row = _workload(moment, workload)
            if health:
                found = _got(requests, workload.name, [workload])
                extra: Object = {"workloadStatus": replicas(workload)}
                row["health"] = _health(moment, found, [workload], **extra)
            rows.append(row)
    where = CLUSTER if moment.traits.by_gvk else ""
    places = [(row["name"], row["namespace"]) for row in rows]
    checked = {".".join(each): validated_workload(moment, *each, cluster=where) for each in places}
    return {"cluster": CLUSTER, "workloads": rows, "validations": {"workload": checked} if checked else {}}


def validated_workload(moment: Moment, name: str, namespace: str, *, cluster: str = CLUSTER) -> Object:
    """What Kiali finds wrong with a workload: nothing that is looked for here."""
    empty = {"Group": "", "Version": "", "Kind": "workload"}
    said: Object = {"objectGVK": empty} if moment.traits.by_gvk else {"objectType": "workload"}
    who = {"name": name, "namespace": namespace, "cluster": cluster}
    return {**who, **said, "valid": True, "checks": [], "references": None}


def _workload(moment: Moment, workload: Workload) -> Object:
    meta = workload.object["metadata"]
    pod = workload.object["spec"]["template"]["spec"]
    account = pod.get("serviceAccountName") or "default"
    modern = moment.traits.by_gvk
    row: Object = {"name": workload.name, "namespace": workload.namespace, "cluster": CLUSTER}
    row |= {"gvk": {"Group": "apps", "Version": "v1", "Kind": workload.kind}} if modern else {"type": workload.kind}
    row |= {
        "createdAt": meta.get("creationTimestamp", ""),
        "istioSidecar": workload.sidecar,
        "isAmbient": workload.captured or (modern and workload.waypoint),
    }
    if modern:
        kinds = {"isGateway": workload.gateway, "isWaypoint": workload.waypoint, "isZtunnel": workload.ztunnel}
        row |= {**kinds, "ValidationKey": "", "ValidationVersion": ""}
    return row | {
        "additionalDetailSample": None,
        "labels": dict(workload.labels),
        "appLabel": bool(moment.app(workload)),
        "versionLabel": bool(moment.version(workload)),
        "podCount": len(workload.pods),
        "annotations": meta.get("annotations") or {},
        "healthAnnotations": {},
        "istioReferences": _gateway_of(moment, workload) if modern else [],
        "serviceAccountNames": [account],
        "waypointWorkloads": None,
    }


def _gateway_of(moment: Moment, workload: Workload) -> list[Object]:
    name = workload.labels.get(GATEWAY_NAME)
    found = moment.view.configs(K8S_GATEWAY, workload.namespace)
    return [moment.reference(K8S_GATEWAY, each) for each in found if each["metadata"]["name"] == name]


def services(moment: Moment, namespaces: list[str], seconds: int, *, health: bool) -> Object:
    """`/clusters/services`."""
    rows = []
    for namespace in namespaces:
        requests = requests_of(moment, namespace, "service", seconds) if health else {}
        for service in moment.view.services_of(namespace):
            row = _service(moment, service)
            if health:
                row["health"] = _health(moment, requests.get(row["name"], Requests()), None)
            rows.append(row)
    return {"cluster": CLUSTER, "services": rows, "validations": {}}


def _service(moment: Moment, service: Object) -> Object:
    meta = service["metadata"]
    return {
        "name": meta["name"],
        "namespace": meta["namespace"],
        "istioSidecar": True,  # as recorded in both releases, with and without sidecars
        "cluster": CLUSTER,
        "isAmbient": False,  # as recorded in both releases, under ambient too
        "appLabel": "app" in (service["spec"].get("selector") or {}),
        "additionalDetailSample": None,
        "annotations": None,
        "healthAnnotations": {},
        "ports": None,
        "labels": meta.get("labels") or {},
        "selector": service["spec"].get("selector") or {},
        "istioReferences": [],
        "kialiWizard": _wizard(moment, service),
        "serviceRegistry": CLUSTER,
    }


def _wizard(moment: Moment, service: Object) -> str:
    """The wizard that made the Service's rule, by the label that Kiali's wizards leave."""
    for rule in rules_of(moment, service)[0]:
        return str((rule["metadata"].get("labels") or {}).get("kiali_wizard", ""))
    return ""


def rules_of(moment: Moment, service: Object) -> tuple[list[Object], list[Object]]:
    """The VirtualServices and DestinationRules for a Service's host."""
    meta = service["metadata"]
    host = full(meta["name"], meta["namespace"])

    def named(obj: Object, hosts: list[str]) -> bool:
        return host in {full(each, obj["metadata"]["namespace"]) for each in hosts}

    routes = [o for o in moment.view.configs(VIRTUAL_SERVICE) if named(o, o["spec"].get("hosts") or [])]
    rules = [o for o in moment.view.configs(DESTINATION_RULE) if named(o, [o["spec"].get("host", "")])]
    return routes, rules


def apps(moment: Moment, namespaces: list[str], seconds: int, *, health: bool) -> Object:
    """`/clusters/apps`."""
    rows = []
    for namespace in namespaces:
        requests = requests_of(moment, namespace, "app", seconds) if health else {}
        for name, members in sorted(moment.apps(namespace).items()):
            row = _app(moment, name, namespace, members)
            if health:
                found = _got(requests, name, members)
                row["health"] = _health(moment, found, members, workloadStatuses=[replicas(each) for each in members])
            rows.append(row)
    return {"applications": rows, "cluster": CLUSTER}


def _app(moment: Moment, name: str, namespace: str, members: list[Workload]) -> Object:
    behind = [s for s in moment.view.services_of(namespace) if (s["spec"].get("selector") or {}).get("app") == name]
    row: Object = {
        "name": name,
        "namespace": namespace,
        "cluster": CLUSTER,
        "istioSidecar": all(each.sidecar for each in members),
        "isAmbient": all(each.captured for each in members),
        "labels": _merged([*(s["metadata"].get("labels") or {} for s in behind), *(m.labels for m in members)]),
        "istioReferences": _references(moment, behind),
    }
    return row | ({"isGateway": any(each.gateway for each in members)} if moment.traits.by_gvk else {})


def _merged(labels: list[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for each in labels:
        for key, value in each.items():
            if value not in found.setdefault(key, []):
                found[key].append(value)
    return {key: ",".join(values) for key, values in found.items()}


def _references(moment: Moment, services_of_app: list[Object]) -> list[Object]:
    found = []
    for service in services_of_app:
        routes, rules = rules_of(moment, service)
        found += [moment.reference(VIRTUAL_SERVICE, each) for each in routes]
        found += [moment.reference(DESTINATION_RULE, each) for each in rules]
    return found


def _health(moment: Moment, requests: Requests, members: list[Workload] | None, **extra: Any) -> Object:
    found: Object = {**extra, "requests": requests.wire()}
    return found | ({"status": verdict(requests, members)} if moment.traits.health_status else {})


def health(moment: Moment, namespaces: list[str], sides: list[str], seconds: int) -> Object:
    """`/clusters/health`: of each namespace's applications, Services or workloads."""
    answer: Object = {}
    totals: dict[str, Object] = {namespace: {} for namespace in namespaces}
    for side in sides:
        key = f"namespace{side.capitalize()}Health"
        answer[key] = {namespace: _healths(moment, namespace, side, seconds) for namespace in namespaces}
        if moment.traits.health_status:
            for namespace in namespaces:
                statuses = {name: str(each["status"]["status"]) for name, each in answer[key][namespace].items()}
                totals[namespace] |= gathered(statuses, side.capitalize())
    return answer | ({"namespaceHealth": totals} if moment.traits.health_status else {})


def _healths(moment: Moment, namespace: str, side: str, seconds: int) -> Object:
    requests = requests_of(moment, namespace, side, seconds, summary=True)
    makers: dict[str, Callable[[], Object]] = {
        "app": lambda: {
            name: _health(
                moment, _got(requests, name, members), members, workloadStatuses=[replicas(each) for each in members]
            )
            for name, members in sorted(moment.apps(namespace).items())
        },
        "workload": lambda: {
            each.name: _health(moment, _got(requests, each.name, [each]), [each], workloadStatus=replicas(each))
            for each in moment.view.workloads_of(namespace)
        },
        "service": lambda: {
            each["metadata"]["name"]: _health(moment, _got(requests, each["metadata"]["name"]), None)
            for each in moment.view.services_of(namespace)
        },
    }
    return makers[side]()


def _got(requests: Mapping[str, Requests], name: str, members: list[Workload] | None = None) -> Requests:
    """A thing's requests; what has neither sidecar nor ztunnel (a gateway too) is not looked up."""
    if members is not None and not any(each.sidecar or each.captured for each in members):
        return Requests()
    return requests.get(name, Requests())
