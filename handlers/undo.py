"""`/mesh undo`: restores the state before the last change; shows what, and asks."""

from __future__ import annotations

from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.workshop import undo
from bot.steps import Context, Options, Plan, Role, Scope, State, Step, Verdict
from bot.text import EMPTY, Text


async def plan(context: Context, options: Options) -> Plan | None:
    """Return what would be restored."""
    context.progress.say(Text("looking at what the last change left"))
    back = await undo.find_last_change(context)
    return await undo.build_plan(
        context,
        back,
        Text("{typed} will be taken back.", typed=back.changes[-1].typed)
        if back.changes
        else EMPTY,
    )


async def run(context: Context, options: Options) -> Verdict:
    """Restore the state before the last change, and compare."""
    if context.confirmed:
        return await undo.restore_confirmed(context, again="undo")
    back = await undo.find_last_change(context)
    if not back.differences:
        for change in back.changes:
            await context.history.undone(change.run)
        words = Text("there is nothing to take back; nothing was changed.")
        return Verdict(State.DONE, words, next=suggest_commands(context, "status"))
    return await undo.restore_objects(context, back, again="undo")


STEP = Step(
    id="undo",
    title=Text("Undo"),
    summary=Text("takes the last change back to what stood there before; asks first"),
    run=run,
    plan=plan,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    recorded=False,
    aliases=("revert",),
    examples=("undo",),
)
