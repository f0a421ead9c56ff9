"""Kiali's lists of workloads, Services and applications, and their health."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.answer_context import CLUSTER, AnswerContext
from sandbox.observability.kiali.checked_mesh import CheckedMesh, expand_host
from sandbox.observability.kiali.finding import Check
from sandbox.observability.kiali.health import (
    ORDER,
    RequestRates,
    build_health_status,
    build_workload_status,
    group_by_status,
)
from sandbox.observability.kiali.objects import (
    DESTINATION_RULE,
    GATEWAY_NAME,
    K8S_GATEWAY,
    VIRTUAL_SERVICE,
    Workload,
)
from sandbox.observability.kiali.rates import HealthDirection, query_request_rates
from sandbox.observability.kiali.workload_checks import check_service_ports, check_workload
from sandbox.releases.release import KialiTraits

SIDES = ("app", "service", "workload")
_LABELS = {"app": "canonical_service", "workload": "workload"}


def choose_directions(
    traits: KialiTraits, side: str, *, summary: bool = False
) -> tuple[HealthDirection, ...]:
    """Return the directions and reporters that the health of a `side` is computed from.

    Kiali 1's `summary` of a namespace asks servers for both directions, and its Services
    count what arrived, at a waypoint too; Kiali 2's count what clients sent. Of applications and
    workloads waypoints are not asked, in neither release.
    """
    if side == "service":
        reporter = "source" if traits.cached else "destination|waypoint"
        return (
            HealthDirection(
                "inbound", reporter, "destination_service_name", "destination_service_namespace"
            ),
        )
    label = _LABELS[side]
    outgoing = "destination" if summary and not traits.cached else "source"
    return (
        HealthDirection(
            "inbound", "destination", f"destination_{label}", "destination_workload_namespace"
        ),
        HealthDirection("outbound", outgoing, f"source_{label}", "source_workload_namespace"),
    )


def get_request_rates(
    moment: AnswerContext, namespace: str, side: str, seconds: int, *, summary: bool = False
) -> Mapping[str, RequestRates]:
    """Return request rates by name: from the cache where the release has one, else from
    Prometheus.
    """
    if moment.traits.cached:
        return {
            name: r
            for (where, what, name), r in moment.health.items()
            if (where, what) == (namespace, side)
        }
    if moment.engine is None:
        return {}
    return query_request_rates(
        moment.engine, namespace, choose_directions(moment.traits, side, summary=summary), seconds
    )


def build_workload_list(
    moment: AnswerContext, namespaces: list[str], seconds: int, *, health: bool
) -> Object:
    """Build `/clusters/workloads`."""
    rows, checked = [], {}
    where = CLUSTER if moment.traits.by_gvk else ""
    for namespace in namespaces:
        requests = get_request_rates(moment, namespace, "workload", seconds) if health else {}
        for workload in moment.view.list_workloads(namespace):
            checked[f"{workload.name}.{namespace}"] = build_workload_validation(
                moment, workload, cluster=where, in_list=True
            )
            row = _build_workload_row(moment, workload)
            if health:
                found = _select_rates(requests, workload.name, [workload])
                extra: Object = {"workloadStatus": build_workload_status(workload)}
                row["health"] = _build_health(moment, found, [workload], **extra)
            rows.append(row)
    return {
        "cluster": CLUSTER,
        "workloads": rows,
        "validations": {"workload": checked} if checked else {},
    }


def build_workload_validation(
    moment: AnswerContext, workload: Workload, *, cluster: str = CLUSTER, in_list: bool = False
) -> Object:
    """Return the validation of a workload, in the list of workloads or elsewhere."""
    found = check_workload(CheckedMesh(moment.view, moment.traits), workload, in_list=in_list)
    place = (workload.namespace, workload.name, cluster)
    return _build_validation(moment, "workload", place, found)


def _build_validation(
    moment: AnswerContext, kind: str, place: tuple[str, str, str], found: list[Check]
) -> Object:
    """Return a validation of what is no Istio object; `place` is namespace, name and cluster."""
    kept = [each for each in found if each.code not in moment.settings.ignored_checks]
    empty = {"Group": "", "Version": "", "Kind": kind}
    said: Object = {"objectGVK": empty} if moment.traits.by_gvk else {"objectType": kind}
    who = {"name": place[1], "namespace": place[0], "cluster": place[2]}
    valid = not any(each.invalidates for each in kept)
    checks = [each.to_json() for each in kept]
    return {**who, **said, "valid": valid, "checks": checks, "references": None}


def _build_workload_row(moment: AnswerContext, workload: Workload) -> Object:
    meta = workload.object["metadata"]
    pod = workload.object["spec"]["template"]["spec"]
    account = pod.get("serviceAccountName") or "default"
    modern = moment.traits.by_gvk
    row: Object = {"name": workload.name, "namespace": workload.namespace, "cluster": CLUSTER}
    row |= (
        {"gvk": {"Group": "apps", "Version": "v1", "Kind": workload.kind}}
        if modern
        else {"type": workload.kind}
    )
    row |= {
        "createdAt": meta.get("creationTimestamp", ""),
        "istioSidecar": workload.has_sidecar,
        "isAmbient": workload.is_captured or (modern and workload.is_waypoint),
    }
    if modern:
        kinds = {
            "isGateway": workload.is_gateway,
            "isWaypoint": workload.is_waypoint,
            "isZtunnel": workload.is_ztunnel,
        }
        row |= {**kinds, "ValidationKey": "", "ValidationVersion": ""}
    return row | {
        "additionalDetailSample": None,
        "labels": dict(workload.labels),
        "appLabel": bool(moment.get_app(workload)),
        "versionLabel": bool(moment.get_version(workload)),
        "podCount": len(workload.pods),
        "annotations": meta.get("annotations") or {},
        "healthAnnotations": {},
        "istioReferences": _list_gateway_references(moment, workload) if modern else [],
        "serviceAccountNames": [account],
        "waypointWorkloads": None,
    }


def _list_gateway_references(moment: AnswerContext, workload: Workload) -> list[Object]:
    name = workload.labels.get(GATEWAY_NAME)
    found = moment.view.list_configs(K8S_GATEWAY, workload.namespace)
    return [
        moment.build_reference(K8S_GATEWAY, each)
        for each in found
        if each["metadata"]["name"] == name
    ]


def build_service_validations(moment: AnswerContext, namespaces: list[str]) -> Object:
    """Return the validations of Services, which `/clusters/services` holds where not only
    definitions are asked for.
    """
    mesh = CheckedMesh(moment.view, moment.traits)
    found = {}
    for namespace in namespaces:
        for service in moment.view.list_services(namespace):
            name = service["metadata"]["name"]
            found[f"{name}.{namespace}"] = _build_validation(
                moment, "service", (namespace, name, CLUSTER), check_service_ports(mesh, service)
            )
    return {"service": found} if found else {}


def build_service_list(
    moment: AnswerContext, namespaces: list[str], seconds: int, *, health: bool
) -> Object:
    """Build `/clusters/services`, as for definitions only."""
    rows = []
    for namespace in namespaces:
        requests = get_request_rates(moment, namespace, "service", seconds) if health else {}
        for service in moment.view.list_services(namespace):
            row = _build_service_row(moment, service)
            if health:
                row["health"] = _build_health(
                    moment, requests.get(row["name"], RequestRates()), None
                )
            rows.append(row)
    return {"cluster": CLUSTER, "services": rows, "validations": {}}


def _build_service_row(moment: AnswerContext, service: Object) -> Object:
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
        "kialiWizard": _find_wizard(moment, service),
        "serviceRegistry": CLUSTER,
    }


def _find_wizard(moment: AnswerContext, service: Object) -> str:
    """Return the wizard that made the Service's rule, by the label that Kiali's wizards leave."""
    for rule in find_rules(moment, service)[0]:
        return str((rule["metadata"].get("labels") or {}).get("kiali_wizard", ""))
    return ""


def find_rules(moment: AnswerContext, service: Object) -> tuple[list[Object], list[Object]]:
    """Return the VirtualServices and the DestinationRules for a Service's host."""
    meta = service["metadata"]
    host = expand_host(meta["name"], meta["namespace"])

    def named(obj: Object, hosts: list[str]) -> bool:
        return host in {expand_host(each, obj["metadata"]["namespace"]) for each in hosts}

    routes = [
        o
        for o in moment.view.list_configs(VIRTUAL_SERVICE)
        if named(o, o["spec"].get("hosts") or [])
    ]
    rules = [
        o
        for o in moment.view.list_configs(DESTINATION_RULE)
        if named(o, [o["spec"].get("host", "")])
    ]
    return routes, rules


def build_app_list(
    moment: AnswerContext, namespaces: list[str], seconds: int, *, health: bool
) -> Object:
    """Build `/clusters/apps`."""
    rows = []
    for namespace in namespaces:
        requests = get_request_rates(moment, namespace, "app", seconds) if health else {}
        for name, members in sorted(moment.group_by_app(namespace).items()):
            row = _build_app_row(moment, name, namespace, members)
            if health:
                found = _select_rates(requests, name, members)
                row["health"] = _build_health(
                    moment,
                    found,
                    members,
                    workloadStatuses=[build_workload_status(each) for each in members],
                )
            rows.append(row)
    return {"applications": rows, "cluster": CLUSTER}


def _build_app_row(
    moment: AnswerContext, name: str, namespace: str, members: list[Workload]
) -> Object:
    behind = [
        s
        for s in moment.view.list_services(namespace)
        if (s["spec"].get("selector") or {}).get("app") == name
    ]
    row: Object = {
        "name": name,
        "namespace": namespace,
        "cluster": CLUSTER,
        "istioSidecar": all(each.has_sidecar for each in members),
        "isAmbient": all(each.is_captured for each in members),
        "labels": _merge_labels(
            [*(s["metadata"].get("labels") or {} for s in behind), *(m.labels for m in members)]
        ),
        "istioReferences": _list_rule_references(moment, behind),
    }
    return row | (
        {"isGateway": any(each.is_gateway for each in members)} if moment.traits.by_gvk else {}
    )


def _merge_labels(labels: list[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for each in labels:
        for key, value in each.items():
            if value not in found.setdefault(key, []):
                found[key].append(value)
    return {key: ",".join(values) for key, values in found.items()}


def _list_rule_references(moment: AnswerContext, services_of_app: list[Object]) -> list[Object]:
    found = []
    for service in services_of_app:
        routes, rules = find_rules(moment, service)
        found += [moment.build_reference(VIRTUAL_SERVICE, each) for each in routes]
        found += [moment.build_reference(DESTINATION_RULE, each) for each in rules]
    return found


def _build_health(
    moment: AnswerContext, requests: RequestRates, members: list[Workload] | None, **extra: Any
) -> Object:
    found: Object = {**extra, "requests": requests.to_json()}
    return found | (
        {"status": build_health_status(requests, members)} if moment.traits.health_status else {}
    )


def build_health_answer(
    moment: AnswerContext, namespaces: list[str], sides: list[str], seconds: int
) -> Object:
    """Build `/clusters/health`: health of each namespace's applications, Services or
    workloads.
    """
    answer: Object = {}
    totals: dict[str, Object] = {namespace: {} for namespace in namespaces}
    for side in sides:
        key = f"namespace{side.capitalize()}Health"
        answer[key] = {
            namespace: _build_health_by_name(moment, namespace, side, seconds)
            for namespace in namespaces
        }
        if moment.traits.health_status:
            for namespace in namespaces:
                statuses = {
                    name: str(each["status"]["status"])
                    for name, each in answer[key][namespace].items()
                }
                totals[namespace] |= group_by_status(statuses, side.capitalize())
    return answer | ({"namespaceHealth": totals} if moment.traits.health_status else {})


def find_worst_health(moment: AnswerContext, namespace: str) -> str:
    """Return the worst health of a namespace's applications, Services and workloads."""
    statuses = [
        str(each["status"]["status"])
        for side in SIDES
        for each in _build_health_by_name(moment, namespace, side, 0).values()
    ]
    return max(statuses, key=ORDER.index, default="NA")


def _build_health_by_name(moment: AnswerContext, namespace: str, side: str, seconds: int) -> Object:
    requests = get_request_rates(moment, namespace, side, seconds, summary=True)
    makers: dict[str, Callable[[], Object]] = {
        "app": lambda: {
            name: _build_health(
                moment,
                _select_rates(requests, name, members),
                members,
                workloadStatuses=[build_workload_status(each) for each in members],
            )
            for name, members in sorted(moment.group_by_app(namespace).items())
        },
        "workload": lambda: {
            each.name: _build_health(
                moment,
                _select_rates(requests, each.name, [each]),
                [each],
                workloadStatus=build_workload_status(each),
            )
            for each in moment.view.list_workloads(namespace)
        },
        "service": lambda: {
            each["metadata"]["name"]: _build_health(
                moment, _select_rates(requests, each["metadata"]["name"]), None
            )
            for each in moment.view.list_services(namespace)
        },
    }
    return makers[side]()


def _select_rates(
    requests: Mapping[str, RequestRates], name: str, members: list[Workload] | None = None
) -> RequestRates:
    """Return the rates of one name; empty for what has neither sidecar nor ztunnel (a gateway
    too).
    """
    if members is not None and not any(each.has_sidecar or each.is_captured for each in members):
        return RequestRates()
    return requests.get(name, RequestRates())
