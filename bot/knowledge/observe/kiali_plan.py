"""Kiali's objects as the workshop wants them, and what others would lose by them."""

from __future__ import annotations

from dataclasses import replace

import yaml

from bot.kinds import CONFIG_MAP, Object
from bot.knowledge.objects.apply import load_sample
from bot.knowledge.objects.conflicts import build_plan, find_write_conflicts
from bot.knowledge.observe.kiali_config import CONFIG_KEY, apply_workshop_settings
from bot.steps import Context, Plan
from bot.text import Text
from bot.yaml_text import read_yaml

ANONYMOUS = "anonymous"
"""The strategy of the release's sample, by which nobody is asked who they are (Kiali 1.87 to
2.26)."""


async def load_objects(context: Context) -> list[Object]:
    """Return the objects of the release's sample with the workshop's settings."""
    mesh = context.workshop.mesh_namespace
    return apply_workshop_settings(context, await load_sample(context, "addons/kiali.yaml", mesh))


async def plan_kiali(context: Context) -> Plan | None:
    """Return which settings of others would be lost, None when none would."""
    objects = await load_objects(context)
    plan = build_plan(context, await find_write_conflicts(context, objects))
    if plan is None:
        return None
    strategy = read_strategy(
        await context.cluster.get(CONFIG_MAP, "kiali", context.workshop.mesh_namespace)
    )
    if strategy in ("", ANONYMOUS):
        return plan
    warning = Text(
        "Kiali asks for a {strategy} now, and would ask for nothing afterwards: whoever reaches it "
        "acts as its account.",
        strategy=strategy,
    )
    return replace(plan, warnings=(warning, *plan.warnings))


def read_strategy(config_map: Object | None) -> str:
    """Return how Kiali asks who somebody is, by its ConfigMap; "" when that does not say it."""
    text = ((config_map or {}).get("data") or {}).get(CONFIG_KEY)
    try:
        config = read_yaml(text) if text else None
    except yaml.YAMLError:
        return ""
    auth = config.get("auth") if isinstance(config, dict) else None
    return str(auth.get("strategy", "")) if isinstance(auth, dict) else ""
