"""Settings: frozen groups, read once from a YAML file and the environment. Nothing else in the bot
reads either.

The environment wins over the file. `MESHBOT_SLACK__BOT_TOKEN` sets `bot_token` in the group
`slack`. Unknown names are refused in both, so that a misspelt setting never passes for its default.
"""

from bot.settings.groups import (
    ClusterSettings,
    HealthSettings,
    Impersonated,
    IstioSettings,
    LedgerSettings,
    LogSettings,
    RoleSettings,
    Settings,
    SlackSettings,
    WorkshopSettings,
)
from bot.settings.settings_reader import load_settings
from bot.settings.showing import (
    Setting,
    format_settings,
    format_variable_name,
    list_settings,
    require_complete,
)

__all__ = [
    "ClusterSettings",
    "HealthSettings",
    "Impersonated",
    "IstioSettings",
    "LedgerSettings",
    "LogSettings",
    "RoleSettings",
    "Setting",
    "Settings",
    "SlackSettings",
    "WorkshopSettings",
    "format_settings",
    "load_settings",
    "list_settings",
    "require_complete",
    "format_variable_name",
]
