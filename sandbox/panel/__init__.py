"""Panel beside the channel: the cluster's objects and the routes in force, read from its
API while commands run.
"""

from sandbox.panel.panel import ClusterPanel

__all__ = ["ClusterPanel"]
