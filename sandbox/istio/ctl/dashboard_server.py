"""The local port of `istioctl dashboard`, which leads to an addon.

The real command forwards connections; here each request goes through the API server's proxy.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.istio.ctl.dashboard import ADDONS
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import ApiFailure, KubeClient
from sandbox.istio.istioctl_errors import FAILED, CtlError

_NOT_PASSED_ON = ("connection", "content-length", "transfer-encoding", "host", "accept-encoding")


class _Handler(BaseHTTPRequestHandler):
    """Answers one request with what the addon answers."""

    protocol_version = "HTTP/1.1"
    server: _Dashboard

    def handle_any(self) -> None:
        """Pass a request on and its answer back."""
        size = int(self.headers.get("Content-Length") or 0)
        passed = {k: v for k, v in self.headers.items() if k.lower() not in _NOT_PASSED_ON}
        try:
            status, headers, body = self.server.fetch(
                self.command, self.path, self.rfile.read(size) if size else None, passed
            )
        except ApiFailure as failure:
            status, headers, body = 502, {}, f"{failure.message}\n".encode()
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = handle_any

    def log_message(self, *_: Any) -> None:
        """Write no lines of access."""


class _Dashboard(ThreadingHTTPServer):
    """The local port, and the pod behind it."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], run: IstioctlInvocation, prefix: str) -> None:
        super().__init__(address, _Handler)
        self._run, self._prefix = run, prefix

    def fetch(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request to the pod; raise ApiFailure when the API server is not reached."""
        # A connection of its own for each request: they come from threads.
        kube = KubeClient(self._run.access, self._run.kube.program)
        try:
            return kube.fetch(method, self._prefix + path, body, headers)
        finally:
            kube.close()


def open_dashboard(run: IstioctlInvocation) -> int:
    """Serve an addon's pages on a local port until interrupted.

    Raises CtlError when there is no pod of it, or the port that was asked for is taken.
    """
    name = run.parsed.command.name
    selector, port, page = ADDONS[name]
    namespace = run["namespace"] or run["istioNamespace"]
    pods = run.kube.list_objects("v1", "Pod", namespace, selector)
    if not pods:
        raise CtlError(f"no pods found with selector {selector}")
    pod = pods[0]["metadata"]["name"]
    prefix = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy"
    server = _listen(run, port, prefix)
    url = f"http://{run['address']}:{server.server_address[1]}{page}"
    run.write_out(url)
    if run["browser"]:
        _open_browser(run, url)
    else:
        run.streams.stdout.write("skipping opening a browser")
        run.streams.stdout.flush()
    # Also where whoever started it ignores the signal, as shells do for what runs behind.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        serving.join()
    except KeyboardInterrupt:
        server.shutdown()
    finally:
        server.server_close()
    return 0


def _listen(run: IstioctlInvocation, port: int, prefix: str) -> _Dashboard:
    """Listen on the port asked for, else on the addon's own, else on a free one."""
    asked = run["port"]
    if asked and not asked.isdigit():
        raise CtlError(f'invalid argument "{asked}" for "-p, --port" flag: a port is a number')
    problem: OSError | None = None
    for each in (int(asked),) if asked else (port, 0):
        try:
            return _Dashboard((run["address"], each), run, prefix)
        except OSError as error:
            problem = error
    raise CtlError(f"failure running port forward process: {problem}", FAILED)


def _open_browser(run: IstioctlInvocation, url: str) -> None:
    try:
        subprocess.Popen(
            ["xdg-open", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        run.write_out(f"Failed to open browser; open {url} in your browser.")
