"""Clusters on which istio-cni uses other paths: the settings that the ambient profile
needs there, by release.
"""

from __future__ import annotations

from bot.errors import UserError
from bot.kinds import NODE, Object
from bot.knowledge.objects.capacity import parse_minor_version
from bot.knowledge.objects.workloads import get_labels
from bot.steps import Context
from bot.text import Listed, Text

KNOWN = ("minikube", "k3d", "k3s", "microk8s", "gke")
"""What `values.global.platform` takes, from Istio 1.24."""
FIRST = 24
BY_HAND = {
    "minikube": ("values.cni.cniNetnsDir=/var/run/docker/netns",),
    "k3d": (
        "values.cni.cniConfDir=/var/lib/rancher/k3s/agent/etc/cni/net.d",
        "values.cni.cniBinDir=/bin",
    ),
    "microk8s": (
        "values.cni.cniConfDir=/var/snap/microk8s/current/args/cni-network",
        "values.cni.cniBinDir=/var/snap/microk8s/current/opt/cni/bin",
    ),
}
"""The same for Istio 1.23, which knows no platforms."""


def get_platform_settings(context: Context, platform: str) -> tuple[str, ...]:
    """Return the settings for a platform, none for "". Raises UserError when this release has
    none for it.
    """
    if not platform:
        return ()
    if parse_minor_version(context.mesh.version) >= FIRST:
        return (f"values.global.platform={platform}",)
    if platform not in BY_HAND:
        raise UserError(
            Text(
                "Istio {version} has no settings for {platform}.",
                version=context.mesh.version,
                platform=platform,
            ),
            Text("It has some for {BY_HAND}.", BY_HAND=Listed(BY_HAND, "comma")),
        )
    return BY_HAND[platform]


async def detect_platform(context: Context) -> str:
    """Return `minikube` for a minikube with Docker, where pods' network namespaces lie
    elsewhere; else "".
    """
    return "minikube" if any(map(is_docker_minikube, await context.cluster.find(NODE))) else ""


def is_docker_minikube(node: Object) -> bool:
    """Tell whether a node is minikube's with Docker as its runtime; containerd and CRI-O need
    no setting.
    """
    runtime = ((node.get("status") or {}).get("nodeInfo") or {}).get("containerRuntimeVersion", "")
    return "minikube.k8s.io/name" in get_labels(node) and str(runtime).startswith("docker://")
