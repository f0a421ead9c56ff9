"""The namespace's waypoint: its Gateway, the label that sends traffic through it, and the proof that it does.

Made and removed through the API, by exact name: `istioctl waypoint apply` leaves a namespace with a stale label alone,
and `istioctl waypoint delete` of Istio 1.23 does not look which class of Gateway it deletes.
"""

from __future__ import annotations

from bot.kinds import DEPLOYMENT, GATEWAY, HTTP_ROUTE, SERVICE, Object
from bot.knowledge import ambient
from bot.knowledge.images import wanted
from bot.knowledge.room import minor
from bot.knowledge.routing import is_waypoint, named
from bot.knowledge.snapshot import Snapshot
from bot.knowledge.waiting import until
from bot.knowledge.workloads import condition, is_ready, labels, name
from bot.steps import Context

NAME, CLASS = "waypoint", "istio-waypoint"
LABEL = "istio.io/use-waypoint"
BOUND = "istio.io/WaypointBound"
"""The condition of a Service whose traffic passes a waypoint (from Istio 1.24)."""
FIRST_BOUND = 24


def gateway(namespace: str) -> Object:
    """The waypoint's Gateway, as istioctl makes it: for traffic to Services, over HBONE."""
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE"}
    return named(GATEWAY, NAME, namespace, {"gatewayClassName": CLASS, "listeners": [listener]})


def there(now: Snapshot) -> list[str]:
    """The names of a namespace's waypoints."""
    return [called for called, found in now.gateways.items() if is_waypoint(found)]


async def put(context: Context, now: Snapshot) -> list[str]:
    """Applies the Gateway; what was done, in words."""
    before = now.gateways.get(NAME)
    stale = before is None and now.app_labels.get(LABEL) == NAME
    after = await context.cluster.apply(gateway(context.workshop.app_namespace), force=True)
    if before is not None and wanted(before) == wanted(after):
        return []
    words = f"Gateway {NAME} {'made' if before is None else 'changed'}"
    return [f"{words}; the label was left over from a waypoint that is gone" if stale else words]


async def programmed(context: Context) -> str:
    """Waits until istiod has programmed the waypoint and its pod is there; "" or what it waits for."""
    context.progress.say("waiting for the waypoint; after an upgrade of istiod that takes ten seconds more")
    last = ""

    def ready(gateways: list[Object], deployments: list[Object]) -> bool:
        nonlocal last
        mine: Object = next((g for g in gateways if name(g) == NAME), {"metadata": {}})
        said = condition(mine, "Programmed")
        runs = any(name(d) == NAME and is_ready(d) for d in deployments)
        last = str(said.get("message") or "istiod has not taken it up yet")
        if said.get("status") == "True" and not runs:
            last = "its Deployment is not available yet"
        context.progress.say(f"waypoint: {last}")
        return said.get("status") == "True" and runs

    limit, app = context.workshop.readiness_timeout, context.workshop.app_namespace
    return "" if await until(context, app, limit, (GATEWAY, DEPLOYMENT), ready) else last


def binds(context: Context) -> bool:
    """Whether this release tells on a Service that its waypoint is bound."""
    return minor(context.mesh.version) >= FIRST_BOUND


async def bound(context: Context) -> tuple[str, ...]:
    """Waits for the Services' condition; those that have it."""
    found: list[str] = []

    def all_are(services: list[Object]) -> bool:
        mine = [s for s in services if "gateway.networking.k8s.io/gateway-name" not in labels(s)]
        found[:] = [name(s) for s in mine if condition(s, BOUND).get("status") == "True"]
        return bool(mine) and len(found) == len(mine)

    limit, app = min(30.0, context.workshop.readiness_timeout), context.workshop.app_namespace
    await until(context, app, limit, (SERVICE,), all_are)
    return tuple(found)


async def remove(context: Context, now: Snapshot) -> list[str]:
    """Takes the label off, then the Gateway away, and waits until its Deployment is gone; what was done, in words."""
    done = list(await ambient.relabel(context, {LABEL: None}))
    app, names = context.workshop.app_namespace, there(now)
    for called in names:
        await context.cluster.delete(GATEWAY, called, app)
        done.append(f"Gateway {called} removed")
    if names:
        context.progress.say("waiting until the waypoint is gone")
        limit = context.workshop.readiness_timeout
        await until(context, app, limit, (DEPLOYMENT,), lambda found: not {name(d) for d in found} & set(names))
    return done


def idle(now: Snapshot) -> tuple[str, ...]:
    """Rules that no proxy obeys without the waypoint."""
    step = {"reviews": "route off", "ratings": "fault off"}
    return tuple(
        f"{HTTP_ROUTE.kind} {called} has no effect without a waypoint: `{step.get(called, 'undo')}` takes it away."
        for called, route in now.routes.items()
        if any(parent.get("kind") == "Service" for parent in route["spec"].get("parentRefs") or [])
    )
