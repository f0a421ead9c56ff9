"""The cluster's API for `istioctl`: one connection, and objects by API version, kind and name."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from bot.sandbox.istio.ctl.kubeconfig import Access
from bot.sandbox.istio.errors import CtlError

Object = dict[str, Any]
_RETRIES = 10
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
_CLUSTER_SCOPED = frozenset(
    "Namespace CustomResourceDefinition MutatingWebhookConfiguration ValidatingWebhookConfiguration ClusterRole "
    "ClusterRoleBinding Node GatewayClass".split()
)
_PLURALS = {"Gateway": "gateways", "GatewayClass": "gatewayclasses"}


class ApiFailure(CtlError):
    """The API server refused (`status` is its HTTP status) or could not be reached (`status` 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def plural(kind: str) -> str:
    """The plural a kind is served under."""
    lower = kind.lower()
    if kind in _PLURALS:
        return _PLURALS[kind]
    return lower[:-1] + "ies" if lower.endswith("y") else lower + ("es" if lower.endswith("s") else "s")


def path_of(api: str, kind: str, namespace: str = "", name: str = "") -> str:
    """The path of an object, or of a list where no name is given."""
    root = f"/api/{api}" if "/" not in api else f"/apis/{api}"
    inside = f"/namespaces/{namespace}" if namespace and kind not in _CLUSTER_SCOPED else ""
    return f"{root}{inside}/{plural(kind)}" + (f"/{name}" if name else "")


class Kube:
    """The API server. Every call raises ApiFailure when it is refused or fails."""

    def __init__(self, access: Access, program: str) -> None:
        self.access, self.program = access, program
        self._parts = urlsplit(access.server)
        self._connection: http.client.HTTPConnection | None = None

    def get(self, api: str, kind: str, name: str, namespace: str = "") -> Object | None:
        """The object, None where there is none."""
        try:
            return self.request("GET", path_of(api, kind, namespace, name))
        except ApiFailure as failure:
            if failure.status == 404:
                return None
            raise

    def find(self, api: str, kind: str, namespace: str = "", selector: str = "") -> list[Object]:
        """The objects of a kind in order of namespace and name; none where the kind is not served."""
        try:
            return self.served(api, kind, namespace, selector)
        except ApiFailure as failure:
            if failure.status == 404:
                return []
            raise

    def served(self, api: str, kind: str, namespace: str = "", selector: str = "") -> list[Object]:
        """As `find`, but a kind that is not served is a failure, in client-go's words."""
        query = {"labelSelector": selector} if selector else {}
        items = self.request("GET", path_of(api, kind, namespace), query=query)["items"]
        items.sort(key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))
        return [{"apiVersion": api, "kind": kind, **item} for item in items]

    def apply(self, obj: Object, manager: str, *, force: bool = True) -> Object:
        """Server-side apply."""
        metadata = obj["metadata"]
        path = path_of(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])
        query = {"fieldManager": manager, **({"force": "true"} if force else {})}
        return self.request("PATCH", path, obj, query=query, content=APPLY)

    def create(self, obj: Object) -> Object:
        metadata = obj["metadata"]
        return self.request("POST", path_of(obj["apiVersion"], obj["kind"], metadata.get("namespace", "")), obj)

    def update(self, obj: Object) -> Object:
        """Replaces the object; the field manager is this program."""
        metadata = obj["metadata"]
        path = path_of(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"])
        return self.request("PUT", path, obj)

    def delete(self, obj: Object, propagation: str = "") -> bool:
        """Deletes the object; False when it was gone already."""
        metadata = obj["metadata"]
        options = {"kind": "DeleteOptions", "apiVersion": "v1"}
        body = {**options, **({"propagationPolicy": propagation} if propagation else {})}
        try:
            self.request(
                "DELETE", path_of(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"]), body
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
        """One call; the answer's JSON object."""
        target = path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": JSON, "User-Agent": self.program, **self.access.headers}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = content
        status, answer = self._exchange(method, target, data, headers)
        try:
            found = json.loads(answer) if answer else {}
        except ValueError:
            found = {"message": answer.decode(errors="replace").strip()}
        if status >= 400:
            raise ApiFailure(status, _refusal(found, method, path))
        made: Object = found
        return made

    def _exchange(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """One call; comes back as often as client-go does when the server says after how many seconds to try again."""
        for _ in range(_RETRIES):
            status, after, answer = self._once(method, target, data, headers)
            if not after or (status != 429 and status < 500):
                break
            time.sleep(min(float(after), 30.0))
        return status, answer

    def _once(self, method: str, target: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """One attempt: status, Retry-After and body. A connection that was cut while idle is made anew."""
        reused = self._connection is not None
        try:
            connection = self._connection = self._connection or self._connect()
            connection.request(method, self._parts.path.rstrip("/") + target, body=data, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers.get("Retry-After", ""), response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if reused and not isinstance(error, ConnectionRefusedError):
                return self._once(method, target, data, headers)
            raise ApiFailure(0, self._unreachable(method, target, error)) from error

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "localhost", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=60, context=self.access.context)
        return http.client.HTTPConnection(host, port, timeout=60)

    def close(self) -> None:
        """Ends the connection; the next call makes another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _unreachable(self, method: str, target: str, error: Exception) -> str:
        where = f"{self._parts.hostname}:{self._parts.port}"
        reason = (
            "connect: connection refused"
            if isinstance(error, ConnectionRefusedError)
            else str(error) or type(error).__name__
        )
        return f'{method.capitalize()} "{self.access.server.rstrip("/")}{target}": dial tcp {where}: {reason}'


def _refusal(answer: Any, method: str, path: str) -> str:
    if isinstance(answer, dict) and answer.get("details") and answer.get("message"):
        return str(answer["message"])
    message = answer.get("message", "") if isinstance(answer, dict) else ""
    if (
        message
        and "404 page not found" not in message
        and message != "the server could not find the requested resource"
    ):
        return str(message)
    verb = {"GET": "get", "PATCH": "patch", "POST": "post", "PUT": "put", "DELETE": "delete"}[method]
    return f"the server could not find the requested resource ({verb} {_named(path)})"


def _named(path: str) -> str:
    """What client-go calls the target of a request: `gateways.gateway.networking.k8s.io waypoint`."""
    parts = path.strip("/").split("/")
    group = parts[1] if parts[0] == "apis" else ""
    rest = parts[3:] if group else parts[2:]
    if rest and rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    resource = rest[0] + (f".{group}" if group else "")
    return " ".join([resource, *rest[1:2]])
