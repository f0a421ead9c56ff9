"""The words in which the layers of the API server speak of one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.cluster.contract import Object
from bot.sandbox.cluster.kinds import Kind

USER = "kubernetes-admin"
"""Who every request comes from: there is no authentication."""


@dataclass(frozen=True)
class Target:
    """What a request is about; `name` is "" for collections, `version` the apiVersion's version that was asked for."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    version: str = ""

    @property
    def api_version(self) -> str:
        return self.kind.api_version_of(self.version or self.kind.version)


@dataclass(frozen=True)
class Write:
    """How a write is to be done. `manager` is the field manager."""

    manager: str
    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True)
class DeleteOptions:
    """The body of a DELETE. `grace` in seconds; `policy` is Foreground, Background, Orphan or "" for the default."""

    grace: int | None = None
    policy: str = ""
    uid: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Review:
    """One question to admission: `obj` is None for a delete, `old` for a create."""

    target: Target
    operation: str
    obj: Object | None
    old: Object | None
    write: Write
    namespace_labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
