"""The Pod Security Standards: what the levels baseline and restricted forbid in a pod's spec.

Checks, their order and their words are those of k8s.io/pod-security-admission (Kubernetes 1.36);
AppArmor, SELinux, /proc mounts and Windows are left out, for nothing here sets them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from sandbox.cluster.contract import Object

_DEFAULT_CAPABILITIES = frozenset(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID "
    "SETPCAP SETUID SYS_CHROOT".split()
)
_SAFE_SYSCTLS = frozenset(
    "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.tcp_syncookies "
    "net.ipv4.ping_group_range net.ipv4.ip_unprivileged_port_start "
    "net.ipv4.ip_local_reserved_ports net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout "
    "net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem "
    "net.ipv4.tcp_wmem".split()
)
_PLAIN_VOLUMES = frozenset(
    "configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret "
    "image".split()
)


class Violation(NamedTuple):
    """One check that a pod does not pass."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})"


Check = Callable[[Object], Iterable[str]]
"""Yields what is wrong; nothing where a spec passes."""


def find_violations(spec: Object, level: str) -> list[Violation]:
    """Return what a level forbids in a pod's spec, in the order of messages."""
    checks = {"baseline": _BASELINE, "restricted": _RESTRICTED}.get(level, ())
    found = ((reason, list(check(spec))) for reason, check in checks)
    return [Violation(reason, "; ".join(details)) for reason, details in found if details]


def _list_containers(spec: Object) -> list[Object]:
    return [
        *(spec.get("initContainers") or ()),
        *(spec.get("containers") or ()),
        *(spec.get("ephemeralContainers") or ()),
    ]


def _get_context(obj: Object) -> Object:
    return obj.get("securityContext") or {}


def _quote(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _name_containers(containers: Sequence[Object]) -> str:
    noun = "container" if len(containers) == 1 else "containers"
    return f"{noun} {_quote(c['name'] for c in containers)}"


def _say_of(spec: Object, wrong: Callable[[Object], bool], words: str) -> Iterator[str]:
    if found := [c for c in _list_containers(spec) if wrong(c)]:
        yield f"{_name_containers(found)} {words}"


def _check_host_namespaces(spec: Object) -> Iterator[str]:
    fields = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if fields:
        yield ", ".join(f"{name}=true" for name in fields)


def _check_host_paths(spec: Object) -> Iterator[str]:
    names = [v["name"] for v in spec.get("volumes") or () if v.get("hostPath")]
    if names:
        yield f"{'volume' if len(names) == 1 else 'volumes'} {_quote(names)}"


def _list_host_ports(container: Object) -> list[str]:
    return [str(p["hostPort"]) for p in container.get("ports") or () if p.get("hostPort")]


def _check_host_ports(spec: Object) -> Iterator[str]:
    found = [c for c in _list_containers(spec) if _list_host_ports(c)]
    if found:
        ports = sorted({port for c in found for port in _list_host_ports(c)})
        verb = "uses" if len(found) == 1 else "use"
        noun = "hostPort" if len(ports) == 1 else "hostPorts"
        yield f"{_name_containers(found)} {verb} {noun} {', '.join(ports)}"


def _check_privileged(spec: Object) -> Iterator[str]:
    def wrong(container: Object) -> bool:
        return bool(_get_context(container).get("privileged"))

    return _say_of(spec, wrong, "must not set securityContext.privileged=true")


def _list_added(container: Object, allowed: frozenset[str]) -> list[str]:
    capabilities = _get_context(container).get("capabilities") or {}
    return [c for c in capabilities.get("add") or () if c not in allowed]


def _check_added(spec: Object, allowed: frozenset[str]) -> Iterator[str]:
    found = [c for c in _list_containers(spec) if _list_added(c, allowed)]
    if found:
        added = sorted({name for c in found for name in _list_added(c, allowed)})
        yield (
            f"{_name_containers(found)} must not include {_quote(added)} in "
            "securityContext.capabilities.add"
        )


def _check_default_capabilities(spec: Object) -> Iterator[str]:
    return _check_added(spec, _DEFAULT_CAPABILITIES)


def _check_dropped_capabilities(spec: Object) -> Iterator[str]:
    def wrong(container: Object) -> bool:
        capabilities = _get_context(container).get("capabilities") or {}
        return "ALL" not in (capabilities.get("drop") or ())

    yield from _say_of(spec, wrong, 'must set securityContext.capabilities.drop=["ALL"]')
    yield from _check_added(spec, frozenset({"NET_BIND_SERVICE"}))


def _get_seccomp(obj: Object) -> str:
    return str((_get_context(obj).get("seccompProfile") or {}).get("type", ""))


def _check_unconfined(spec: Object) -> Iterator[str]:
    words = 'must not set securityContext.seccompProfile.type to "Unconfined"'
    if _get_seccomp(spec) == "Unconfined":
        yield f"pod {words}"
    yield from _say_of(spec, lambda c: _get_seccomp(c) == "Unconfined", words)


def _check_seccomp(spec: Object) -> Iterator[str]:
    if found := list(_check_unconfined(spec)):
        yield from found
    elif not _get_seccomp(spec):
        words = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        for text in _say_of(spec, lambda c: not _get_seccomp(c), words):
            yield f"pod or {text}"


def _check_sysctls(spec: Object) -> Iterator[str]:
    names = [s["name"] for s in _get_context(spec).get("sysctls") or ()]
    if unsafe := [name for name in names if name not in _SAFE_SYSCTLS]:
        yield ", ".join(unsafe)


def _check_escalation(spec: Object) -> Iterator[str]:
    def wrong(container: Object) -> bool:
        return _get_context(container).get("allowPrivilegeEscalation") is not False

    return _say_of(spec, wrong, "must set securityContext.allowPrivilegeEscalation=false")


def _check_volumes(spec: Object) -> Iterator[str]:
    found = [
        (v["name"], kind)
        for v in spec.get("volumes") or ()
        for kind in v
        if kind != "name" and kind not in _PLAIN_VOLUMES
    ]
    if found:
        names, kinds = [name for name, _ in found], sorted({kind for _, kind in found})
        one = len(names) == 1
        noun, verb = ("volume", "uses") if one else ("volumes", "use")
        types = "type" if len(kinds) == 1 else "types"
        yield f"{noun} {_quote(names)} {verb} restricted volume {types} {_quote(kinds)}"


def _check_non_root(spec: Object) -> Iterator[str]:
    words = "must not set securityContext.runAsNonRoot=false"
    whole = _get_context(spec).get("runAsNonRoot")
    if whole is False:
        yield f"pod {words}"

    def get(container: Object) -> object:
        return _get_context(container).get("runAsNonRoot")

    explicit = list(_say_of(spec, lambda c: get(c) is False, words))
    yield from explicit
    if not explicit and whole is None:
        words = "must set securityContext.runAsNonRoot=true"
        for text in _say_of(spec, lambda c: get(c) is None, words):
            yield f"pod or {text}"


def _check_user(spec: Object) -> Iterator[str]:
    if _get_context(spec).get("runAsUser") == 0:
        yield "pod must not set runAsUser=0"
    yield from _say_of(
        spec, lambda c: _get_context(c).get("runAsUser") == 0, "must not set runAsUser=0"
    )


_SHARED: tuple[tuple[str, Check], ...] = (
    ("host namespaces", _check_host_namespaces),
    ("hostPath volumes", _check_host_paths),
    ("hostPort", _check_host_ports),
    ("privileged", _check_privileged),
)
_BASELINE: tuple[tuple[str, Check], ...] = (
    ("non-default capabilities", _check_default_capabilities),
    *_SHARED,
    ("seccompProfile", _check_unconfined),
    ("forbidden sysctls", _check_sysctls),
)
_RESTRICTED: tuple[tuple[str, Check], ...] = (
    *_SHARED,
    ("forbidden sysctls", _check_sysctls),
    ("allowPrivilegeEscalation != false", _check_escalation),
    ("unrestricted capabilities", _check_dropped_capabilities),
    ("restricted volume types", _check_volumes),
    ("runAsNonRoot != true", _check_non_root),
    ("runAsUser=0", _check_user),
    ("seccompProfile", _check_seccomp),
)
"""A restricted check stands in for the baseline's of the same subject."""
