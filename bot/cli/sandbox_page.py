"""The page of the sandbox as the command line starts it: its port, the bot's invitation, the
browser."""

from __future__ import annotations

import shlex
import threading
import webbrowser

from bot.cli.arguments import PAGE_PORT
from bot.cli.terminal import print_error, print_line
from bot.errors import SettingsError
from handlers import STEPS
from sandbox.workspace import DEFAULT_CHANNEL, Completion, Workspace


async def start_workspace(workspace: Workspace, port: int | None) -> None:
    """Start serving the workspace.

    Without a port, on the usual one or, when that is taken, a free one, which is said. Raises
    SettingsError when the port that was asked for is taken.
    """
    wanted = PAGE_PORT if port is None else port
    try:
        await workspace.start(port=wanted)
    except OSError as problem:
        if port is not None:
            raise SettingsError(f"--port {port}: {problem.strerror or problem}") from problem
        await workspace.start(port=0)
        print_error(f"port {wanted} is taken, so the page has another one this time")


async def invite_bot(workspace: Workspace) -> None:
    """Invite the bot to the channel, as a host does in a real workspace: it greets the channel."""
    workspace.channel_actions.remove_member(DEFAULT_CHANNEL, workspace.bot.id)
    await workspace.channel_actions.invite_member(DEFAULT_CHANNEL, workspace.bot.id, "host")


def open_browser(url: str) -> None:
    """Open a URL in the browser, on a thread that nobody waits for: some browsers run in it."""

    def show() -> None:
        if not webbrowser.open(url):
            print_error("--open: no browser was found; open the address yourself")

    threading.Thread(target=show, daemon=True, name="browser").start()


def print_addresses(workspace: Workspace, kubeconfig: str) -> None:
    """Print where the page is, and how kubectl reaches the cluster."""
    print_line(f"channel:    {workspace.page_url}")
    typed = shlex.quote(kubeconfig)
    print_line(f"kubeconfig: {kubeconfig}   (KUBECONFIG={typed} kubectl get pods -A)")


def list_completions(command: str) -> tuple[Completion, ...]:
    """Return what can be typed, for the page's composer.

    Each step that needs no word after it comes first, then all examples.
    """
    complete = [
        step
        for step in STEPS
        if not any(o.is_required() for o in step.options.model_fields.values())
    ]
    typed = [(step.id, step) for step in complete] + [
        (example, step) for step in STEPS for example in step.examples
    ]
    found = {f"{command} {text}": step.summary for text, step in typed}
    return tuple(Completion(text, str(hint)) for text, hint in found.items())
