"""The diagnosis of one namespace with what only asking tells, with patience where needed."""

from __future__ import annotations

from bot.diagnosis.asking import build_namespace_state
from bot.diagnosis.diagnose import Diagnosis, diagnose
from bot.diagnosis.mesh_state import ClusterState, NamespaceState
from bot.diagnosis.page_probe import probe_page
from bot.steps import Context

LONGER = 4.0
"""Seconds for the page where it did not answer at once and nothing tells why. Bookinfo waits three
seconds for reviews (productpage 1.20)."""


async def diagnose_namespace(
    context: Context, cluster: ClusterState, namespace: str, *, step: str = ""
) -> tuple[NamespaceState, Diagnosis]:
    """Return the state of a namespace, and its diagnosis.

    Takes two seconds at most where a cause is found or the page answers. A page that gave no answer
    in that time without a cause is asked for once more: a slow machine is no broken mesh.
    """
    state = await build_namespace_state(context, cluster, namespace, step=step)
    diagnosis = diagnose(state)
    failed = state.page.failed if state.page is not None else None
    if diagnosis.is_page_unexplained and failed is not None and not failed.status:
        page = await probe_page(context, state, seconds=LONGER)
        state = NamespaceState(
            cluster, namespace, activity=state.activity, numbers=state.numbers, page=page
        )
        diagnosis = diagnose(state)
    return state, diagnosis
