"""Namespaces in which the workshop's application has no place, least of all an attendee's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.errors import SettingsError
from bot.text import Text

PREFIXES = ("kube-", "istio-")
"""Kubernetes keeps the first for itself; Istio's own are called like the second."""

BOT = "meshbot"
"""The bot's own namespace in its manifests."""

MOUNTED = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod finds the name of its namespace (Kubernetes)."""

EXPLAINED = Text("It is Kubernetes' own, the mesh's or mine.")


@dataclass(frozen=True)
class ProtectedNamespaces:
    """Namespaces of Kubernetes, of the mesh and of the bot.

    `names` are those that no prefix tells. `default` is protected from attendees alone: the
    workshop may be held there, if the settings say so.
    """

    names: frozenset[str] = frozenset({BOT})

    def __contains__(self, namespace: str) -> bool:
        return namespace in self.names or namespace.startswith(PREFIXES)

    def may_be_owned(self, namespace: str) -> bool:
        """Tell whether a namespace, or a pattern of them, may be an attendee's own."""
        return namespace not in self and namespace != "default"

    def check_settings(self, app: str, pattern: str, of: dict[str, str]) -> None:
        """Raise SettingsError that names each setting by which one of these would be given away."""
        words = (
            "should not be a namespace of Kubernetes (kube-*, default), of the mesh (istio-*, "
            "workshop.mesh_namespace) or of the bot"
        )
        faults = [f"  roles.namespace_of.{user}" for user in of if not self.may_be_owned(of[user])]
        faults += ["  roles.own_namespaces"] if not self.may_be_owned(pattern) else []
        faults += ["  workshop.app_namespace"] if app in self else []
        if faults:
            lines = [f"{setting}: {words}" for setting in faults]
            raise SettingsError("\n".join(["The settings cannot be used:", *lines]))


def find_protected_namespaces(mesh: str) -> ProtectedNamespaces:
    """Return the protected namespaces; `mesh` is that of the control plane."""
    try:
        own = MOUNTED.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        own = ""
    return ProtectedNamespaces(frozenset({BOT, mesh, own} - {""}))
