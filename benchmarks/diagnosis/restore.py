"""Taking an injection back: the objects of the cluster are put back as they were, and compared."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from benchmarks.diagnosis.testbed import Testbed
from sandbox.cluster.contract import ApiError, Client, Object, Ref

KEPT = ("events", "leases", "replicasets", "endpoints", "endpointslices", "pods", "nodes")
"""Types that others derive from what is put back, or that change by themselves."""
FIRST = ("namespaces", "customresourcedefinitions", "serviceaccounts", "services", "configmaps")
PASSING = (
    "kubectl.kubernetes.io/restartedAt",
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "control-plane.alpha.kubernetes.io/leader",
    "deprecated.daemonset.template.generation",
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "clusterIP",
    "clusterIPs",
    "nodePort",
)
VOLATILE = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields")
SETTLED_SECONDS = 15.0
"""Wall seconds in which pods and statuses must be as they were."""

Key = tuple[Ref, str, str]


@dataclass(frozen=True)
class Snapshot:
    """The cluster at one moment: objects by type and name, their conditions, and pods by kind."""

    objects: dict[Key, Object]
    conditions: Counter[str]
    pods: Counter[str]


async def take_snapshot(testbed: Testbed) -> Snapshot:
    """Return the objects of the cluster as they are now."""
    client = testbed.cluster.client("benchmark")
    objects, conditions = {}, Counter[str]()
    for ref in list_types(testbed):
        for obj in await client.list(ref):
            meta = obj["metadata"]
            objects[(ref, meta.get("namespace", ""), meta["name"])] = copy.deepcopy(obj)
            conditions.update(describe_conditions(ref, obj))
    pods = Counter(describe_pod(pod) for pod in await client.list(Ref("", "pods")))
    return Snapshot(objects, conditions, pods)


def list_types(testbed: Testbed) -> list[Ref]:
    """Return the types whose objects are put back, those that others need first."""
    refs = [
        kind.ref
        for kind in testbed.cluster.server.kinds
        if kind.stored_as is None and kind.plural not in KEPT and "list" in kind.verbs
    ]
    return sorted(refs, key=lambda ref: FIRST.index(ref.plural) if ref.plural in FIRST else 9)


def strip(obj: Any) -> Any:
    """Return the object without what changes from writing to writing."""
    if isinstance(obj, list):
        return [strip(each) for each in obj]
    if not isinstance(obj, dict):
        return obj
    return {
        key: strip(value)
        for key, value in obj.items()
        if key not in PASSING and value not in ({}, None)
    }


def reduce_object(obj: Object) -> Object:
    """Return what of an object somebody wrote."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in VOLATILE}
    for field in ("ownerReferences", "finalizers"):
        meta.pop(field, None)
    rest = {k: v for k, v in obj.items() if k not in ("metadata", "status")}
    reduced: Object = strip({**rest, "metadata": meta})
    for field in ("annotations", "labels"):
        if not reduced["metadata"].get(field):
            reduced["metadata"].pop(field, None)
    return reduced


def describe_conditions(ref: Ref, obj: Object) -> list[str]:
    """Return the conditions of objects whose status says whether they work."""
    if ref.plural not in ("gateways", "httproutes", "services", "deployments", "daemonsets"):
        return []
    status = obj.get("status") or {}
    parents = [c for p in status.get("parents") or () for c in p.get("conditions") or ()]
    name = f"{ref.plural} {obj['metadata'].get('namespace')}/{obj['metadata']['name']}"
    ready = [f"{name} {status.get('readyReplicas', status.get('numberReady'))}"]
    told = [*(status.get("conditions") or ()), *parents]
    return ready + [f"{name} {c['type']}={c['status']}" for c in told if c["type"] != "Progressing"]


def describe_pod(pod: Object) -> str:
    """Return what makes two pods of one workload alike, as text."""
    meta, spec = pod["metadata"], copy.deepcopy(pod["spec"])
    for field in ("nodeName", "volumes", "tolerations", "hostname"):
        spec.pop(field, None)
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        container.pop("volumeMounts", None)
    states = (pod.get("status") or {}).get("containerStatuses") or ()
    ready = all(each.get("ready") for each in states) and bool(states)
    shape = {
        "labels": meta.get("labels"),
        "annotations": meta.get("annotations"),
        "spec": spec,
        "ready": ready,
        "gone": "deletionTimestamp" in meta,
    }
    return f"{meta['namespace']} {json.dumps(strip(shape), sort_keys=True)}"


async def restore(testbed: Testbed, before: Snapshot) -> str:
    """Put the cluster back as it was; return what is still different after a while, or ""."""
    await testbed.end_troubles()
    for node in ("node-1", "node-2"):
        await testbed.cluster.start_node(node)
    client = testbed.cluster.client("benchmark")
    await restore_nodes(client)
    end = time.monotonic() + SETTLED_SECONDS
    rounds, difference = 0, "?"
    while difference and time.monotonic() < end:
        if rounds % 6 == 0:
            await restore_objects(testbed, client, before)
        if rounds % 6 == 3:
            await replace_pods(client, before)
        await asyncio.sleep(0.15)
        difference = compare(before, await take_snapshot(testbed))
        rounds += 1
    for event in await client.list(Ref("", "events")):
        await delete_object(client, Ref("", "events"), event)
    return difference


async def restore_nodes(client: Client) -> None:
    """Make all nodes schedulable, without taints of somebody's."""
    for node in await client.list(Ref("", "nodes")):
        patch = {"spec": {"unschedulable": None, "taints": None}}
        if node["spec"].get("unschedulable") or node["spec"].get("taints"):
            await client.merge(Ref("", "nodes"), node["metadata"]["name"], "", patch)


async def restore_objects(testbed: Testbed, client: Client, before: Snapshot) -> None:
    """Delete what is new, create what is missing, and write back what differs."""
    now = (await take_snapshot(testbed)).objects
    for key, obj in now.items():
        if key not in before.objects and "ownerReferences" not in obj["metadata"]:
            await delete_object(client, key[0], obj)
    for key, obj in before.objects.items():
        live = now.get(key)
        try:
            if live is None:
                if "ownerReferences" not in obj["metadata"]:
                    await client.create(prepare(obj, ""))
            elif reduce_object(live) != reduce_object(obj):
                await client.update(prepare(obj, live["metadata"]["resourceVersion"]))
        except ApiError:
            continue  # another round comes, and what is left then is told


async def delete_object(client: Client, ref: Ref, obj: Object) -> None:
    """Delete an object, its finalizers first."""
    meta = obj["metadata"]
    place = (meta["name"], meta.get("namespace", ""))
    try:
        if meta.get("finalizers"):
            await client.merge(ref, *place, {"metadata": {"finalizers": None}})
        await client.delete(ref, *place)
    except ApiError:
        pass  # gone by itself


def prepare(obj: Object, version: str) -> Object:
    """Return the object as it is written again."""
    again = copy.deepcopy(obj)
    for field in VOLATILE:
        again["metadata"].pop(field, None)
    again.pop("status", None)
    if version:
        again["metadata"]["resourceVersion"] = version
    return again


async def replace_pods(client: Client, before: Snapshot) -> None:
    """Delete the pods that are not like any before, so that new ones come."""
    wanted = before.pods.copy()
    for pod in await client.list(Ref("", "pods")):
        shape = describe_pod(pod)
        if wanted[shape] > 0:
            wanted[shape] -= 1
        elif "deletionTimestamp" not in pod["metadata"]:
            await delete_object(client, Ref("", "pods"), pod)


def compare(before: Snapshot, now: Snapshot) -> str:
    """Return the first difference between two moments, or ""."""
    for key in before.objects.keys() | now.objects.keys():
        old, new = before.objects.get(key), now.objects.get(key)
        name = f"{key[0].plural} {key[1]}/{key[2]}"
        if old is None or new is None:
            return f"{name} is {'new' if old is None else 'missing'}"
        if reduce_object(old) != reduce_object(new):
            return f"{name} differs"
    for told, was in ((now.pods - before.pods, "new"), (before.pods - now.pods, "missing")):
        if told:
            return f"a pod is {was}: {next(iter(told))[:300]}"
    if now.conditions != before.conditions:
        more, less = now.conditions - before.conditions, before.conditions - now.conditions
        return f"conditions: {', '.join([*more][:3])} instead of {', '.join([*less][:3])}"
    return ""
