"""Rules for some requests that stay when the shares of all others change: they come first."""

from __future__ import annotations

from dataclasses import dataclass

from bot.kinds import Object
from bot.knowledge.routing.hosts import is_rule_for, names_service
from bot.knowledge.routing.manifests import VERSIONS, DataPath, takes_all
from bot.knowledge.snapshot import Snapshot
from bot.text import Listed, Text, verbatim

SERVICE, USER_HEADER = "reviews", "end-user"


@dataclass(frozen=True)
class KeptRules:
    """Rules with a match, as they stand in their object; and for each user whom one of them names
    alone, the version that they get.
    """

    rules: tuple[Object, ...] = ()
    users: tuple[tuple[str, str], ...] = ()

    def describe_shares(self, shares: Listed) -> Text:
        """Return whose requests are shared, and who keeps what, as a sentence."""
        if not self.rules:
            return Text("requests are shared as asked: {shares}.", shares=shares)
        if len(self.users) < len(self.rules):
            return Text(
                "requests are shared as asked: {shares}; rules with a match of their own stay.",
                shares=shares,
            )
        return Text(
            "requests of everybody else are shared as asked: {shares}; still in force: {rules}.",
            shares=shares,
            rules=Listed([verbatim(f"{user} → {version}") for user, version in self.users]),
        )


def find_kept_rules(now: Snapshot, path: DataPath, namespace: str) -> KeptRules:
    """Return the rules for reviews that leave requests to a rule for all others.

    What stands behind a rule for all is not among them, for it is not in force; nor what sends to a
    version that there is not.
    """
    owners = now.routes if path is DataPath.WAYPOINT else now.virtual_services
    owner = owners.get(SERVICE)
    if owner is None or not is_rule_for(owner, SERVICE, namespace):
        return KeptRules()
    if path is DataPath.WAYPOINT:
        kept = [r for r in owner["spec"].get("rules") or [] if not takes_all(r.get("matches"))]
    else:
        http = owner["spec"].get("http") or []
        first = next((n for n, r in enumerate(http) if takes_all(r.get("match"))), len(http))
        kept = [rule for rule in http[:first] if has_known_subsets(rule, namespace)]
    found = ((read_user(rule), read_version(rule)) for rule in kept)
    users = {user: version for user, version in reversed([*found]) if user and version}
    return KeptRules(tuple(kept), tuple(reversed(users.items())))


def has_known_subsets(rule: Object, namespace: str) -> bool:
    """Tell whether a VirtualService's rule sends to no subset of reviews that is not defined."""
    destinations = [route.get("destination") or {} for route in rule.get("route") or []]
    return all(
        to.get("subset", "") in ("", *VERSIONS)
        for to in destinations
        if names_service(str(to.get("host", "")), namespace, SERVICE, namespace)
    )


def read_user(rule: Object) -> str:
    """Return the user whose requests a rule takes, by the header alone; "" when there is no one."""
    matches = rule.get("match") or rule.get("matches") or []
    if len(matches) != 1:
        return ""
    match = {k: v for k, v in matches[0].items() if k not in ("name", "path") and v}
    headers = match.pop("headers", None)
    if match or not headers or len(headers) != 1:
        return ""
    if isinstance(headers, list):
        header = headers[0]
        exact = header.get("type", "Exact") == "Exact"
        return str(header.get("value")) if exact and header["name"] == USER_HEADER else ""
    return str((headers.get(USER_HEADER) or {}).get("exact") or "")


def read_version(rule: Object) -> str:
    """Return the one version of reviews that a rule sends to; "" when there is not just one, or
    where it does more than send.
    """
    if rule.get("fault") or rule.get("filters"):
        return ""
    routes = rule.get("route") or []
    names = [str((route.get("destination") or {}).get("subset", "")) for route in routes]
    names += [str(b.get("name")).removeprefix("reviews-") for b in rule.get("backendRefs") or []]
    return names[0] if len(names) == 1 and names[0] in VERSIONS else ""
