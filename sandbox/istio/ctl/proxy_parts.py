"""What `istioctl proxy-config` shows beside routes, clusters, endpoints and listeners: bootstrap,
secrets, extensions and log levels."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode

from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.envoy_tables import to_camel_case
from sandbox.istio.ctl.invocation import IstioctlInvocation
from sandbox.istio.ctl.proxy_dump import ADMIN_PORT, Json, fetch_config_dump, resolve_pod
from sandbox.istio.ctl.tables import format_table
from sandbox.istio.istioctl_errors import CtlError
from sandbox.istio.render.chart_values import to_yaml

_SECRET_COLUMNS = [
    "RESOURCE NAME",
    "TYPE",
    "STATUS",
    "VALID CERT",
    "SERIAL NUMBER",
    "NOT AFTER",
    "NOT BEFORE",
]
_ARMOUR = re.compile(r"-----BEGIN SANDBOX CERTIFICATE-----\s*(\S+)\s*-----END")
_LEVELS = ("trace", "debug", "info", "warning", "error", "critical", "off")


def find_dump(dumps: list[Json], kind: str) -> Json:
    """Return the part of a dump that is of a kind, such as BootstrapConfigDump, or an empty one."""
    return next((d for d in dumps if str(d.get("@type", "")).endswith(f".{kind}")), {})


def print_bootstrap(run: IstioctlInvocation) -> int:
    """Print what the proxy was started with, in full unless -o short asks for versions."""
    dump = find_dump(fetch_config_dump(run), "BootstrapConfigDump")
    if run["output"] == "short":
        run.write_out("\n".join(list_version_lines(dump)))
        return 0
    return print_whole(run, to_camel_case(dump))


def list_version_lines(dump: Json) -> Iterator[str]:
    """Yield which Istio the proxy is of; Envoy's own version is not played."""
    if version := get_nested(dump, "bootstrap.node.metadata.ISTIO_VERSION", ""):
        yield f"Istio Version: {version}"


def print_whole(run: IstioctlInvocation, value: object) -> int:
    """Print JSON or YAML."""
    if run["output"] == "yaml":
        run.write_out(to_yaml(value).rstrip("\n"))
    else:
        run.write_out(json.dumps(value, indent=4, ensure_ascii=False))
    return 0


def print_secrets(run: IstioctlInvocation) -> int:
    """Print the certificates that the proxy has, one a line."""
    dump = find_dump(fetch_config_dump(run), "SecretsConfigDump")
    if run["output"] != "short":
        return print_whole(run, to_camel_case(dump))
    secrets = dump.get("dynamic_active_secrets") or []
    if not secrets:
        run.write_out("No active or warming secrets found.")
        return 0
    run.write_out(format_table(list_secret_rows(secrets), gap=5))
    return 0


def list_secret_rows(secrets: list[Json], prefix: str = "") -> list[list[str]]:
    """Return the table's rows, the heading first."""
    rows = [_SECRET_COLUMNS]
    for secret in secrets:
        told = _read_certificate(secret.get("secret") or {})
        kind = "CA" if told.get("is_authority") else "Cert Chain" if told else ""
        moments = [str(told.get(name, "")) for name in ("serial", "not_after", "not_before")]
        rows.append(
            [f"{prefix}{secret['name']}", kind, "ACTIVE", str(bool(told)).lower(), *moments]
        )
    return rows


def _read_certificate(secret: Json) -> Json:
    for place in ("tls_certificate.certificate_chain", "validation_context.trusted_ca"):
        raw = get_nested(secret, f"{place}.inline_bytes", "")
        found = _ARMOUR.search(base64.b64decode(raw).decode()) if raw else None
        if found:
            told: Json = json.loads(base64.b64decode(found[1]))
            return told
    return {}


def print_extensions(run: IstioctlInvocation) -> int:
    """Print the heading alone: no extension is configured here."""
    fetch_config_dump(run)
    if run["output"] != "short":
        return print_whole(run, [])
    run.write_out(format_table([["ECDS NAME", "TYPE"]], gap=5))
    return 0


def print_log_levels(run: IstioctlInvocation) -> int:
    """Print the loggers' levels, after changing those that --level names or --reset asks for.

    Raises CtlError for a logger or a level that is not known.
    """
    if len(run.parsed.arguments) != 1:
        raise CtlError("log requires pod name or --selector")
    if run["reset"] and run["level"]:
        raise CtlError("--level cannot be combined with --reset")
    pod, namespace = resolve_pod(run, run.parsed.arguments[0])
    told = _ask_logging(run, pod, namespace, {})
    asked = "warning" if run["reset"] else run["level"]
    for change in parse_levels(asked, told):
        told = _ask_logging(run, pod, namespace, dict([change]))
    run.write_out(f"{pod}.{namespace}:\n{told}".rstrip("\n"))
    return 0


def parse_levels(asked: str, known: str) -> list[tuple[str, str]]:
    """Return loggers with their new levels, all of them (`level`) first.

    `known` is the proxy's list. Raises CtlError.
    """
    found = dict[str, str]()
    for part in filter(None, asked.split(",")):
        name, separator, level = part.split("::")[-1].replace("=", ":").partition(":")
        if not separator:
            found, level = {}, name
        elif name != "level" and f" {name}:" not in known:
            raise CtlError(f"unrecognized logger name: {name}")
        if level not in _LEVELS:
            raise CtlError(f"unrecognized logging level: {level}")
        found[name if separator else "level"] = level
    return sorted(found.items(), key=lambda pair: pair[0] != "level")


def _ask_logging(run: IstioctlInvocation, pod: str, namespace: str, query: Json) -> str:
    path = f"/logging?{urlencode(query)}" if query else "/logging"
    target = f"/api/v1/namespaces/{namespace}/pods/{pod}:{ADMIN_PORT}/proxy{path}"
    status, _, answer = run.kube.fetch("POST", target, None, {})
    if status != 200:
        raise CtlError(f"failed to execute command on Envoy: {answer.decode(errors='replace')}")
    return answer.decode()
