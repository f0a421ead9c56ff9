"""Clusters on which istio-cni uses other paths: the settings that the ambient profile needs there,
by release."""

from __future__ import annotations

from bot.errors import UserError
from bot.kinds import NODE, Object
from bot.knowledge.objects.capacity import parse_minor_version
from bot.knowledge.objects.workloads import get_labels
from bot.steps import Context
from bot.text import Listed, Text

KNOWN = ("minikube", "k3d", "k3s", "microk8s", "gke")
"""What `values.global.platform` takes, from Istio 1.24."""
FIRST_WITH_PLATFORMS = 24
"""The first minor version of Istio that has `values.global.platform`."""
CNI_SETTINGS = {
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
"""The settings themselves, for Istio 1.23, which has no platforms."""


def get_platform_settings(context: Context, platform: str) -> tuple[str, ...]:
    """Return the settings for a platform, none for "".

    Raises UserError when this release has none for it.
    """
    if not platform:
        return ()
    if parse_minor_version(context.mesh.version) >= FIRST_WITH_PLATFORMS:
        return (f"values.global.platform={platform}",)
    if platform not in CNI_SETTINGS:
        raise UserError(
            Text(
                "Istio {version} has no settings for {platform}.",
                version=context.mesh.version,
                platform=platform,
            ),
            Text("It has some for {platforms}.", platforms=Listed(CNI_SETTINGS, "comma")),
        )
    return CNI_SETTINGS[platform]


async def detect_platform(context: Context) -> str:
    """Return `minikube` for one with Docker, whose network namespaces lie elsewhere; else ""."""
    return "minikube" if any(map(is_docker_minikube, await context.cluster.find(NODE))) else ""


def is_docker_minikube(node: Object) -> bool:
    """Tell whether a node is minikube's with Docker; containerd and CRI-O need no setting."""
    runtime = ((node.get("status") or {}).get("nodeInfo") or {}).get("containerRuntimeVersion", "")
    return "minikube.k8s.io/name" in get_labels(node) and str(runtime).startswith("docker://")
