"""Differences between the Kiali releases that the sandbox plays, as data: another release
is another row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ReleaseTraits:
    """Traits of one release, as recorded from that Kiali on a real control plane unless said
    otherwise.
    """

    release: tuple[int, int]
    by_gvk: bool
    """Objects are named by group, version and kind, not by a type such as `k8shttproute`."""
    health_status: bool
    """Health carries Kiali's own verdict beside the figures."""
    cached: bool
    """Health (3 min), validations of lists (60 s) and graphs come from caches."""
    canonical_labels: bool
    """App and version are taken from Istio's canonical labels where `app` and `version` are
    missing."""
    configured_components: tuple[tuple[str, bool], ...]
    """(app label, whether core) of what `/istio/status` looks for; empty where Kiali discovers it
    itself."""
    empty_subset: str
    """Severity of KIA0203; empty where it was not reported."""
    strange_class: bool
    """KIA1504 for Gateways of a class that is not in Kiali's configuration."""
    mesh_min_tls: str
    namespace_tls: str
    """What a namespace's mTLS status is called without a PeerAuthentication."""
    istio_api: bool
    """`istioAPIEnabled` in the status."""
    digest: str
    """The hash that makes ids in graphs."""


KIALI_1_87 = ReleaseTraits(
    release=(1, 87),
    by_gvk=False,
    health_status=False,
    cached=False,
    canonical_labels=False,
    configured_components=(
        ("istio-ingressgateway", True),
        ("istiod", True),
        ("istio-egressgateway", False),
    ),
    empty_subset="",
    strange_class=True,
    mesh_min_tls="N/A",
    namespace_tls="MTLS_NOT_ENABLED",
    istio_api=True,
    digest="md5",
)
KIALI_2_26 = ReleaseTraits(
    release=(2, 26),
    by_gvk=True,
    health_status=True,
    cached=True,
    canonical_labels=True,
    configured_components=(),
    empty_subset="unknown",
    strange_class=False,
    mesh_min_tls="TLSV1_2",
    namespace_tls="UNSET",
    istio_api=False,
    digest="sha256",
)


def find_traits(version: str) -> ReleaseTraits:
    """Return the traits of a version such as `v2.26` or `v1.87.0`; an unknown one counts as
    the newest.
    """
    found = re.match(r"v?(\d+)\.", version)
    return KIALI_1_87 if found and int(found[1]) < 2 else KIALI_2_26


def complete_version(tag: str) -> str:
    """Return the version that Kiali states, from its image's tag: `v2.26` is `v2.26.0`."""
    return f"{tag}.0" if re.fullmatch(r"v\d+\.\d+", tag) else tag
