"""A client of the cluster's API for `istioctl`.

It uses one connection and addresses objects by API version, kind and name.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from sandbox.istio.ctl.kubeconfig import ClusterAccess
from sandbox.istio.istioctl_errors import CtlError

Object = dict[str, Any]
_RETRIES = 10
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
_CLUSTER_SCOPED = frozenset(
    "Namespace CustomResourceDefinition MutatingWebhookConfiguration "
    "ValidatingWebhookConfiguration ClusterRole "
    "ClusterRoleBinding Node GatewayClass".split()
)
_PLURALS = {"Gateway": "gateways", "GatewayClass": "gatewayclasses"}


class ApiFailure(CtlError):
    """The API server refused (`status` is its HTTP status) or was not reached (`status` 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def derive_plural(kind: str) -> str:
    """Return the plural a kind is served under."""
    lower = kind.lower()
    if kind in _PLURALS:
        return _PLURALS[kind]
    return (
        lower[:-1] + "ies"
        if lower.endswith("y")
        else lower + ("es" if lower.endswith("s") else "s")
    )


def build_object_path(api: str, kind: str, namespace: str = "", name: str = "") -> str:
    """Return the path of an object, or of a list where no name is given."""
    root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    inside = f"/namespaces/{namespace}" if namespace and kind not in _CLUSTER_SCOPED else ""
    return f"{root}{inside}/{derive_plural(kind)}" + (f"/{name}" if name else "")


class KubeClient:
    """A client of the API server. Every call raises ApiFailure when it is refused or fails."""

    def __init__(self, access: ClusterAccess, program: str) -> None:
        self.access, self.program = access, program
        self._parts = urlsplit(access.server)
        self._connection: http.client.HTTPConnection | None = None

    def get(self, api: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """Return the object, None where there is none."""
        try:
            return self.request("GET", build_object_path(api, kind, namespace, name))
        except ApiFailure as failure:
            if failure.status == 404:
                return None
            raise

    def list_objects(
        self, api: str, kind: str, namespace: str = "", selector: str = ""
    ) -> list[Object]:
        """Return the objects of a kind in order of namespace and name.

        Return none where the kind is not served.
        """
        try:
            return self.list_served_objects(api, kind, namespace, selector)
        except ApiFailure as failure:
            if failure.status == 404:
                return []
            raise

    def list_served_objects(
        self, api: str, kind: str, namespace: str = "", selector: str = ""
    ) -> list[Object]:
        """Return the objects as `list_objects` does, but fail where the kind is not served.

        The error has client-go's message.
        """
        query = {"labelSelector": selector} if selector else {}
        items = self.request("GET", build_object_path(api, kind, namespace), query=query)["items"]
        items.sort(
            key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"])
        )
        return [{"apiVersion": api, "kind": kind, **item} for item in items]

    def apply(self, obj: Object, manager: str, *, force: bool = True) -> Object:
        """Apply the object with server-side apply and return it."""
        metadata = obj["metadata"]
        path = build_object_path(
            obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"]
        )
        query = {"fieldManager": manager, **({"force": "true"} if force else {})}
        return self.request("PATCH", path, obj, query=query, content=APPLY)

    def create(self, obj: Object) -> Object:
        metadata = obj["metadata"]
        return self.request(
            "POST",
            build_object_path(obj["apiVersion"], obj["kind"], metadata.get("namespace", "")),
            obj,
        )

    def update(self, obj: Object) -> Object:
        """Replace the object; the field manager is this program."""
        metadata = obj["metadata"]
        path = build_object_path(
            obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"]
        )
        return self.request("PUT", path, obj)

    def delete(self, obj: Object, propagation: str = "") -> bool:
        """Delete the object; return False when it was gone already."""
        metadata = obj["metadata"]
        options = {"kind": "DeleteOptions", "apiVersion": "v1"}
        body = {**options, **({"propagationPolicy": propagation} if propagation else {})}
        try:
            self.request(
                "DELETE",
                build_object_path(
                    obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"]
                ),
                body,
            )
        except ApiFailure as failure:
            if failure.status == 404:
                return False
            raise
        return True

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = JSON,
    ) -> Object:
        """Send one request and return the JSON object of the answer."""
        target = path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": JSON, "User-Agent": self.program, **self.access.headers}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = content
        status, answer = self._request_with_retries(method, target, data, headers)
        try:
            found = json.loads(answer) if answer else {}
        except ValueError:
            found = {"message": answer.decode(errors="replace").strip()}
        if status >= 400:
            raise ApiFailure(status, _describe_refusal(found, method, path))
        made: Object = found
        return made

    def fetch(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request as it is; return status, headers and body of the answer."""
        try:
            connection = self._connection = self._connection or self._open_connection()
            target = self._parts.path.rstrip("/") + path
            connection.request(method, target, body, {**headers, **self.access.headers})
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ApiFailure(0, self._describe_unreachable(method, path, error)) from error

    def _request_with_retries(
        self, method: str, target: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Send a request, with as many retries as client-go makes.

        It is sent again when the server says after how many seconds (Retry-After).
        """
        for _ in range(_RETRIES):
            status, after, answer = self._send_request(method, target, data, headers)
            if not after or (status != 429 and status < 500):
                break
            time.sleep(min(float(after), 30.0))
        return status, answer

    def _send_request(
        self, method: str, target: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, str, bytes]:
        """Send a request once and return status, Retry-After and body.

        A connection that was cut while idle is opened anew.
        """
        reused = self._connection is not None
        try:
            connection = self._connection = self._connection or self._open_connection()
            connection.request(
                method, self._parts.path.rstrip("/") + target, body=data, headers=headers
            )
            response = connection.getresponse()
            return response.status, response.headers.get("Retry-After", ""), response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if reused and not isinstance(error, ConnectionRefusedError):
                return self._send_request(method, target, data, headers)
            raise ApiFailure(0, self._describe_unreachable(method, target, error)) from error

    def _open_connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "localhost", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=60, context=self.access.context)
        return http.client.HTTPConnection(host, port, timeout=60)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _describe_unreachable(self, method: str, target: str, error: Exception) -> str:
        where = f"{self._parts.hostname}:{self._parts.port}"
        reason = (
            "connect: connection refused"
            if isinstance(error, ConnectionRefusedError)
            else str(error) or type(error).__name__
        )
        return (
            f'{method.capitalize()} "{self.access.server.rstrip("/")}{target}": dial tcp {where}: '
            f"{reason}"
        )


def _describe_refusal(answer: Any, method: str, path: str) -> str:
    if isinstance(answer, dict) and answer.get("details") and answer.get("message"):
        return str(answer["message"])
    message = answer.get("message", "") if isinstance(answer, dict) else ""
    if (
        message
        and "404 page not found" not in message
        and message != "the server could not find the requested resource"
    ):
        return str(message)
    verb = {"GET": "get", "PATCH": "patch", "POST": "post", "PUT": "put", "DELETE": "delete"}[
        method
    ]
    return f"the server could not find the requested resource ({verb} {_describe_target(path)})"


def _describe_target(path: str) -> str:
    """Return client-go's name of a request's target.

    For example `gateways.gateway.networking.k8s.io waypoint`.
    """
    parts = path.strip("/").split("/")
    group = parts[1] if parts[0] == "apis" else ""
    rest = parts[3:] if group else parts[2:]
    if rest and rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    resource = rest[0] + (f".{group}" if group else "")
    return " ".join([resource, *rest[1:2]])
