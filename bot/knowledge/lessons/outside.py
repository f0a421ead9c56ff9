"""A caller outside the mesh: the API server's proxy, through which the bot asks a Service.

It speaks plain text and has no identity of the mesh. What it is answered shows what a pod's proxy
lets in; a gateway, which is in the mesh, shows the other side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.knowledge.lessons.looks import Look, Looker
from bot.knowledge.observe.probes import strip_proxy_prefix
from bot.knowledge.routing.manifests import PORT
from bot.ports import HttpRequest, HttpResponse
from bot.steps import Context
from bot.text import EMPTY, Text

PATH = "/health"
"""What all applications of Bookinfo answer by themselves, without asking others (1.20)."""
PATIENCE = 5.0
"""Seconds for an answer: a proxy that refuses does so at once."""
DENIED = "RBAC: access denied"
"""Body of an Envoy's 403 by an AuthorizationPolicy (Istio 1.23 and 1.30)."""
_CUT = re.compile(r"reset by peer|\bEOF\b")
"""Go's words in the API server for a connection that the other end cut. That nothing listens, or
that no pod is ready, reads otherwise, and proves nothing."""


@dataclass(frozen=True)
class OutsideAnswer:
    """What a caller outside the mesh met: an HTTP status (0 for none) and why it has none.

    `cut`: the pod's side ended the connection. `denied`: a policy refused the request.
    """

    service: str
    status: int = 0
    cut: bool = False
    denied: bool = False
    why: Text = EMPTY

    @property
    def is_refused(self) -> bool:
        """Whether the pod's proxy turned the caller away."""
        return self.cut or self.denied

    @property
    def words(self) -> Text:
        """What was met, in a line."""
        if self.status:
            return Text(
                "from outside the mesh (through the API server) to {service}: status {status}",
                service=self.service,
                status=self.status,
            )
        if self.cut:
            return Text(
                "from outside the mesh (through the API server) to {service}: connection cut "
                "({why})",
                service=self.service,
                why=self.why,
            )
        return Text(
            "from outside the mesh (through the API server) to {service}: no answer ({why})",
            service=self.service,
            why=self.why,
        )


async def ask_from_outside(context: Context, service: str) -> OutsideAnswer:
    """Ask a Service of Bookinfo how it is, straight through the API server."""
    ask = HttpRequest(context.workshop.app_namespace, service, PORT, PATH, seconds=PATIENCE)
    try:
        return judge_answer(service, await context.web.ask(ask))
    except ClusterError as problem:
        return judge_silence(service, problem.message)


def judge_answer(service: str, answer: HttpResponse) -> OutsideAnswer:
    """Return what an answer says: an application's own 403 is no policy's."""
    denied = answer.status == 403 and DENIED in answer.text
    return OutsideAnswer(service, answer.status, denied=denied)


def judge_silence(service: str, problem: Text) -> OutsideAnswer:
    """Return what the API server's words for a missing answer say."""
    why = strip_proxy_prefix(problem)
    return OutsideAnswer(service, cut=bool(_CUT.search(str(why))), why=why)


def look_from_outside(context: Context, service: str, *, refused: bool) -> Looker:
    """Return a look at a Service from outside: whether it refuses, or else takes plain text.

    A policy's 403 is an answer, too: the connection was taken, and the request read.
    """

    async def look() -> Look:
        met = await ask_from_outside(context, service)
        holds = met.is_refused if refused else met.status == 200 or met.denied
        because = (
            Text("a caller outside the mesh was not refused by {service}.", service=service)
            if refused
            else Text("a caller outside the mesh gets no answer from {service}.", service=service)
        )
        return Look(holds, (met.words,), because)

    return look
