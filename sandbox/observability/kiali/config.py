"""Kiali's answers about Istio and Gateway API objects: lists, single objects, validations and their
counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.answer_context import CLUSTER, AnswerContext, serialize_kind
from sandbox.observability.kiali.finding import Check
from sandbox.observability.kiali.lists import build_workload_validation
from sandbox.observability.kiali.objects import CONFIG_KINDS, ConfigKind
from sandbox.observability.kiali.validations import check_object

Checks = Mapping[tuple[ConfigKind, str, str], Sequence[Check]]
"""Findings by kind, namespace and name of the object."""


def build_config_list(moment: AnswerContext, namespace: str, checks: Checks | None) -> Object:
    """Build `/istio/config` and, with a namespace, `/namespaces/NS/istio`.

    `checks` is None without `validate`.
    """
    modern = moment.traits.by_gvk
    kinds = [kind for kind in CONFIG_KINDS if modern or kind.list_key]
    found = {
        kind: [
            _serialize_object(moment, kind, each)
            for each in moment.view.list_configs(kind, namespace)
        ]
        for kind in kinds
    }
    validations = {} if checks is None else _collect_validations(moment, namespace, checks)
    if modern:
        resources = {
            kind.gvk: objects
            for kind, objects in sorted(found.items(), key=lambda pair: pair[0].gvk)
        }
        return {"resources": resources, "validations": validations}
    return {
        **{kind.list_key: objects for kind, objects in found.items()},
        "validations": validations,
    }


def _serialize_object(moment: AnswerContext, kind: ConfigKind, obj: Object) -> Object:
    if moment.traits.by_gvk:
        return {
            "status": {},
            **obj,
            "kind": kind.kind,
            "apiVersion": f"{kind.group}/{kind.version}",
        }
    return {
        "status": {},
        **{key: value for key, value in obj.items() if key != "apiVersion"},
        "kind": kind.old_kind,
    }


def _collect_validations(moment: AnswerContext, namespace: str, checks: Checks) -> Object:
    found: dict[str, Object] = {}
    for (kind, where, name), findings in checks.items():
        if namespace in ("", where):
            key = kind.gvk if moment.traits.by_gvk else kind.old_kind.lower()
            found.setdefault(key, {})[f"{name}.{where}"] = _build_validation(
                moment, kind, (where, name), findings
            )
    workloads = {
        f"{w.name}.{w.namespace}": build_workload_validation(moment, w)
        for w in moment.view.workloads
    }
    return {**dict(sorted(found.items())), **({"workload": workloads} if workloads else {})}


def _build_validation(
    moment: AnswerContext, kind: ConfigKind, place: tuple[str, str], findings: Sequence[Check]
) -> Object:
    said: Object = (
        {"objectGVK": serialize_kind(kind)}
        if moment.traits.by_gvk
        else {"objectType": kind.old_kind.lower()}
    )
    return {
        "name": place[1],
        "namespace": place[0],
        "cluster": CLUSTER,
        **said,
        "valid": not any(each.invalidates for each in findings),
        "checks": [each.to_json(older=not moment.traits.by_gvk) for each in findings],
        "references": _list_rivals(moment, kind, findings),
    }


def _list_rivals(
    moment: AnswerContext, kind: ConfigKind, findings: Sequence[Check]
) -> list[Object] | None:
    """Return the other objects that findings are about."""
    places = [place for each in findings for place in each.rivals]
    said: Object = (
        {"objectGVK": serialize_kind(kind)}
        if moment.traits.by_gvk
        else {"objectType": kind.old_kind.lower()}
    )
    found = [{**said, "name": n, "namespace": ns, "cluster": CLUSTER} for ns, n in places]
    return found or None


def find_config_kind(moment: AnswerContext, words: Sequence[str]) -> ConfigKind | None:
    """Return the kind that a path means, or None.

    `virtualservices` or `k8sgateways` in Kiali 1, group, version and kind in Kiali 2.
    """
    for kind in CONFIG_KINDS:
        if moment.traits.by_gvk and tuple(words) == (kind.group, kind.version, kind.kind):
            return kind
        if not moment.traits.by_gvk and list(words) == [kind.old_plural] and kind.list_key:
            return kind
    return None


def build_config_details(
    moment: AnswerContext, kind: ConfigKind, obj: Object, *, validate: bool
) -> Object:
    """Build the answer for one object, with its validation computed now."""
    meta = obj["metadata"]
    answer: Object = {
        "namespace": meta["namespace"]
        if moment.traits.by_gvk
        else {"name": meta["namespace"], "cluster": CLUSTER},
        "permissions": {"create": True, "update": True, "delete": True},
        "references": None,
        "validation": None,
    }
    if validate:
        ignored = moment.settings.ignored_checks
        findings = [
            each
            for each in check_object(moment.view, moment.traits, kind, obj)
            if each.code not in ignored
        ]
        answer["validation"] = _build_validation(
            moment, kind, (meta["namespace"], meta["name"]), findings
        )
    shown = _serialize_object(moment, kind, obj)
    if moment.traits.by_gvk:
        return {**answer, "cluster": CLUSTER, "gvk": serialize_kind(kind), "resource": shown}
    singular = (
        kind.list_key.removesuffix("ies") + "y"
        if kind.list_key.endswith("ies")
        else kind.list_key[:-1]
    )
    return {**answer, "objectType": kind.old_plural, singular: shown}


def count_findings(checks: Checks, namespaces: Sequence[str]) -> list[Object]:
    """Build `/istio/validations`: objects, errors and warnings of each namespace."""
    rows = []
    for namespace in namespaces:
        here = [findings for (_, where, _), findings in checks.items() if where == namespace]
        severities = [each.severity for findings in here for each in findings]
        errors, warnings = severities.count("error"), severities.count("warning")
        row = {"errors": errors, "objectCount": len(here), "warnings": warnings}
        rows.append({**row, "namespace": namespace, "cluster": CLUSTER})
    return rows
