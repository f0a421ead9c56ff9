"""`/mesh route jason v2`: one user gets a version of reviews, everybody else v1; checked
by real requests.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.knowledge.graph.before_after import compare_traffic
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import checks, enforce, forms, losses
from bot.knowledge.routing.manifests import DataPath, build_user_route, find_data_path
from bot.knowledge.routing.remove import remove_routes
from bot.knowledge.routing.request_proof import (
    NOBODY,
    choose_other_user,
    expect_version,
    wait_for_expectations,
)
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, PersonName, Plan, Role, Scope, State, Step, Verdict
from bot.text import Text, join


class RouteOptions(Options):
    """Options of `route`."""

    user: Annotated[
        str,
        Field(default="", max_length=40, pattern=r"^[\w.@+-]*$"),
        PersonName(),
        Text("who gets it, e.g. jason; or off"),
    ]
    version: Annotated[
        Literal["v1", "v2", "v3"],
        Field(default="v2"),
        Text("the version of reviews: v1, v2 or v3"),
    ]


async def plan(context: Context, options: RouteOptions) -> Plan | None:
    """Return what others lose by the rules, or by their end; None when they lose nothing."""
    return await losses.plan_user_route(context, options.user, options.version)


async def check(context: Context, options: RouteOptions) -> None:
    """Raise UserError when no user is named."""
    checks.require_user(context, options.user, "route jason v2")


@compare_traffic(Text("Before and after the route"))
async def run(context: Context, options: RouteOptions) -> Verdict:
    """Apply the rules, then check by requests what the user, another one and nobody get."""
    user, version = options.user, options.version
    if user == "off":
        return await remove_routes(context)
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    path = find_data_path(now)
    objects = build_user_route(path, context.workshop.app_namespace, user, version)
    done = await enforce.enforce_rules(context, now, objects)
    observed = await wait_for_expectations(
        context,
        expect_version(user, version),
        expect_version(choose_other_user(user), "v1"),
        expect_version(NOBODY, "v1"),
    )
    evidence = (*observed.lines, *done.list_evidence(observed))
    links, lines = await enforce.link_to_rules(context, objects)
    if not observed.holds:
        return Verdict(
            State.NOT_YET,
            Text("the rules for {user} are applied, their effect was not seen.", user=user),
            observed.because,
            evidence,
            links,
            suggest_commands(context, "status", f"route {user} {version}", "route off"),
            lines,
        )
    summary = Text("{user} gets reviews {version}, everybody else v1.", user=user, version=version)
    further = [] if version == "v1" else [f"fault {user}"]
    further += ["graph"] if path is DataPath.WAYPOINT else ["graph", "break"]
    return Verdict(
        State.DONE,
        join("sentences", summary, done.already),
        evidence=evidence,
        links=links,
        next=suggest_commands(context, *further, "route off"),
        lines=lines,
    )


STEP = Step(
    id="route",
    title=Text("Route a user"),
    summary=Text("one user gets a version of reviews, everybody else v1; `off` takes that away"),
    run=run,
    plan=plan,
    check=check,
    options=RouteOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("user", "version"),
    needs=("user",),
    standing=forms.read_route_in_force,
    examples=("route jason", "route jason v3", "route off"),
)
