"""The live mesh configuration, and its tracing settings in words."""

from __future__ import annotations

import yaml

from bot.kinds import CONFIG_MAP, Object
from bot.steps import Context
from bot.text import Text


async def read_mesh_config(context: Context) -> Object:
    """Return the live mesh configuration, parsed; empty when there is none."""
    held = await context.cluster.get(CONFIG_MAP, "istio", context.workshop.mesh_namespace)
    parsed = yaml.safe_load((held or {}).get("data", {}).get("mesh", "") or "{}")
    return parsed if isinstance(parsed, dict) else {}


def describe_tracing(config: Object) -> Text:
    """Describe the tracing settings of a mesh configuration."""
    tracing = (config.get("defaultConfig") or {}).get("tracing") or {}
    address = (tracing.get("zipkin") or {}).get("address")
    if not address:
        return Text("tracing is not configured")
    return Text(
        "traces go to {address}, {float:g} % of requests",
        address=address,
        float=float(tracing.get("sampling", 1.0)),
    )
