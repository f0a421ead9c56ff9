"""The certificates that a Gateway's listener names, as istiod wants them (Istio 1.23 and 1.30)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from sandbox.cluster.contract import Client, Object, Ref

SECRETS = Ref("", "secrets")
_PAIRS = (("cert", "key"), ("tls.crt", "tls.key"))
"""Keys of a Secret under which istiod looks for a certificate and its private key."""
FORBIDDEN = "not accessible"
"""Words by which a reference that nobody granted is told from a bad one."""


async def find_certificate_problem(
    client: Client, listener: Object, namespace: str, grants: Iterable[Object]
) -> str:
    """Return istiod's message about a listener whose certificate cannot be used, or ""."""
    for ref in (listener.get("tls") or {}).get("certificateRefs") or []:
        name, place = ref["name"], ref.get("namespace", namespace)
        secret = await client.get(SECRETS, name, place)
        said = f"invalid certificate reference /Secret/{name}.{ref.get('namespace', '')}"
        if secret is None:
            return f"{said}, secret {place}/{name} not found"
        if problem := _find_content_problem(secret):
            return f"{said}, {problem}"
        if place != namespace and not _is_granted(grants, namespace, place, name):
            return (
                f"certificateRef {name}/{place} {FORBIDDEN} to a Gateway in namespace "
                f'"{namespace}" (missing a ReferenceGrant?)'
            )
    return ""


def _find_content_problem(secret: Object) -> str:
    data = secret.get("data") or {}
    pair = next((p for p in _PAIRS if all(data.get(key) for key in p)), None)
    if pair is None:
        found = ", ".join(sorted(data)) or "no keys"
        return (
            "found secret, but didn't have expected keys (cert and key) or (tls.crt and tls.key); "
            f"found: {found}"
        )
    if "-----BEGIN CERTIFICATE-----" in _decode(data[pair[0]]):
        return ""
    return "the certificate is malformed: tls: failed to find any PEM data in certificate input"


def _decode(value: str) -> str:
    try:
        return base64.b64decode(value).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _is_granted(grants: Iterable[Object], here: str, there: str, name: str) -> bool:
    for grant in grants:
        sources, targets = grant["spec"].get("from") or [], grant["spec"].get("to") or []
        if (
            grant["metadata"]["namespace"] == there
            and any(s["kind"] == "Gateway" and s["namespace"] == here for s in sources)
            and any(t["kind"] == "Secret" and t.get("name") in (None, name) for t in targets)
        ):
            return True
    return False
