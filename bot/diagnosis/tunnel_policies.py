"""NetworkPolicies that let the application's traffic through now and would not in the ambient mesh,
where it comes by ztunnel's tunnel.
"""

from __future__ import annotations

import asyncio

from bot.diagnosis.causes.networks import HBONE, Connection, find_blocking_policy
from bot.diagnosis.facts import describe
from bot.diagnosis.mesh_state import NamespaceState
from bot.diagnosis.peers import list_calls
from bot.diagnosis.reading import read_cluster_state
from bot.errors import ClusterError
from bot.steps import Context
from bot.text import Text

TIMEOUT = 8.0
"""Seconds for reading the cluster; without it the question is put without the warning."""


async def list_tunnel_warnings(context: Context) -> tuple[Text, ...]:
    """Return a warning for each policy that would keep the tunnel out; () when nothing is read."""
    namespace = context.workshop.app_namespace
    try:
        async with asyncio.timeout(TIMEOUT):
            cluster = await read_cluster_state(context, namespace)
    except (ClusterError, TimeoutError):
        return ()
    found = find_tunnel_policies(NamespaceState(cluster, namespace))
    return tuple(
        Text(
            "{policy} keeps port {port} closed, by which the traffic of the ambient mesh comes: "
            "requests will time out.",
            policy=policy,
            port=HBONE,
        )
        for policy in found
    )


def find_tunnel_policies(state: NamespaceState) -> tuple[str, ...]:
    """Return the policies that keep a tunnel between applications away, though not the call that
    it would carry.
    """
    found = list[str]()
    for source, target in list_calls(state):
        policy = find_blocking_policy(state, Connection(source, target, HBONE))
        if policy and find_blocking_policy(state, Connection(source, target, 9080)) is None:
            found.append(str(describe(policy)))
    return tuple(dict.fromkeys(found))
