"""Messages, modals and App Home as HTML that is made and escaped on the server."""

from sandbox.workspace.render.blocks import render_blocks
from sandbox.workspace.render.marks import render_text
from sandbox.workspace.render_context import RenderContext

__all__ = ["RenderContext", "render_blocks", "render_text"]
