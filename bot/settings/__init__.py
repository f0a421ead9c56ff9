"""Settings: frozen groups, read once from a YAML file and the environment. Nothing else in the bot reads either.

The environment wins over the file. `MESHBOT_SLACK__BOT_TOKEN` sets `bot_token` in the group `slack`. Unknown names are
refused in both, so that a misspelt setting never passes for its default.
"""

from bot.settings.groups import (
    Cluster,
    Health,
    Impersonated,
    Istio,
    Ledger,
    Log,
    Roles,
    Settings,
    Slack,
    Workshop,
)
from bot.settings.reading import load
from bot.settings.showing import Setting, describe, reference, require, variable

__all__ = [
    "Cluster",
    "Health",
    "Impersonated",
    "Istio",
    "Ledger",
    "Log",
    "Roles",
    "Setting",
    "Settings",
    "Slack",
    "Workshop",
    "describe",
    "load",
    "reference",
    "require",
    "variable",
]
