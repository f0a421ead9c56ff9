"""What people see of messages, modals and App Home, as HTML that is made on the server and escaped by one hand."""

from bot.sandbox.workspace.look import Look
from bot.sandbox.workspace.render.blocks import render_blocks
from bot.sandbox.workspace.render.marks import text_html

__all__ = ["Look", "render_blocks", "text_html"]
