"""Messages, modals and App Home as HTML that is made and escaped on the server."""

from bot.sandbox.workspace.look import RenderContext
from bot.sandbox.workspace.render.blocks import render_blocks
from bot.sandbox.workspace.render.marks import render_text

__all__ = ["RenderContext", "render_blocks", "render_text"]
