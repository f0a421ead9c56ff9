"""istio-cni, as far as the Kubernetes API shows it.

Its node agent annotates the pods whose traffic it redirects, and removes the
annotation when a pod is no longer enrolled.
"""

from __future__ import annotations

from sandbox.clock import Clock
from sandbox.cluster.contract import ApiError, Client, Object, Request, Response
from sandbox.cluster.machinery.informer import Informer
from sandbox.cluster.machinery.meta import NAMESPACES, PODS, Key, key_of
from sandbox.cluster.machinery.work_queue import WorkQueue
from sandbox.istio.istiod.work import PROGRAM_BACKOFF
from sandbox.tasks import Tasks

REDIRECTION = "ambient.istio.io/redirection"
"""The annotation of a pod whose traffic goes through ztunnel; its value is `enabled`."""
MODE = "istio.io/dataplane-mode"
_CAPTURE_SECONDS = 0.3
"""Simulated seconds that setting a pod's redirection up takes."""
_READY_PORT = 8000


class CniNode:
    """The program of pods labelled `k8s-app=istio-cni-node`.

    One runs on each node, for that node's pods.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def runs_in(self, pod: Object) -> bool:
        """Tell whether the pod is istio-cni's node agent."""
        return bool((pod["metadata"].get("labels") or {}).get("k8s-app") == "istio-cni-node")

    async def start(self, pod: Object, client: Client) -> RunningCni:
        """Start to watch the pods of this pod's own node."""
        running = RunningCni(pod["spec"].get("nodeName", ""), client, self._clock)
        running.start_background_tasks()
        return running


def needs_redirection(pod: Object, namespace: Object | None) -> bool:
    """Tell whether istio-cni redirects the pod's traffic.

    It does so for an enrolled pod without a sidecar that is neither a Gateway's nor on
    the host's network.
    """
    meta, spec = pod["metadata"], pod["spec"]
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    space = ((namespace or {}).get("metadata", {}).get("labels") or {}).get(MODE, "")
    excluded = spec.get("hostNetwork") or "sidecar.istio.io/status" in annotations
    excluded = excluded or "gateway.networking.k8s.io/gateway-name" in labels
    return not excluded and labels.get(MODE, space) == "ambient"


class RunningCni:
    """The istio-cni agent of one node."""

    def __init__(self, node: str, client: Client, clock: Clock) -> None:
        self._node = node
        self._client = client.acting_as("istio-cni")
        self._clock = clock
        self._tasks = Tasks()
        self._queue: WorkQueue[Key] = WorkQueue(
            "istio-cni",
            self._reconcile_pod,
            clock=clock,
            tasks=self._tasks,
            backoff=PROGRAM_BACKOFF,
        )
        self._namespaces = Informer(self._client, NAMESPACES)
        self._namespaces.add_listener(self._handle_namespace_change)
        self._pods = Informer(self._client, PODS)
        self._pods.add_listener(self._handle_pod_change)

    def start_background_tasks(self) -> None:
        """Start the watches and the work queue."""
        for informer in (self._namespaces, self._pods):
            self._tasks.spawn(informer.run(), f"istio-cni: {informer.ref.plural}")
        self._queue.start(1)

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer readiness on port 8000; return None for other ports."""
        if port != _READY_PORT:
            return None
        return Response(200 if request.path in ("/readyz", "/healthz") else 404)

    async def stop(self) -> None:
        """Stop the background work; annotations and redirection stay, as with the real agent."""
        await self._tasks.close()

    def _handle_namespace_change(self, before: Object | None, after: Object | None) -> None:
        name = (after or before or {})["metadata"]["name"]
        self._queue.add(*map(key_of, self._pods.list_by_index("namespace", name)))

    def _handle_pod_change(self, before: Object | None, after: Object | None) -> None:
        pod = after or before or {}
        if pod["spec"].get("nodeName") == self._node:
            self._queue.add(key_of(pod))

    async def _reconcile_pod(self, key: Key) -> None:
        pod = self._pods.get(key)
        if pod is None or not self._is_running_here(pod):
            return
        wanted = needs_redirection(pod, self._namespaces.get(("", key.namespace)))
        if wanted == ((pod["metadata"].get("annotations") or {}).get(REDIRECTION) == "enabled"):
            return
        await self._clock.sleep(_CAPTURE_SECONDS)
        patch = {"metadata": {"annotations": {REDIRECTION: "enabled" if wanted else None}}}
        try:
            await self._client.merge(PODS, key.name, key.namespace, patch)
        except ApiError as refusal:
            if refusal.code != 404:
                raise

    def _is_running_here(self, pod: Object) -> bool:
        status = pod.get("status") or {}
        alive = (
            status.get("phase") == "Running"
            and status.get("podIP")
            and "deletionTimestamp" not in pod["metadata"]
        )
        return bool(alive and pod["spec"].get("nodeName") == self._node)
