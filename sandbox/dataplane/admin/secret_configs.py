"""A proxy's certificates as its administration port shows them (SecretsConfigDump).

There is no TLS here, so a certificate is only what is said of one: its JSON stands where the real
one's bytes do, in an armour of its own, which no other program takes for a certificate.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

from sandbox.dataplane.admin.proxy_view import TYPES, Json, ProxyView

ARMOUR = "-----BEGIN SANDBOX CERTIFICATE-----\n{}\n-----END SANDBOX CERTIFICATE-----\n"
_SECRET = f"{TYPES}.extensions.transport_sockets.tls.v3.Secret"
_LIFE, _ROOT_LIFE = timedelta(days=1), timedelta(days=3650)
"""Of a workload's certificate and of istiod's own root (Istio 1.23 and 1.30)."""
_EARLIER = timedelta(minutes=2)
"""How long before it is made a workload's certificate begins, for clocks that differ."""
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def list_dynamic_secrets(view: ProxyView) -> list[Json]:
    """Return the workload's certificate and the root that it trusts."""
    pod = view.state.live.pods.get((view.workload.namespace, view.workload.pod)) or {}
    began = _parse_moment((pod.get("status") or {}).get("startTime"))
    account = f"spiffe://cluster.local/ns/{view.workload.namespace}/sa/{view.workload.account}"
    own = _build_certificate(f"{view.workload.uid}", account, began - _EARLIER, began + _LIFE)
    planes = [p["metadata"] for p in view.state.live.pods.values() if _get_app(p) == "istiod"]
    first = min((_parse_moment(p.get("creationTimestamp")) for p in planes), default=began)
    root = _build_certificate("root", "", first, first + _ROOT_LIFE)
    return [
        _build_secret("default", began, {"tls_certificate": {"certificate_chain": own}}),
        _build_secret("ROOTCA", began, {"validation_context": {"trusted_ca": root}}),
    ]


def _get_app(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get("app", ""))


def _parse_moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime(1970, 1, 1, tzinfo=UTC)


def _build_certificate(seed: str, account: str, begins: datetime, ends: datetime) -> Json:
    told = {
        "serial": hashlib.sha256(seed.encode()).hexdigest()[:32],
        "not_before": begins.strftime(_MOMENT),
        "not_after": ends.strftime(_MOMENT),
        "is_authority": not account,
        "trust_domain": "cluster.local" if account else "",
        "identity": account,
    }
    armoured = ARMOUR.format(base64.b64encode(json.dumps(told).encode()).decode())
    return {"inline_bytes": base64.b64encode(armoured.encode()).decode()}


def _build_secret(name: str, updated: datetime, content: Json) -> Json:
    return {
        "name": name,
        "version_info": "0",
        "last_updated": updated.strftime(_MOMENT),
        "secret": {"@type": _SECRET, "name": name, **content},
    }
