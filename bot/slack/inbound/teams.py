"""Whose people the bot serves: a channel may be shared with other workspaces (Slack Connect), and
their people can mention the bot there and press its buttons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

from bot.messages import ButtonPress, Command, FormSubmission
from bot.slack.inbound.payloads import Body, get_mapping, get_string
from bot.slack.webapi.client import BotIdentity

Request = TypeVar("Request", Command, ButtonPress, FormSubmission)


@dataclass(frozen=True)
class ServedTeams:
    """Workspaces (T…) and organizations (E…) whose people are served.

    `organization` is the one to the whole of which the app is installed, if any.
    """

    ids: frozenset[str]
    organization: str = ""

    def find_foreign_team(self, body: Body) -> str:
        """Return the team of the person behind a payload, "" when it is served.

        A payload that names no team is served: Slack says it wherever people of several can be.
        """
        person = read_person_team(body)
        if not person or person in self.ids:
            return ""
        # A workspace that has joined the organization since the bot was started.
        joined = self.organization and self.organization == read_organization(body)
        return "" if joined and person == read_workspace(body) else person

    def mark_stranger(self, body: Body, asked: Request) -> Request:
        """Return a request with the team of someone who is not served."""
        stranger = self.find_foreign_team(body)
        return replace(asked, stranger=stranger) if stranger else asked


def build_served_teams(identity: BotIdentity, admitted: Collection[str]) -> ServedTeams:
    """Return the bot's own teams, and those that the settings admit."""
    # In an organization, events may name that as the team of a workspace's own people.
    own = {identity.team_id, identity.enterprise_id, *identity.teams}
    organization = identity.enterprise_id if identity.is_enterprise_install else ""
    return ServedTeams(frozenset(own - {""}) | frozenset(admitted), organization)


def read_person_team(body: Body) -> str:
    """Return the workspace or organization of the person who did something, "" if not said."""
    event = get_mapping(body, "event")
    if event:
        # `team` alone where the person's workspace has the app itself (Slack Connect).
        said = get_string(event, "user_team") or get_string(event, "team")
        return said or get_string(body, "team_id")
    return get_string(get_mapping(body, "user"), "team_id") or read_workspace(body)


def read_workspace(body: Body) -> str:
    """Return the workspace in which something was done."""
    return get_string(get_mapping(body, "team"), "id") or get_string(body, "team_id")


def read_organization(body: Body) -> str:
    """Return the organization of that workspace, "" when it is in none."""
    return get_string(get_mapping(body, "enterprise"), "id") or get_string(body, "enterprise_id")
