"""`/mesh route jason v2`: one user gets a version of reviews, everybody else v1; checked
by real requests.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.errors import UserError
from bot.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.routing import enforce, forms
from bot.knowledge.routing.manifests import DataPath, build_user_route, find_data_path
from bot.knowledge.routing.request_proof import (
    NOBODY,
    Expectation,
    choose_other_user,
    has_only,
    wait_for_expectations,
)
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Context, Options, Role, Scope, State, Step, Verdict


class RouteOptions(Options):
    """Options of `route`."""

    user: Annotated[
        str,
        Field(
            default="",
            max_length=40,
            pattern=r"^[\w.@+-]*$",
            description="who gets it, e.g. jason; or off",
        ),
    ]
    version: Annotated[
        Literal["v1", "v2", "v3"],
        Field(default="v2", description="the version of reviews: v1, v2 or v3"),
    ]


async def run(context: Context, options: RouteOptions) -> Verdict:
    """Apply the rules, then check by requests what the user, another one and nobody get."""
    if not options.user:
        raise UserError("Whose requests?", f"Type a user: `{context.command} route jason v2`.")
    if options.user == "off":
        return await off(context)
    now = await take_snapshot(context)
    if (verdict := enforce.check_prerequisites(context, now)) is not None:
        return verdict
    user, version, path = options.user, options.version, find_data_path(now)
    objects = build_user_route(path, context.workshop.app_namespace, user, version)
    done = await enforce.enforce_rules(context, path, objects)
    observed = await wait_for_expectations(
        context,
        Expectation(user, f"only {version}", lambda seen: has_only(seen.versions, version)),
        Expectation(choose_other_user(user), "only v1", lambda seen: has_only(seen.versions, "v1")),
        Expectation(NOBODY, "only v1", lambda seen: has_only(seen.versions, "v1")),
    )
    evidence = (*done.lines, *observed.lines)
    links, lines = await enforce.link_to_rules(context, objects)
    if not observed.holds:
        words = f"the rules for {user} are applied, their effect was not seen."
        again = suggest_commands(context, "status", f"route {user} {version}", "route off")
        return Verdict(State.NOT_YET, words, observed.because, evidence, links, again, lines)
    words = f"{user} gets reviews {version}, everybody else v1.{done.already}"
    further = [] if version == "v1" else [f"fault {user}"]
    further += (
        ["graph", "route off"] if path is DataPath.WAYPOINT else ["graph", "break", "route off"]
    )
    return Verdict(
        State.DONE, words, "", evidence, links, suggest_commands(context, *further), lines
    )


async def off(context: Context) -> Verdict:
    """Remove the rules for reviews, and check that every version answers again."""
    gone = await enforce.delete_rules(
        context,
        (VIRTUAL_SERVICE, "reviews"),
        (HTTP_ROUTE, "reviews"),
        (DESTINATION_RULE, "reviews"),
    )
    if not gone:
        words = "there was no rule for reviews; nothing was changed."
        return Verdict(
            State.DONE, words, next=suggest_commands(context, "route jason", "shift v1=50 v3=50")
        )
    several = Expectation(
        NOBODY, "several versions", lambda s: len(s.versions) > 1 and "none" not in s.versions, 20
    )
    observed = await wait_for_expectations(context, several)
    evidence, following = (
        (*gone, *observed.lines),
        suggest_commands(context, "route jason", "shift v1=50 v3=50", "status"),
    )
    if not observed.holds:
        words = "the rules for reviews are gone, but that was not seen."
        return Verdict(State.NOT_YET, words, observed.because, evidence, next=following)
    words = "no rule for reviews is in force: every version answers everybody."
    return Verdict(State.DONE, words, evidence=evidence, next=following)


STEP = Step(
    id="route",
    title="Route a user",
    summary="one user gets a version of reviews, everybody else v1; `off` takes that away",
    run=run,
    options=RouteOptions,
    role=Role.HOST,
    changes=True,
    scope=Scope.APPLICATION,
    positional=("user", "version"),
    needs=("user",),
    standing=forms.read_route_in_force,
    examples=("route jason", "route jason v3", "route off"),
)
