"""One finding of Kiali's validations, and the words and severities of all of them (Kiali's source,
1.87 and 2.26)."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cluster.contract import Object

TEXTS = {
    "KIA0201": ("warning", "More than one DestinationRules for the same host subset combination"),
    "KIA0202": (
        "error",
        "This host has no matching entry in the service registry (service, workload or service "
        "entries)",
    ),
    "KIA0203": ("error", "This subset's labels are not found in any matching host"),
    "KIA0209": ("warning", "This subset has not labels"),
    "KIA0302": ("warning", "No matching workload found for gateway selector in this namespace"),
    "KIA0701": ("warning", "Deployment exposing same port as Service not found"),
    "KIA1101": (
        "error",
        "DestinationWeight on route doesn't have a valid service (host not found)",
    ),
    "KIA1102": ("error", "VirtualService is pointing to a non-existent gateway"),
    "KIA1104": (
        "warning",
        "The weight is assumed to be 100 because there is only one route destination",
    ),
    "KIA1105": (
        "warning",
        "This host subset combination is already referenced in another route destination",
    ),
    "KIA1106": ("warning", "More than one Virtual Service for same host"),
    "KIA1107": ("warning", "Subset not found"),
    "KIA1108": ("unknown", "Preferred nomenclature: <gateway namespace>/<gateway name>"),
    "KIA1311": ("error", "This workload has both sidecar and Ambient label"),
    "KIA1312": ("warning", "This workload has waypoint labels but is not in Ambient"),
    "KIA1313": (
        "error",
        "This workload has annotated waypoint but it does not exist or is misconfigured",
    ),
    "KIA1314": ("error", "This workload has a sidecar label and ambient redirection"),
    "KIA1315": (
        "error",
        "This workload has a pod with both a sidecar container and ambient labels",
    ),
    "KIA1316": ("warning", "This workload has a sidecar but is in an Ambient-enabled namespace"),
    "KIA1317": ("warning", "This workload has Authorization Policies but no Waypoint"),
    "KIA1401": ("error", "Route is pointing to a non-existent or inaccessible K8s gateway"),
    "KIA1402": ("error", "Reference doesn't have a valid service (Service name not found)"),
    "KIA1504": ("error", "Gateway API Class not found in Kiali configuration"),
}
_OLDER_TEXTS = {"KIA1401": "Route is pointing to a non-existent K8s gateway"}
_INVALID_THOUGH_WARNED = frozenset({"KIA0202", "KIA0302", "KIA0701", "KIA1101"}) | {
    f"KIA13{number}" for number in (12, 16, 17)
}
"""Codes that make an object invalid as mere warnings too."""


@dataclass(frozen=True)
class Check:
    """One finding. `rivals` are the other objects that it is about, by namespace and name."""

    code: str
    severity: str
    path: str
    rivals: tuple[tuple[str, str], ...] = ()

    @property
    def invalidates(self) -> bool:
        """Tell whether an object with this finding is called invalid."""
        return self.severity == "error" or self.code in _INVALID_THOUGH_WARNED

    def to_json(self, *, older: bool = False) -> Object:
        """Return the finding as JSON, in Kiali 1's words where `older`."""
        words = TEXTS[self.code][1]
        return {
            "code": self.code,
            "message": _OLDER_TEXTS.get(self.code, words) if older else words,
            "severity": self.severity,
            "path": self.path,
        }


def build_finding(code: str, path: str, severity: str = "") -> Check:
    """Return a finding, with its code's severity unless another is told."""
    return Check(code, severity or TEXTS[code][0], path)
