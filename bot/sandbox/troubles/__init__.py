"""Faults that can be injected with one click while the bot works, and undone: in Slack and
in the cluster.
"""

from bot.sandbox.troubles.cluster import build_cluster_faults
from bot.sandbox.troubles.slack import GROUP as SLACK
from bot.sandbox.troubles.slack import build_slack_faults, describe_connections
from bot.sandbox.troubles.strip import FaultControls, InjectableFault, Undo

__all__ = [
    "SLACK",
    "FaultControls",
    "InjectableFault",
    "Undo",
    "build_cluster_faults",
    "describe_connections",
    "build_slack_faults",
]
