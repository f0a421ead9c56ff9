"""The cluster's API for `istioctl`: one connection, plain or TLS, found through a kubeconfig as kubectl finds it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from bot.sandbox.istio.errors import CtlError

Object = dict[str, Any]
APPLY = "application/apply-patch+yaml"
JSON = "application/json"
_SECRETS = Path("/var/run/secrets/kubernetes.io/serviceaccount")
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


@dataclass(frozen=True)
class Access:
    """Where the API server is and how to be known there."""

    server: str
    namespace: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None


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
        for attempt in (1, 2):
            try:
                connection = self._connection = self._connection or self._connect()
                connection.request(method, self._parts.path.rstrip("/") + target, body=data, headers=headers)
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                fresh = self._connection is None or attempt == 2
                self.close()
                if fresh or isinstance(error, ConnectionRefusedError):
                    raise ApiFailure(0, self._unreachable(method, target, error)) from error
        raise AssertionError("unreachable: the loop returns or raises")

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


def access(kubeconfig: str, context: str) -> Access:
    """Reads the kubeconfig: the flag, $KUBECONFIG, ~/.kube/config, or the pod's own account. Raises CtlError."""
    names = [kubeconfig] if kubeconfig else os.environ.get("KUBECONFIG", "").split(os.pathsep)
    paths = [Path(name) for name in names if name] or [Path.home() / ".kube" / "config"]
    found = [path for path in paths if path.exists()]
    if kubeconfig and not found:
        raise CtlError(f"failed to setup client: stat {kubeconfig}: no such file or directory")
    if not found:
        return _inside()
    merged: dict[str, dict[str, Any]] = {"clusters": {}, "contexts": {}, "users": {}}
    current = ""
    for path in found:
        current = _collect(path, merged) or current
    chosen = context or current
    if chosen not in merged["contexts"]:
        if not chosen and not merged["contexts"]:
            return Access("http://localhost:8080")
        raise CtlError(f'failed to setup client: context "{chosen}" does not exist')
    where = merged["contexts"][chosen]
    cluster, user = merged["clusters"].get(where.get("cluster"), {}), merged["users"].get(where.get("user"), {})
    return Access(cluster.get("server", ""), where.get("namespace", ""), _credentials(user), _tls(cluster, user))


def _collect(path: Path, merged: dict[str, dict[str, Any]]) -> str:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise CtlError(f"failed to setup client: error loading config file {path}: {error}") from error
    for kind, single in (("clusters", "cluster"), ("contexts", "context"), ("users", "user")):
        for entry in config.get(kind) or []:
            merged[kind].setdefault(entry["name"], _absolute(entry.get(single) or {}, path))
    return str(config.get("current-context") or "")


def _absolute(entry: dict[str, Any], path: Path) -> dict[str, Any]:
    files = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
    return {key: str(path.parent / value) if key in files and value else value for key, value in entry.items()}


def _credentials(user: Mapping[str, Any]) -> dict[str, str]:
    token = user.get("token") or (
        Path(user["tokenFile"]).read_text(encoding="utf-8").strip() if user.get("tokenFile") else ""
    )
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    return {}


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext | None:
    if not str(cluster.get("server", "")).startswith("https"):
        return None
    authority = base64.b64decode(cluster.get("certificate-authority-data", "")).decode() or None
    context = ssl.create_default_context(cafile=cluster.get("certificate-authority"), cadata=authority)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if user.get("client-certificate"):
        context.load_cert_chain(user["client-certificate"], user.get("client-key"))
    elif user.get("client-certificate-data"):
        with tempfile.TemporaryDirectory() as place:
            files = {"certificate": Path(place) / "certificate", "key": Path(place) / "key"}
            for name, file in files.items():
                file.write_bytes(base64.b64decode(user[f"client-{name}-data"]))
            context.load_cert_chain(files["certificate"], files["key"])
    return context


def _inside() -> Access:
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    if not host:
        return Access("http://localhost:8080")
    token = (_SECRETS / "token").read_text(encoding="utf-8").strip()
    context = ssl.create_default_context(cafile=str(_SECRETS / "ca.crt"))
    server = f"https://{host}:{os.environ.get('KUBERNETES_SERVICE_PORT', '443')}"
    namespace = (_SECRETS / "namespace").read_text(encoding="utf-8").strip()
    return Access(server, namespace, {"Authorization": f"Bearer {token}"}, context)
