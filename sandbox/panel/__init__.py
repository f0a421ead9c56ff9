"""Panels beside the channel: the cluster's objects and the routes in force, the application as
several people see it, and the live graph of the mesh.
"""

from pathlib import Path

from sandbox.consoles.document import ASSETS
from sandbox.panel.application import ApplicationPanel
from sandbox.panel.mesh import MeshPanel
from sandbox.panel.panel import ClusterPanel

__all__ = ["ApplicationPanel", "ClusterPanel", "MeshPanel", "load_styles"]


def load_styles() -> str:
    """Return the style sheet of the panels; it is read at once, a small file."""
    own = (Path(__file__).parent / "static" / "panels.css").read_text(encoding="utf-8")
    return f"{own}\n{ASSETS['graph.css']}"
