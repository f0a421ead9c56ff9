"""A rule in words: what it matches, and the command or the line that writes it anew."""

from __future__ import annotations

from bot.diagnosis.cause import Fix
from bot.diagnosis.mesh_rules import HttpRule
from bot.diagnosis.page_requests import list_matches, show_condition_of
from bot.kinds import HTTP_ROUTE, Object
from bot.knowledge.objects.workloads import get_name

UNCONDITIONAL = "has no match"


def show_match(rule: HttpRule) -> str:
    """Return what a rule matches, as its first match is written."""
    matches = list_matches(rule)
    return f"match {show_condition_of(matches[0])}" if matches else UNCONDITIONAL


def suggest_rule_fix(owner: Object, user: str) -> Fix:
    """Return the step that writes a Service's rules anew, else the line to edit them."""
    name, place = get_name(owner), owner["metadata"].get("namespace", "")
    if name == "reviews" and user:
        return Fix(command=f"route {user}")
    kind = "httproute" if owner.get("kind") == HTTP_ROUTE.kind else "virtualservice"
    return Fix(line=f"kubectl edit {kind} {name} -n {place}")
