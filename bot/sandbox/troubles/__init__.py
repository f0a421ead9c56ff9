"""Troubles that can be made while the bot works, one click each, and taken back: in Slack and in the cluster."""

from bot.sandbox.troubles.cluster import cluster_troubles
from bot.sandbox.troubles.slack import GROUP as SLACK
from bot.sandbox.troubles.slack import connections, slack_troubles
from bot.sandbox.troubles.strip import Strip, Trouble, Undo

__all__ = ["SLACK", "Strip", "Trouble", "Undo", "cluster_troubles", "connections", "slack_troubles"]
