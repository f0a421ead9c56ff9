"""Clusters on which istio-cni must look elsewhere: which settings the ambient profile wants there, by release."""

from __future__ import annotations

from bot.errors import UserError
from bot.kinds import NODE, Object
from bot.knowledge.room import minor
from bot.knowledge.workloads import labels
from bot.steps import Context

KNOWN = ("minikube", "k3d", "k3s", "microk8s", "gke")
"""What `values.global.platform` takes, from Istio 1.24."""
FIRST = 24
BY_HAND = {
    "minikube": ("values.cni.cniNetnsDir=/var/run/docker/netns",),
    "k3d": ("values.cni.cniConfDir=/var/lib/rancher/k3s/agent/etc/cni/net.d", "values.cni.cniBinDir=/bin"),
    "microk8s": (
        "values.cni.cniConfDir=/var/snap/microk8s/current/args/cni-network",
        "values.cni.cniBinDir=/var/snap/microk8s/current/opt/cni/bin",
    ),
}
"""The same for Istio 1.23, which knows no platforms."""


def settings(context: Context, platform: str) -> tuple[str, ...]:
    """The settings for a platform ("" for none); UserError when this release has none for it."""
    if not platform:
        return ()
    if minor(context.mesh.version) >= FIRST:
        return (f"values.global.platform={platform}",)
    if platform not in BY_HAND:
        raise UserError(
            f"Istio {context.mesh.version} has no settings for {platform}.", f"It has some for {', '.join(BY_HAND)}."
        )
    return BY_HAND[platform]


async def detect(context: Context) -> str:
    """`minikube` on a minikube whose containers run in Docker, where the pods' networks lie elsewhere; else ""."""
    return "minikube" if any(map(docker_minikube, await context.cluster.find(NODE))) else ""


def docker_minikube(node: Object) -> bool:
    """True for minikube's node with Docker as its container runtime; containerd and CRI-O want nothing special."""
    runtime = ((node.get("status") or {}).get("nodeInfo") or {}).get("containerRuntimeVersion", "")
    return "minikube.k8s.io/name" in labels(node) and str(runtime).startswith("docker://")
