"""Faults that can be injected with one click while the bot works, and undone: in Slack, in
the cluster, and the causes that `/mesh why` names.
"""

from sandbox.troubles.cluster import build_cluster_faults
from sandbox.troubles.controls import FaultControls, InjectableFault, Undo
from sandbox.troubles.engine import build_causes
from sandbox.troubles.slack import GROUP as SLACK
from sandbox.troubles.slack import build_slack_faults, describe_connections

__all__ = [
    "SLACK",
    "FaultControls",
    "InjectableFault",
    "Undo",
    "build_causes",
    "build_cluster_faults",
    "describe_connections",
    "build_slack_faults",
]
