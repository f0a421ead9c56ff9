"""Applying the rendered components in the order of their dependencies, and waiting for each to be
ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.istio.components.common import COMPONENT, OWNER, InstallSettings, Manifest
from sandbox.istio.ctl.console import ProgressLog
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.kube import ApiFailure
from sandbox.istio.ctl.wait import Readiness
from sandbox.istio.istioctl_errors import CtlError
from sandbox.istio.render.render import COMPONENTS
from sandbox.releases.release import IstioRelease

MANAGER = "istio-operator"
"""The field manager of everything an installation applies."""
POLL = 2.0
"""Simulated seconds between two looks at what is not ready (Istio's installer)."""


def build_installation_labels(settings: InstallSettings, component: str = "") -> dict[str, str]:
    """Build the labels by which an installation selects its own objects, e.g. for pruning."""
    made = {
        "operator.istio.io/managed": "Reconcile",
        "operator.istio.io/version": settings.release.version,
        "install.operator.istio.io/owning-resource-namespace": settings.namespace,
        "istio.io/rev": settings.revision or "default",
    }
    if settings.release.istioctl.owning_resource:
        made[OWNER] = settings.release.istioctl.owning_resource
    if component:
        made[COMPONENT] = component
    return made


def add_labels(obj: Manifest, extra: Mapping[str, str]) -> Manifest:
    """Return the object with more labels."""
    metadata = obj["metadata"]
    return {**obj, "metadata": {**metadata, "labels": {**metadata["labels"], **extra}}}


def server_side_apply(run: IstioctlInvocation, obj: Manifest) -> None:
    """Apply one object with force.

    Raises CtlError with the installer's message.
    """
    metadata = obj["metadata"]
    shown = f"{obj['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"
    try:
        run.kube.apply(obj, MANAGER)
    except ApiFailure as failure:
        reason = (
            f"failed to update resource with server-side apply for obj {shown}: {failure.message}"
        )
        raise CtlError(reason) from failure


@dataclass
class Installer:
    """Installs the components of one installation."""

    run: IstioctlInvocation
    settings: InstallSettings
    progress: ProgressLog
    timeout: float
    dry: bool = False
    errors: list[str] = field(default_factory=list)

    def install_components(self, rendered: Mapping[str, list[Manifest]]) -> None:
        """Apply every component once those it depends on are done or have failed.

        Failures are collected in `errors`.
        """
        order = _InstallOrder(self.settings.release, rendered)
        working: list[_ComponentWork] = []
        while True:
            working += [
                self._start_component(name, rendered[name]) for name in order.take_startable()
            ]
            if not working:
                return
            working = self._advance_components(working, order)

    def _start_component(self, component: str, objects: list[Manifest]) -> _ComponentWork:
        self.progress.start_component(component)
        return _ComponentWork(component, self._install_component(component, objects))

    def _advance_components(
        self, working: list[_ComponentWork], order: _InstallOrder
    ) -> list[_ComponentWork]:
        """Advance each component that is due by one step; sleep when all of them wait."""
        now = self.run.now()
        due = [work for work in working if work.wake <= now]
        if not due:
            self.run.sleep(min(work.wake for work in working) - now)
            return working
        for work in due:
            try:
                work.wake = next(work.steps)
            except StopIteration:
                order.mark_done(work.component)
                working = [other for other in working if other is not work]
                break
        return working

    def _install_component(self, component: str, objects: list[Manifest]) -> Iterator[float]:
        """Install one component; yield the simulated moment until which there is nothing to do."""
        try:
            for obj in objects:
                if not self.dry:
                    server_side_apply(
                        self.run,
                        add_labels(obj, build_installation_labels(self.settings, component)),
                    )
                self.progress.report_applied()
                yield 0.0
            if not self.dry:
                yield from self._wait_until_ready(component, objects)
        except CtlError as error:
            self.errors.append(error.message)
            self.progress.report_failed(component, error.message)
        else:
            self.progress.report_finished(component)

    def _wait_until_ready(self, component: str, objects: list[Manifest]) -> Iterator[float]:
        readiness = Readiness(self.run.kube, objects)
        deadline = self.run.now() + self.timeout
        while not (state := readiness.check()):
            if state is False:
                self.progress.report_waiting(component, readiness.pending)
            wake = self.run.now() + POLL
            if wake > deadline:
                yield deadline
                raise CtlError(self._describe_timeout(readiness))
            yield wake

    def _describe_timeout(self, readiness: Readiness) -> str:
        reasons = readiness.reasons
        lines = [
            f"  {name} ({reasons[name]})" if name in reasons else "  " for name in readiness.pending
        ]
        waited = format_go_duration(self.timeout)
        head = (
            f"failed to wait for resource: resources not ready after {waited}: context deadline "
            f"exceeded"
        )
        return "\n".join([head, *lines])


@dataclass
class _ComponentWork:
    component: str
    steps: Iterator[float]
    wake: float = 0.0


class _InstallOrder:
    """The order of the components: one may start when its parent is done or not installed."""

    def __init__(self, release: IstioRelease, rendered: Mapping[str, list[Manifest]]) -> None:
        self._parents = {
            child: parent
            for parent, children in release.istioctl.dependents.items()
            for child in children
        }
        order = [child for children in release.istioctl.dependents.values() for child in children]
        self._waiting = sorted(rendered, key=lambda name: (order + list(COMPONENTS)).index(name))
        self._done = {name for name in COMPONENTS if name not in rendered}

    def take_startable(self) -> list[str]:
        """Return the components that may start now; each is returned once."""
        free = [name for name in self._waiting if self._parents.get(name) in (None, *self._done)]
        self._waiting = [name for name in self._waiting if name not in free]
        return free

    def mark_done(self, component: str) -> None:
        self._done.add(component)


def format_go_duration(seconds: float) -> str:
    """Format a duration (seconds) as Go prints it: `5m0s`, `1h0m0s`, `500ms`."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    head = f"{hours:g}h{minutes:g}m" if hours else f"{minutes:g}m" if minutes else ""
    return f"{head}{left:g}s"
