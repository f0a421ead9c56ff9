"""The application's way into the ambient mesh, once the profile is installed: out of its sidecars,
then the label.
"""

from __future__ import annotations

from bot.knowledge.ambient import join, verify_ambient
from bot.knowledge.bookinfo import app
from bot.knowledge.istio import sidecar_rollout, sidecars
from bot.knowledge.objects.apply import build_not_ready_verdict
from bot.knowledge.objects.namespace_labels import relabel_namespace
from bot.steps import Context, Verdict
from bot.text import Listed, Text


async def move_application(context: Context, done: list[Text], *, whole: bool) -> Verdict:
    """Remove the sidecars, set the label, and verify; `whole` when the page showed reviews before.

    `done` is what was changed already.
    """
    if not await join.wait_for_agents(context):
        return verify_ambient.build_missing_agents_verdict(context)
    done += await sidecars.set_injection_labels(context, on=False)
    done += await sidecars.withdraw_own_requests(context)
    restart = await sidecar_rollout.restart_workloads(context, on=False)
    if restart.lagging:
        return build_not_ready_verdict(
            context,
            Text("the ambient profile is there, but old pods still have sidecars."),
            restart.lagging,
            "ambient",
        )
    if restart.unchanged:
        return await verify_ambient.build_injected_verdict(context, restart.unchanged, tuple(done))
    if restart.restarted:
        names = Listed(restart.restarted, "comma")
        done.append(Text("restarted without sidecars: {restarted}", restarted=names))
    # Last: istio-cni passes over pods that still have a sidecar.
    done += await relabel_namespace(context, {join.LABEL: join.MODE})
    page = await app.wait_for_restored_page(context, wanted=whole and bool(restart.restarted))
    return await verify_ambient.verify_and_report(context, tuple(done), page)
