"""The cluster beside the channel: what stands in it and what is in force, as its API tells, while commands run."""

from bot.sandbox.panel.panel import Panel

__all__ = ["Panel"]
