"""Applying the rendered components in the order of their dependencies, and waiting for each to be ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.sandbox.istio.catalog import Release
from bot.sandbox.istio.components.common import COMPONENT, OWNER, Manifest, Settings
from bot.sandbox.istio.ctl.console import Progress
from bot.sandbox.istio.ctl.invocation import Invocation
from bot.sandbox.istio.ctl.kube import ApiFailure
from bot.sandbox.istio.ctl.wait import Readiness
from bot.sandbox.istio.errors import CtlError
from bot.sandbox.istio.render import COMPONENTS

MANAGER = "istio-operator"
"""The field manager of everything an installation applies."""
POLL = 2.0
"""Simulated seconds between two looks at what is not ready (Istio's installer)."""


def owner_labels(settings: Settings, component: str = "") -> dict[str, str]:
    """The labels by which an installation knows its own objects; what pruning selects by."""
    made = {
        "operator.istio.io/managed": "Reconcile",
        "operator.istio.io/version": settings.release.version,
        "install.operator.istio.io/owning-resource-namespace": settings.namespace,
        "istio.io/rev": settings.revision or "default",
    }
    if settings.release.owning_resource:
        made[OWNER] = settings.release.owning_resource
    if component:
        made[COMPONENT] = component
    return made


def labelled(obj: Manifest, extra: Mapping[str, str]) -> Manifest:
    """The object with more labels."""
    metadata = obj["metadata"]
    return {**obj, "metadata": {**metadata, "labels": {**metadata["labels"], **extra}}}


def server_side_apply(run: Invocation, obj: Manifest) -> None:
    """Applies one object by force. Raises CtlError in the installer's words."""
    metadata = obj["metadata"]
    shown = f"{obj['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
    try:
        run.kube.apply(obj, MANAGER)
    except ApiFailure as failure:
        reason = f"failed to update resource with server-side apply for obj {shown}: {failure.message}"
        raise CtlError(reason) from failure


@dataclass
class Installer:
    """One installation's work on the components."""

    run: Invocation
    settings: Settings
    progress: Progress
    timeout: float
    dry: bool = False
    errors: list[str] = field(default_factory=list)

    def install(self, rendered: Mapping[str, list[Manifest]]) -> None:
        """Applies every component once those it depends on are done or given up; failures are collected in `errors`."""
        order = _Order(self.settings.release, rendered)
        working: list[_Work] = []
        while True:
            working += [self._begun(name, rendered[name]) for name in order.startable()]
            if not working:
                return
            working = self._round(working, order)

    def _begun(self, component: str, objects: list[Manifest]) -> _Work:
        self.progress.begin(component)
        return _Work(component, self._steps(component, objects))

    def _round(self, working: list[_Work], order: _Order) -> list[_Work]:
        """Gives each component that is due one step; sleeps when all wait."""
        now = self.run.now()
        due = [work for work in working if work.wake <= now]
        if not due:
            self.run.sleep(min(work.wake for work in working) - now)
            return working
        for work in due:
            try:
                work.wake = next(work.steps)
            except StopIteration:
                order.done(work.component)
                working = [other for other in working if other is not work]
                break
        return working

    def _steps(self, component: str, objects: list[Manifest]) -> Iterator[float]:
        """Works on one component; yields the simulated moment before which there is nothing to do."""
        try:
            for obj in objects:
                if not self.dry:
                    server_side_apply(self.run, labelled(obj, owner_labels(self.settings, component)))
                self.progress.applied()
                yield 0.0
            if not self.dry:
                yield from self._ready(component, objects)
        except CtlError as error:
            self.errors.append(error.message)
            self.progress.failed(component, error.message)
        else:
            self.progress.finished(component)

    def _ready(self, component: str, objects: list[Manifest]) -> Iterator[float]:
        readiness = Readiness(self.run.kube, objects)
        deadline = self.run.now() + self.timeout
        while not (state := readiness.check()):
            if state is False:
                self.progress.waiting(component, readiness.pending)
            wake = self.run.now() + POLL
            if wake > deadline:
                yield deadline
                raise CtlError(self._timed_out(readiness))
            yield wake

    def _timed_out(self, readiness: Readiness) -> str:
        reasons = readiness.reasons
        lines = [f"  {name} ({reasons[name]})" if name in reasons else "  " for name in readiness.pending]
        waited = go_duration(self.timeout)
        head = f"failed to wait for resource: resources not ready after {waited}: context deadline exceeded"
        return "\n".join([head, *lines])


@dataclass
class _Work:
    component: str
    steps: Iterator[float]
    wake: float = 0.0


class _Order:
    """Which components may begin: those whose parent is done, or not installed at all."""

    def __init__(self, release: Release, rendered: Mapping[str, list[Manifest]]) -> None:
        self._parents = {child: parent for parent, children in release.dependents.items() for child in children}
        order = [child for children in release.dependents.values() for child in children]
        self._waiting = sorted(rendered, key=lambda name: (order + list(COMPONENTS)).index(name))
        self._done = {name for name in COMPONENTS if name not in rendered}

    def startable(self) -> list[str]:
        """The components that may begin now; each is named once."""
        free = [name for name in self._waiting if self._parents.get(name) in (None, *self._done)]
        self._waiting = [name for name in self._waiting if name not in free]
        return free

    def done(self, component: str) -> None:
        self._done.add(component)


def go_duration(seconds: float) -> str:
    """A duration as Go prints it: `5m0s`, `1h0m0s`, `500ms`."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    head = f"{hours:g}h{minutes:g}m" if hours else f"{minutes:g}m" if minutes else ""
    return f"{head}{left:g}s"
