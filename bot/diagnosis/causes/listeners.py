"""Causes in a Gateway's listeners: certificates that istiod cannot use, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.cause import Cause, Finding, Fix, Subject
from bot.diagnosis.facts import describe
from bot.diagnosis.gateway_pods import list_edge_gateways
from bot.diagnosis.mesh_state import NamespaceState
from bot.kinds import Object
from bot.knowledge.objects.quotes import shorten_message
from bot.knowledge.objects.workloads import get_name
from bot.text import Text, verbatim

CERTIFICATE = "InvalidCertificateRef", "RefNotPermitted"
"""Reasons of a listener's condition ResolvedRefs that are about its certificates (Gateway API 1.1
to 1.5); `InvalidRouteKinds` is about the routes that it admits."""
REFUSED = "UnsupportedProtocol", "PortUnavailable", "HostnameConflict", "ProtocolConflict"
"""Reasons of Accepted and Conflicted by which a listener is not served."""


def list_listener_conditions(gateway: Object) -> Iterator[tuple[Object, Object]]:
    """Yield the listeners of a Gateway with each condition that istiod wrote of them, as the
    Gateway is now."""
    now = gateway["metadata"].get("generation")
    named = {each.get("name"): each for each in gateway["spec"].get("listeners") or []}
    for status in (gateway.get("status") or {}).get("listeners") or []:
        listener = named.get(status.get("name"))
        for condition in status.get("conditions") or [] if listener else []:
            if condition.get("observedGeneration", now) == now and listener is not None:
                yield listener, condition


def show_listener(gateway: Object, listener: Object, condition: Object) -> Text:
    """Return a condition of a listener with its reason and message."""
    words = f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return verbatim(
        f"{describe(gateway)}, listener {listener['name']}: {condition.get('type')}="
        f"{condition.get('status')} {shorten_message(words)}"
    )


def find_certificate_unusable(state: NamespaceState) -> Iterator[Finding]:
    """Yield listeners for TLS whose certificate is missing, malformed or not granted."""
    for gateway in list_edge_gateways(state):
        for listener, condition in list_listener_conditions(gateway):
            if condition.get("status") != "False" or condition.get("reason") not in CERTIFICATE:
                continue
            refs = (listener.get("tls") or {}).get("certificateRefs") or []
            names = [f"{r.get('namespace', state.namespace)}/{r.get('name')}" for r in refs]
            place, _, name = (names or [f"{state.namespace}/?"])[0].partition("/")
            yield Finding(
                Text(
                    "Listener {listener} of Gateway {gateway} has no certificate that it may use "
                    "({secret}): nobody gets in by it.",
                    listener=listener["name"],
                    gateway=get_name(gateway),
                    secret=f"Secret {place}/{name}",
                ),
                (show_listener(gateway, listener, condition),),
                Fix(line=f"kubectl create secret tls {name} -n {place} --cert=FILE --key=FILE")
                if condition["reason"] == "InvalidCertificateRef"
                else Fix(
                    advice=Text(
                        "A ReferenceGrant in namespace {place} lets Gateways of {namespace} use "
                        "its Secrets; or keep the Secret beside the Gateway.",
                        place=place,
                        namespace=state.namespace,
                    )
                ),
                frozenset({f"Gateway/{get_name(gateway)}"}),
            )


def find_listener_refused(state: NamespaceState) -> Iterator[Finding]:
    """Yield listeners that istiod does not serve as they are written."""
    for gateway in list_edge_gateways(state):
        for listener, condition in list_listener_conditions(gateway):
            refused = condition.get("status") == (
                "True" if condition.get("type") == "Conflicted" else "False"
            )
            if not refused or condition.get("reason") not in REFUSED:
                continue
            yield Finding(
                Text(
                    "Listener {listener} of Gateway {gateway} is refused: nobody gets in by it.",
                    listener=listener["name"],
                    gateway=get_name(gateway),
                ),
                (show_listener(gateway, listener, condition),),
                Fix(line=f"kubectl edit gateway {get_name(gateway)} -n {state.namespace}"),
                frozenset({f"Gateway/{get_name(gateway)}"}),
            )


CAUSES = (
    Cause(
        "gateway-certificate",
        Subject.EXPOSING,
        "A listener for TLS names a Secret that is missing, has no certificate, or is another "
        "namespace's without a ReferenceGrant.",
        "The listener's condition `ResolvedRefs=False InvalidCertificateRef` or `RefNotPermitted`. "
        "Whether a certificate has expired is not seen: the bot reads no Secrets.",
        "A Secret of type `kubernetes.io/tls` beside the Gateway, or a ReferenceGrant",
        find_certificate_unusable,
        ("expose",),
        gravity=3,
        source="Gateway API 1.1 to 1.5; istiod's statuses (1.23 and 1.30)",
        by_object=True,
    ),
    Cause(
        "gateway-listener-refused",
        Subject.EXPOSING,
        "A listener of a Gateway is not served: its protocol, port or host is refused.",
        "The listener's condition `Accepted=False` or `Conflicted=True`.",
        "What the condition says",
        find_listener_refused,
        ("expose",),
        ("route-parent-missing", "route-not-allowed"),
        gravity=3,
        source="Gateway API 1.1 to 1.5",
        by_object=True,
    ),
)
