"""Interfaces of the embedded cluster: the API in process, and programs in pods."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:  # `istioctl` starts often and needs the interfaces' words only, not asyncio
    from sandbox.cluster.log_buffer import LogBuffer

Object = dict[str, Any]
"""A Kubernetes object in wire form. What is read must never be changed in place; copy first."""


class ApiError(Exception):
    """A refusal of the API server: `code` is the HTTP status, `reason` Kubernetes' word
    (`NotFound`, `Conflict`, …)."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}


class Ref(NamedTuple):
    """One resource type: API group ("" for core) and plural name, e.g. `Ref("apps",
    "deployments")`."""

    group: str
    plural: str


@dataclass(frozen=True)
class WatchEvent:
    """One change seen by a watch. The first pass over what exists arrives as ADDED."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


class Client(Protocol):
    """The cluster's own API in process: same defaulting, validation, admission and field managers
    as over HTTP.

    `manager` is the field manager that writes are recorded under. Namespace "" means cluster-scoped
    (or, in list and watch, all namespaces). All raise ApiError; `get` gives None for what is not
    there.
    """

    manager: str

    async def get(self, ref: Ref, name: str, namespace: str = "") -> Object | None: ...

    async def list(self, ref: Ref, namespace: str = "", labels: str = "") -> list[Object]: ...

    async def create(self, obj: Object) -> Object: ...

    async def update(self, obj: Object, *, subresource: str = "") -> Object: ...

    async def merge(
        self, ref: Ref, name: str, namespace: str, patch: Object, *, subresource: str = ""
    ) -> Object: ...

    async def apply(self, obj: Object, *, force: bool = True, subresource: str = "") -> Object: ...

    async def delete(
        self, ref: Ref, name: str, namespace: str = "", *, grace: int | None = None
    ) -> None: ...

    def watch(self, ref: Ref, namespace: str = "") -> AsyncIterator[WatchEvent]: ...

    def acting_as(self, manager: str) -> Client:
        """Return the same API under another field manager."""
        ...


@dataclass(frozen=True)
class Request:
    """An HTTP request as it reaches a pod's port (through a service, a webhook or the API server's
    proxy)."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """An HTTP response of a pod."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Process(Protocol):
    """A program that is running in one pod."""

    async def handle(self, port: int, request: Request) -> Response | None:
        """Answer a request on that container port.

        Return None when nothing listens there (connection refused).
        """
        ...

    async def stop(self) -> None: ...


class PodProgram(Protocol):
    """A program that can run in pods, as the kubelet's container runtime would start it."""

    def runs_in(self, pod: Object) -> bool: ...

    async def start(self, pod: Object, client: Client) -> Process:
        """Start the program when the pod's containers start, before it is Ready.

        Background work belongs to the Process.
        """
        ...


class ServiceBackends(Protocol):
    """The API server's way to the programs behind a Service or a pod.

    Webhooks and the proxy subresources use it.
    """

    async def call(
        self, namespace: str, service: str, port: int | str, request: Request
    ) -> Response:
        """Send a request to one ready endpoint of the Service's port.

        The port is a number or a name; "" is the only port. Raises ApiError(503,
        "ServiceUnavailable", …) saying `service "x" not found`, `no endpoints available for
        service "x"` or `dial tcp …: connect: connection refused`.
        """
        ...

    async def call_pod(
        self, namespace: str, pod: str, port: int | str, request: Request
    ) -> Response:
        """Send a request to one pod's port ("" is the first container port).

        Raises ApiError(503, …) when nothing listens.
        """
        ...


@runtime_checkable
class PodLogs(Protocol):
    """What containers have written: of one program's pods, or of all."""

    def find_log(self, pod: Object, container: str) -> LogBuffer | None:
        """Return a container's log; None when nothing is known to have been written."""
        ...


class CommandStreams(Protocol):
    """The three streams of a command in a container, and whether they are one terminal."""

    terminal: bool

    async def read_input(self) -> bytes:
        """Return what was typed next; b"" at its end, or at once where there is no input."""
        ...

    async def write_output(self, data: bytes) -> None: ...

    async def write_error(self, data: bytes) -> None: ...


class PodAccess(Protocol):
    """What the API server has a kubelet do inside pods: `exec`, `attach` and `port-forward`."""

    async def execute(
        self, pod: Object, container: str, command: Sequence[str], streams: CommandStreams
    ) -> int:
        """Carry a command out in a running container and return its exit code.

        Raises ApiError when it cannot be started.
        """
        ...

    async def attach(self, pod: Object, container: str, streams: CommandStreams) -> int:
        """Join what a container runs, until it ends; return its exit code."""
        ...

    async def call_inside(self, pod: Object, port: int, request: Request) -> Response | None:
        """Send a request to a port of the pod from inside it, past its proxies.

        Return None when nothing listens there.
        """
        ...


class SendFailure(Exception):
    """A request of a pod that got no HTTP answer: `failure` is `unknown host`, `refused`, `reset`,
    `timeout` or `tls`, after `seconds`."""

    def __init__(self, failure: str, seconds: float) -> None:
        super().__init__(failure)
        self.failure, self.seconds = failure, seconds


@runtime_checkable
class PodNetwork(Protocol):
    """A program that carries what pods send: the mesh's data plane."""

    async def send_from_pod(
        self, pod: Object, host: str, port: int, request: Request, seconds: float
    ) -> Response | None:
        """Send a request out of a pod, through its proxies; give up after so many seconds.

        Return None when what the host names is not of this network. Raises SendFailure.
        """
        ...


@runtime_checkable
class InsideProcess(Protocol):
    """A program that answers otherwise when it is asked from inside its pod."""

    async def handle_inside(self, port: int, request: Request) -> Response | None:
        """Answer a request that comes from the pod itself, as a port-forward does."""
        ...
