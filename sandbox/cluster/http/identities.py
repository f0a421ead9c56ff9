"""Who asks, what that one may do, and tokens of ServiceAccounts: nobody is checked here, so each is
answered as an administrator's account is.
"""

from __future__ import annotations

import base64
import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from sandbox.cluster.api_refusals import bad_request_error
from sandbox.cluster.contract import Object
from sandbox.cluster.operations import USER, Target

_SECONDS = 3600
"""A token's life where none is asked for (Kubernetes 1.36)."""
_ISSUER = "https://kubernetes.default.svc.cluster.local"


def answer_rules_review(body: Any) -> Object:
    """Answer a SelfSubjectRulesReview: everything, on everything."""
    return _build_answer(
        body,
        "SelfSubjectRulesReview",
        "authorization.k8s.io/v1",
        {
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": False,
        },
    )


def answer_self_review(body: Any) -> Object:
    """Answer a SelfSubjectReview: who asks."""
    user = {"username": USER, "groups": ["system:masters", "system:authenticated"]}
    return _build_answer(body, "SelfSubjectReview", "authentication.k8s.io/v1", {"userInfo": user})


def answer_token_request(account: Target, body: Any, now: datetime) -> Object:
    """Answer a TokenRequest: a token in a JWT's form, which nobody checks."""
    spec = body.get("spec") or {} if isinstance(body, dict) else {}
    audiences = spec.get("audiences") or [_ISSUER]
    ends = now + timedelta(seconds=int(spec.get("expirationSeconds") or _SECONDS))
    claims = {
        "aud": audiences,
        "exp": int(ends.timestamp()),
        "iat": int(now.timestamp()),
        "iss": _ISSUER,
        "sub": f"system:serviceaccount:{account.namespace}:{account.name}",
    }
    head = {"alg": "RS256", "kid": "sandbox"}
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (head, claims)]
    token = ".".join(map(_encode_segment, (*parts, secrets.token_bytes(256))))
    return _build_answer(
        body,
        "TokenRequest",
        "authentication.k8s.io/v1",
        {"token": token, "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ")},
    )


def _encode_segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _build_answer(body: Any, kind: str, api_version: str, status: Object) -> Object:
    if not isinstance(body, dict):
        raise bad_request_error(f"{kind} expected")
    spec = {"spec": body["spec"]} if body.get("spec") else {}
    return {
        "kind": kind,
        "apiVersion": api_version,
        "metadata": {},
        **spec,
        "status": status,
    }
