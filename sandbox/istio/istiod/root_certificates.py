"""The mesh's certificate authority, and the ConfigMaps with its root in every namespace."""

from __future__ import annotations

import base64
import secrets
import textwrap

from sandbox.cluster.contract import ApiError, Client, Object, Ref
from sandbox.istio.istiod.mesh_configuration import IstiodIdentity

SECRETS = Ref("", "secrets")
ROOT_CERT = "istio-ca-root-cert"
REVOCATIONS = "istio-ca-crl"
SKIPPED_NAMESPACES = frozenset({"kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces that get no ConfigMap of istiod's."""
_CA_SECRET = "istio-ca-secret"  # noqa: S105 - an object's name


async def ensure_root_certificate(client: Client, me: IstiodIdentity) -> str:
    """Return the root certificate (PEM) of Secret `istio-ca-secret`.

    The Secret is created when it is missing.
    """
    found = await client.get(SECRETS, _CA_SECRET, me.namespace)
    if found is None:
        try:
            found = await client.create(_build_ca_secret(me))
        except ApiError as refusal:
            # Another istiod has been faster; there must be one root for all.
            if refusal.code != 409:
                raise
            found = await client.get(SECRETS, _CA_SECRET, me.namespace)
    data = (found or {}).get("data") or {}
    return base64.b64decode(data.get("root-cert.pem", "")).decode()


def _build_ca_secret(me: IstiodIdentity) -> Object:
    root = _encode_base64(_build_pem("CERTIFICATE"))
    data = {"ca-cert.pem": root, "ca-key.pem": _encode_base64(_build_pem("RSA PRIVATE KEY"))}
    data |= {"cert-chain.pem": "", "key.pem": "", "root-cert.pem": root}
    meta = {"name": _CA_SECRET, "namespace": me.namespace}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "type": "istio.io/ca-root",
        "data": data,
    }


def _build_pem(kind: str) -> str:
    """Build a PEM block of random content.

    Nothing in the embedded cluster speaks TLS, so the content is never parsed.
    """
    lines = textwrap.wrap(base64.b64encode(secrets.token_bytes(756)).decode(), 64)
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


def _encode_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def build_config_maps(me: IstiodIdentity, root: str) -> dict[str, dict[str, str]]:
    """Return the data of the ConfigMaps that each namespace should hold, by their names."""
    maps = {ROOT_CERT: {"root-cert.pem": root}}
    return maps | ({REVOCATIONS: {"ca-crl.pem": ""}} if me.facts.revocation_list else {})


def needs_config_maps(namespace: Object) -> bool:
    """Tell whether a namespace gets these ConfigMaps.

    Namespaces of the cluster itself and those being deleted do not.
    """
    meta = namespace["metadata"]
    return meta["name"] not in SKIPPED_NAMESPACES and "deletionTimestamp" not in meta


async def reconcile_config_map(
    client: Client, existing: Object | None, name: str, namespace: str, data: dict[str, str]
) -> None:
    """Create or correct one of these ConfigMaps; write only where it differs."""
    label = {"istio.io/config": "true"}
    meta: Object = {"name": name, "namespace": namespace, "labels": label}
    if existing is None:
        try:
            await client.create(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
            )
        except ApiError as refusal:
            # The namespace is ending or gone, or another istiod has been faster.
            if refusal.code not in (403, 404, 409):
                raise
        return
    labels = existing["metadata"].get("labels") or {}
    if existing.get("data") != data or not label.items() <= labels.items():
        meta = {**existing["metadata"], "labels": labels | label}
        await client.update({**existing, "metadata": meta, "data": data})
