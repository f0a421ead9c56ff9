"""Which images of the workshop's own families exist, so that a mistyped one cannot be pulled.

The tags are those that samples and releases of Istio 1.5 to 1.32 and Kiali 1 and 2 name, by their
form. Of other images nothing is known here.
"""

from __future__ import annotations

import re

_HUBS = r"docker\.io/istio|registry\.istio\.io/release|gcr\.io/istio-release"
_BOOKINFO = (
    "examples-bookinfo-("
    "productpage-v1|details-v[12]|reviews-v[123]|mongodb|mysqldb|"
    "ratings-v([12]|-faulty|-delayed|-unavailable|-unhealthy))"
)
_SAMPLE_TAG = r"(1\.(1?\d|20)\.[0-4]|latest)"
_RELEASE_TAG = r"(1\.\d{1,2}(\.\d{1,2})?(-(alpha|beta|rc)[\w.]*)?(-(distroless|debug))?|latest)"
_FAMILIES = (
    (
        re.compile(rf"({_HUBS})/(?P<repository>[^:@]+)"),
        (
            re.compile(rf"{_BOOKINFO}(:{_SAMPLE_TAG})?"),
            re.compile(rf"examples-helloworld-v[12](:{_SAMPLE_TAG})?"),
            re.compile(rf"(pilot|proxyv2|install-cni|ztunnel|istioctl|app)(:{_RELEASE_TAG})?"),
        ),
    ),
    (
        re.compile(r"quay\.io/kiali/(?P<repository>[^:@]+)"),
        (re.compile(r"kiali(-operator)?(:(v[12]\.\d{1,3}(\.\d{1,2})?|latest))?"),),
    ),
)
_DENIED = (
    "pull access denied, repository does not exist or may require authorization: "
    "server message: insufficient_scope: authorization failed"
)
"""A registry's answer for a repository that it does not have, which it tells nobody apart from a
private one (Docker Hub)."""


def find_missing_image(name: str) -> str:
    """Return why a registry does not have an image of a known family; "" when it has, or where the
    family is not known. The name is a full reference.
    """
    for family, known in _FAMILIES:
        found = family.match(name)
        if found is None:
            continue
        if name.partition("@")[1]:  # what is named by its digest was seen to exist
            return ""
        asked = name[found.start("repository") :]
        if any(each.fullmatch(asked) for each in known):
            return ""
        exists = any(each.fullmatch(found["repository"]) for each in known)
        return f"{name}: not found" if exists else _DENIED
    return ""
