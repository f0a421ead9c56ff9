"""Values that describe one request to the layers of the API server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.cluster.kinds import Kind

USER = "kubernetes-admin"
"""Who every request comes from: there is no authentication."""


@dataclass(frozen=True)
class Target:
    """The object or collection that a request addresses.

    `name` is "" for collections, `version` is the version that was asked for.
    """

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    version: str = ""

    @property
    def api_version(self) -> str:
        return self.kind.format_api_version(self.version or self.kind.version)


@dataclass(frozen=True)
class WriteOptions:
    """The options of a write. `manager` is the field manager; `warnings` is what the client is
    told beside the answer, which admission adds to."""

    manager: str
    dry_run: bool = False
    force: bool = False
    warnings: list[str] = field(default_factory=list, compare=False)
    field_validation: str = "Warn"
    """What is said of unknown fields, which are dropped in any case: `Strict` refuses the write,
    `Warn` warns, `Ignore` says nothing."""


@dataclass(frozen=True)
class DeleteOptions:
    """The body of a DELETE. `grace` in seconds; `policy` is Foreground, Background, Orphan or ""
    for the default."""

    grace: int | None = None
    policy: str = ""
    uid: str = ""
    revision: str = ""


@dataclass(frozen=True)
class AdmissionRequest:
    """One request to admission: `obj` is None for a delete, `old` for a create."""

    target: Target
    operation: str
    obj: Object | None
    old: Object | None
    write: WriteOptions
    namespace_labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
