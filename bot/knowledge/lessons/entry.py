"""Where productpage's own API is asked: through the gateway, which is in the mesh, or directly.

Each part of it makes productpage ask one application, and passes that one's status on (Bookinfo
1.20). The page itself is always 200.
"""

from __future__ import annotations

from bot.errors import ClusterError
from bot.knowledge.bookinfo.gateway import SERVICE
from bot.knowledge.lessons.prerequisites import check_gateway
from bot.knowledge.routing.fault_proof import GATEWAY_PORT
from bot.knowledge.routing.manifests import PORT
from bot.knowledge.snapshot import Snapshot
from bot.ports import HttpRequest
from bot.steps import Context

API = {
    "details": "/api/v1/products/0",
    "reviews": "/api/v1/products/0/reviews",
    "ratings": "/api/v1/products/0/ratings",
}
NO_STATUS = 0
"""Stands for a status where nothing answered."""


def build_request(context: Context, now: Snapshot, service: str) -> HttpRequest:
    """Return the request for which productpage asks that application."""
    through = check_gateway(context, now) is None
    place, port = (SERVICE, GATEWAY_PORT) if through else ("productpage", PORT)
    return HttpRequest(context.workshop.app_namespace, place, port, API[service])


async def ask_status(context: Context, request: HttpRequest) -> int:
    """Return the status of an answer, NO_STATUS when nothing answers."""
    try:
        return (await context.web.ask(request)).status
    except ClusterError:
        return NO_STATUS
