"""What Bookinfo's applications write to their logs: when they start, and for requests."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.dataplane.apps.productpage import ProductPage
from sandbox.dataplane.apps.services import App, Details, Ratings, Reviews
from sandbox.dataplane.engine.http_messages import Call, Reply


def format_start(app: App) -> str:
    """Return the line of an application that listens."""
    match app:
        case ProductPage():
            return f"[INFO] Listening at: http://[::]:{app.port} (1)"
        case Details():
            return f"INFO  WEBrick::HTTPServer#start: pid=1 port={app.port}"
        case Ratings():
            return f"Server listening on: http://0.0.0.0:{app.port}"
        case Reviews():
            return "[AUDIT   ] CWWKF0011I: The defaultServer server is ready to run."
    return f"Waiting for connections on port {app.port}"


def format_request(app: App, call: Call, reply: Reply) -> str:
    """Return the line about a request; "" where the application writes none."""
    moment = datetime.fromtimestamp(reply.end, UTC)
    path = f"{call.path}?{call.query}" if call.query else call.path
    match app:
        case ProductPage():
            return f'[INFO] "{call.method} {path} HTTP/1.1" {reply.status}'
        case Details():
            stamp = f"{moment:%d/%b/%Y:%H:%M:%S} UTC"
            size = len(reply.body)
            return f'127.0.0.6 - - [{stamp}] "{call.method} {path} HTTP/1.1" {reply.status} {size}'
        case Ratings():
            return f"{call.method} {path}"
    return ""
