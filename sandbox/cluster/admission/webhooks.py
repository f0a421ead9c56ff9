"""Admission webhooks: matching, the AdmissionReview sent, and the effect of the answers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sandbox.clock import Clock
from sandbox.cluster.api_refusals import (
    bad_request_error,
    internal_error,
    service_unavailable_error,
)
from sandbox.cluster.contract import ApiError, Object, Ref, Request, Response, ServiceBackends
from sandbox.cluster.machinery.selectors import matches_label_selector
from sandbox.cluster.merging.patches import apply_json_patch
from sandbox.cluster.operations import USER, AdmissionRequest
from sandbox.cluster.ports import check_service_port
from sandbox.cluster.store import Record, Store, encode_json

_GROUP = "admissionregistration.k8s.io"
_MUTATING = Ref(_GROUP, "mutatingwebhookconfigurations")
_VALIDATING = Ref(_GROUP, "validatingwebhookconfigurations")


class _WebhookFailure(Exception):
    """A webhook that gave no usable answer; `why` in the API server's words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Webhooks:
    """Calls the webhooks that are configured in the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self.backends: ServiceBackends | None = None

    async def mutate(self, review: AdmissionRequest) -> Object:
        """Return the object after all mutating webhooks.

        They are called in the order of their configurations' names.
        """
        if review.obj is None:
            raise bad_request_error("a delete has no object to mutate")
        current = review.obj
        for hook in self._find_matching_hooks(_MUTATING, review):
            answer = await self._ask_hook(hook, replace(review, obj=current))
            patch = (answer or {}).get("patch")
            if patch:
                current = _apply_hook_patch(hook, current, patch)
        return current

    async def validate(self, review: AdmissionRequest) -> None:
        """Call all validating webhooks at once, as Kubernetes does; raise the first refusal."""
        hooks = list(self._find_matching_hooks(_VALIDATING, review))
        answers = await asyncio.gather(
            *(self._ask_hook(hook, review) for hook in hooks), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    def _find_matching_hooks(self, ref: Ref, review: AdmissionRequest) -> Iterator[Object]:
        if review.target.kind.group == _GROUP:
            return
        for record in self._store.iterate_records(ref):
            yield from _filter_hooks(record, review)

    async def _ask_hook(self, hook: Object, review: AdmissionRequest) -> Object | None:
        """Return the `response` part of the answer, or None when a failure is to be ignored."""
        try:
            answer = await self._call_hook(hook, review)
        except _WebhookFailure as failure:
            if hook.get("failurePolicy") == "Ignore":
                return None
            message = f'failed calling webhook "{hook["name"]}": {failure.why}'
            raise internal_error(message) from failure
        review.write.warnings.extend(str(each) for each in answer.get("warnings") or ())
        if not answer.get("allowed"):
            raise _build_denial_error(hook, answer)
        return answer

    async def _call_hook(self, hook: Object, review: AdmissionRequest) -> Object:
        question = _build_review(review)
        body = encode_json(
            {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", **question}
        )
        seconds = int(hook.get("timeoutSeconds") or 10)
        service = (hook.get("clientConfig") or {}).get("service")
        if not service:
            raise _WebhookFailure(
                "failed to call webhook: only services are reachable in this cluster"
            )
        url = _build_url(service, seconds)
        try:
            async with asyncio.timeout(seconds / self._clock.speed):
                response = await self._send_review(service, seconds, body)
        except ApiError as error:
            raise _WebhookFailure(
                f'failed to call webhook: Post "{url}": {error.message}'
            ) from error
        except TimeoutError as error:
            raise _WebhookFailure(
                f'failed to call webhook: Post "{url}": context deadline exceeded'
            ) from error
        return _parse_answer(response, question["request"]["uid"])

    async def _send_review(self, service: Object, seconds: int, body: bytes) -> Response:
        check_service_port(
            self._store, service["namespace"], service["name"], service.get("port") or 443
        )
        if self.backends is None:
            raise service_unavailable_error(
                f'no endpoints available for service "{service["name"]}"'
            )
        request = Request(
            method="POST",
            path=service.get("path") or "/",
            query=f"timeout={seconds}s",
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=body,
        )
        return await self.backends.call(
            service["namespace"], service["name"], service.get("port") or 443, request
        )


def _build_url(service: Object, seconds: int) -> str:
    host = f"{service['name']}.{service['namespace']}.svc:{service.get('port') or 443}"
    return f"https://{host}{service.get('path') or '/'}?timeout={seconds}s"


def _filter_hooks(record: Record, review: AdmissionRequest) -> Iterator[Object]:
    for hook in record.obj.get("webhooks") or ():
        if _matches_rules(hook, review) and _matches_selectors(hook, review):
            yield hook


def _matches_rules(hook: Object, review: AdmissionRequest) -> bool:
    return any(_matches_rule(rule, review) for rule in hook.get("rules") or ())


def _matches_rule(rule: Object, review: AdmissionRequest) -> bool:
    kind = review.target.kind
    resource = (
        f"{kind.plural}/{review.target.subresource}" if review.target.subresource else kind.plural
    )
    scope = "Namespaced" if kind.namespaced else "Cluster"
    return (
        _matches_wildcard(rule.get("operations"), review.operation)
        and _matches_wildcard(rule.get("apiGroups"), kind.group)
        and any(_matches_wildcard(rule.get("apiVersions"), info.name) for info in kind.versions)
        and _matches_resource(rule.get("resources") or (), resource)
        and rule.get("scope", "*") in ("*", scope)
    )


def _matches_wildcard(wanted: list[str] | None, value: str) -> bool:
    return bool(wanted) and ("*" in (wanted or ()) or value in (wanted or ()))


def _matches_resource(wanted: Sequence[str], resource: str) -> bool:
    plural, _, subresource = resource.partition("/")
    names = {resource, "*/*", f"{plural}/*", f"*/{subresource}" if subresource else "*"}
    return any(each in names for each in wanted)


def _matches_selectors(hook: Object, review: AdmissionRequest) -> bool:
    about_namespace = review.target.kind.kind == "Namespace" and not review.target.kind.custom
    if review.target.kind.namespaced or about_namespace:
        labels = review.namespace_labels
        if about_namespace and review.obj is not None:
            labels = review.obj["metadata"].get("labels") or {}
        if not matches_label_selector(hook.get("namespaceSelector") or {}, labels):
            return False
    selector = hook.get("objectSelector") or {}
    versions = [each for each in (review.obj, review.old) if each is not None]
    return any(
        matches_label_selector(selector, each["metadata"].get("labels") or {}) for each in versions
    )


def _build_review(review: AdmissionRequest) -> dict[str, Any]:
    kind, target = review.target.kind, review.target
    version = target.version or kind.version
    of_kind = {"group": kind.group, "version": version, "kind": kind.kind}
    resource = {"group": kind.group, "version": version, "resource": kind.plural}
    request: dict[str, Any] = {
        "uid": str(uuid.uuid4()),
        "kind": of_kind,
        "resource": resource,
        "requestKind": of_kind,
        "requestResource": resource,
        "name": target.name,
        "operation": review.operation,
        "userInfo": {"username": USER, "groups": ["system:masters", "system:authenticated"]},
        "object": _set_api_version(review.obj, target.api_version),
        "oldObject": _set_api_version(review.old, target.api_version),
        "dryRun": review.write.dry_run,
        "options": {"kind": f"{review.operation.title()}Options", "apiVersion": "meta.k8s.io/v1"},
    }
    if target.namespace:
        request["namespace"] = target.namespace
    if target.subresource:
        request["subResource"] = request["requestSubResource"] = target.subresource
    return {"request": request}


def _set_api_version(obj: Object | None, api_version: str) -> Object | None:
    return {**obj, "apiVersion": api_version} if obj else None


def _parse_answer(response: Response, uid: str) -> Object:
    if response.status >= 300:
        if response.status < 500:
            raise _WebhookFailure(
                f"the server rejected our request for an unknown reason ({response.status})"
            )
        text = response.body.decode(errors="replace")
        raise _WebhookFailure(
            f'an error on the server ("{text}") has prevented the request from succeeding'
        )
    try:
        answer = json.loads(response.body)["response"]
        if answer["uid"] != uid:
            raise _WebhookFailure(f'expected response.uid="{uid}", got "{answer["uid"]}"')
    except (ValueError, KeyError, TypeError) as error:
        raise _WebhookFailure(
            "received invalid webhook response: no AdmissionReview in the answer"
        ) from error
    found: Object = answer
    return found


def _apply_hook_patch(hook: Object, obj: Object, patch: str) -> Object:
    try:
        operations = json.loads(base64.b64decode(patch, validate=True))
    except (ValueError, binascii.Error) as error:
        raise internal_error(
            f"failed calling webhook {hook['name']}: its patch can't be read"
        ) from error
    changed: Object = apply_json_patch(obj, operations)
    return changed


def _build_denial_error(hook: Object, answer: Object) -> ApiError:
    status = answer.get("status") or {}
    code = max(int(status.get("code") or 0), 400)
    reason = status.get("reason") or ""
    text = status.get("message") or status.get("reason") or ""
    head = f'admission webhook "{hook["name"]}" denied the request'
    return ApiError(
        code,
        reason,
        f"{head}: {text}" if text else f"{head} without explanation",
        status.get("details"),
    )
