"""Causes why there is nothing to see: Prometheus, Kiali, and requests that nobody sends."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import yaml

from bot.diagnosis.cause import Cause, CauseKind, Finding, Fix, Subject
from bot.diagnosis.facts import describe, show_availability, show_field
from bot.diagnosis.gaps import find_port_gap, find_selector_gap, list_pods_behind
from bot.diagnosis.mesh_state import GATEWAY_NAME, NamespaceState, get_age, is_in_mesh
from bot.diagnosis.object_facts import count_available
from bot.kinds import CONFIG_MAP, DEPLOYMENT, POD, SERVICE, Object
from bot.knowledge.objects.workloads import get_image_tag, get_labels, get_name
from bot.knowledge.observe.kiali_config import CONFIG_KEY, explain_version_mismatch
from bot.text import Text, verbatim
from bot.yaml_text import read_yaml

ASKED_PORTS = {"prometheus": 9090, "kiali": 20001}
"""Ports of the Services by which Kiali, the bot and people ask (samples of Istio)."""
LATELY = 900.0
"""Seconds in which a gateway's new pod is taken for the reason why requests ended."""
SEEING_STEPS = frozenset({"addons", "kiali", "graph"})
"""Steps after which somebody expects numbers."""


def find_prometheus_unready(state: NamespaceState) -> Iterator[Finding]:
    """Yield that Prometheus is missing or not ready, and somebody needs it."""
    prometheus = state.shared.find_mesh(DEPLOYMENT, "prometheus")
    if prometheus is not None and count_available(prometheus):
        yield from find_service_unusable(state, prometheus, "addons prometheus")
        return
    wanted = state.shared.find_mesh(DEPLOYMENT, "kiali") is not None
    if not wanted and not state.activity.wanted & SEEING_STEPS and prometheus is None:
        return
    shown = (
        Text(
            "no Deployment {name} in {namespace}",
            name="prometheus",
            namespace=state.cluster.mesh_namespace,
        )
        if prometheus is None
        else show_availability(prometheus)
    )
    yield Finding(
        Text("Prometheus is not installed: Kiali's graph is drawn from its numbers.")
        if prometheus is None
        else Text("Prometheus is not ready: Kiali's graph is drawn from its numbers."),
        (shown,),
        Fix(command="addons prometheus"),
        frozenset({"Deployment/prometheus"}),
    )


def find_service_unusable(
    state: NamespaceState, deployment: Object, command: str
) -> Iterator[Finding]:
    """Yield that an add-on runs, and that its Service is gone or selects none of its pods."""
    name, place = get_name(deployment), state.cluster.mesh_namespace
    service = state.shared.find_mesh(SERVICE, name)
    shown: Text | None = Text("no Service {service} in {namespace}", service=name, namespace=place)
    if service is not None:
        shown = find_selector_gap(state, service, deployment) or find_port_gap(
            service, ASKED_PORTS[name], list_pods_behind(state, service)
        )
    if shown is None:
        return
    yield Finding(
        Text("{name} runs, and its Service leads nowhere: nobody can ask it.", name=name),
        (shown,),
        Fix(command=command),
        frozenset({f"Deployment/{name}"}),
    )


def find_not_scraping(state: NamespaceState) -> Iterator[Finding]:
    """Yield that Prometheus runs and reaches no proxy of the namespace."""
    numbers = state.numbers
    if numbers is None or numbers.targets is None or not state.injected or numbers.targets_up:
        return
    yield Finding(
        Text("Prometheus reaches none of the proxies in {namespace}.", namespace=state.namespace),
        (
            Text("{up} of {targets} targets are up", up=0, targets=numbers.targets),
            *([verbatim(numbers.target_error)] if numbers.target_error else []),
        ),
        Fix(command="addons prometheus"),
    )


def find_no_traffic(state: NamespaceState) -> Iterator[Finding]:
    """Yield that nobody sent requests lately."""
    numbers = state.numbers
    if numbers is None or numbers.request_rate is None or not is_in_mesh(state):
        return
    if numbers.request_rate <= 0 and not state.activity.streams:
        yield Finding(
            Text("Nobody sends requests: without traffic there is no graph."),
            (
                Text(
                    "Prometheus has no request to {namespace} in the last two minutes",
                    namespace=state.namespace,
                ),
            ),
            Fix(command="traffic start"),
        )


def find_lost_forward(state: NamespaceState) -> Iterator[Finding]:
    """Yield that requests ended when a gateway's pod was replaced: a port-forward dies with it."""
    numbers, page = state.numbers, state.page
    quiet = numbers is not None and numbers.request_rate == 0 and bool(numbers.recorded)
    if not quiet or page is None or not page.whole or state.activity.streams:
        return
    for pod in state.list_own(POD):
        if GATEWAY_NAME in get_labels(pod) and get_age(state, pod) < LATELY:
            yield Finding(
                Text(
                    "Requests ended when the gateway's pod was replaced: a port-forward to it is "
                    "lost, and the page is well."
                ),
                (
                    Text(
                        "{pod} is {seconds:.0f} s old",
                        pod=get_name(pod),
                        seconds=get_age(state, pod),
                    ),
                    page.words,
                ),
                Fix(command="links", advice=Text("Type the port-forward again.")),
            )
            return


def find_kiali_unready(state: NamespaceState) -> Iterator[Finding]:
    """Yield that Kiali is there and none of its pods is available."""
    kiali = state.shared.find_mesh(DEPLOYMENT, "kiali")
    if kiali is not None and not count_available(kiali):
        yield Finding(
            Text("Kiali has no ready pod and does not answer."),
            (show_availability(kiali),),
            Fix(command="kiali"),
            frozenset({"Deployment/kiali"}),
        )
    elif kiali is not None:
        yield from find_service_unusable(state, kiali, "kiali")
    elif service := state.shared.find_mesh(SERVICE, "kiali"):
        yield Finding(
            Text("Kiali's Deployment is gone, and the rest of it is still there."),
            (verbatim(describe(service)),),
            Fix(command="kiali"),
            frozenset({"Deployment/kiali"}),
        )


def read_kiali_config(state: NamespaceState) -> tuple[Object | None, Object]:
    """Return Kiali's ConfigMap and its configuration, parsed; empty when it cannot be parsed."""
    held = state.shared.find_mesh(CONFIG_MAP, "kiali")
    try:
        parsed = read_yaml((held or {}).get("data", {}).get(CONFIG_KEY) or "{}")
    except yaml.YAMLError:
        parsed = {}
    return held, parsed if isinstance(parsed, dict) else {}


def find_other_prometheus(state: NamespaceState) -> Iterator[Finding]:
    """Yield that Kiali's configuration names another Prometheus than the mesh's."""
    held, config = read_kiali_config(state)
    url = ((config.get("external_services") or {}).get("prometheus") or {}).get("url")
    if held is None or not url or state.shared.find_mesh(DEPLOYMENT, "kiali") is None:
        return
    host = urlsplit(str(url)).hostname or ""
    usual = f"prometheus.{state.cluster.mesh_namespace}"
    names = {usual, f"{usual}.svc", f"{usual}.svc.cluster.local", "prometheus"}
    port = urlsplit(str(url)).port
    if host in names and port in (None, 80, 9090) and str(url).startswith("http"):
        return
    yield Finding(
        Text("Kiali asks another Prometheus than the mesh's: {url}.", url=str(url)),
        (
            show_field(held, "external_services.prometheus.url", url),
            Text("usual is {url}", url=f"http://{usual}:9090"),
        ),
        Fix(command="kiali"),
    )


def find_version_mismatch(state: NamespaceState) -> Iterator[Finding]:
    """Yield that Kiali's version is not made for this Istio."""
    kiali, istiod = (
        state.shared.find_mesh(DEPLOYMENT, "kiali"),
        next(iter(state.shared.istiods), None),
    )
    if kiali is None or istiod is None:
        return
    istio = get_labels(istiod).get("operator.istio.io/version") or get_image_tag(istiod)
    found = get_image_tag(kiali)
    if words := explain_version_mismatch(istio, found):
        yield Finding(
            Text("Kiali does not fit Istio: {why}.", why=words),
            (
                verbatim(f"{describe(kiali)}: image tag {found}"),
                verbatim(f"{describe(istiod)}: {istio}"),
            ),
            Fix(command="kiali"),
        )


def find_token(state: NamespaceState) -> Iterator[Finding]:
    """Yield that Kiali asks for credentials, so that the bot cannot read its graph."""
    held, config = read_kiali_config(state)
    strategy = (config.get("auth") or {}).get("strategy", "anonymous")
    if held is None or strategy == "anonymous" or not state.shared.find_mesh(DEPLOYMENT, "kiali"):
        return
    yield Finding(
        Text(
            "Kiali asks for a login ({strategy}): the bot's questions get 401.",
            strategy=str(strategy),
        ),
        (show_field(held, "auth.strategy", strategy),),
        Fix(command="kiali"),
        frozenset({f"ConfigMap/{get_name(held)}"}),
    )


CAUSES = (
    Cause(
        "port-forward-lost",
        Subject.OBSERVING,
        "The person's own port-forward died with the gateway's pod.",
        "The gateway's pod was replaced lately, the rate fell to 0, and the page answers.",
        "The line again, or `/mesh traffic start`",
        find_lost_forward,
        ("expose", "ambient", "traffic"),
        ("no-traffic",),
        kind=CauseKind.NORMAL,
        always=True,
        source="kubectl forwards to one pod",
    ),
    Cause(
        "no-traffic",
        Subject.OBSERVING,
        "Nobody sent requests in the window, or fewer than two.",
        "`istio_requests_total` does not grow, and the targets are up.",
        "`/mesh traffic start`",
        find_no_traffic,
        ("traffic", "graph"),
        kind=CauseKind.NORMAL,
        always=True,
    ),
    Cause(
        "prometheus-not-ready",
        Subject.OBSERVING,
        "Prometheus is missing, scaled to 0 or not ready, and Kiali is there or a graph was asked "
        "for.",
        "The Deployment; the API answers 503.",
        "`/mesh addons prometheus`",
        find_prometheus_unready,
        ("addons", "graph"),
        ("no-traffic", "prometheus-not-scraping"),
        gravity=6,
        needs=(
            DEPLOYMENT,
            SERVICE,
        ),
    ),
    Cause(
        "prometheus-not-scraping",
        Subject.OBSERVING,
        "Prometheus runs and has no proxy of the namespace among its targets.",
        "Its targets, and their last error.",
        "Its scrape configuration; `/mesh addons prometheus`",
        find_not_scraping,
        ("graph",),
        ("no-traffic",),
        gravity=6,
    ),
    Cause(
        "kiali-not-ready",
        Subject.OBSERVING,
        "Kiali is there and does not answer.",
        "Its Deployment, or that it is gone while its Service is there.",
        "`/mesh kiali`",
        find_kiali_unready,
        ("kiali",),
        gravity=6,
        needs=(DEPLOYMENT, SERVICE),
    ),
    Cause(
        "kiali-other-prometheus",
        Subject.OBSERVING,
        "Kiali's configuration names another Prometheus.",
        "ConfigMap kiali, `external_services.prometheus.url`.",
        "`/mesh kiali`",
        find_other_prometheus,
        ("kiali", "graph"),
        gravity=6,
    ),
    Cause(
        "kiali-version-mismatch",
        Subject.OBSERVING,
        "Kiali's version is not made for this Istio.",
        "Both versions, and Kiali's table.",
        "`/mesh kiali`",
        find_version_mismatch,
        ("kiali",),
        ("kiali-not-ready",),
        gravity=6,
        source="the table of versions on kiali.io",
    ),
    Cause(
        "kiali-asks-for-login",
        Subject.OBSERVING,
        "Kiali wants credentials (token, openid), which the bot has none of.",
        "ConfigMap kiali, `auth.strategy`; 401 of its API.",
        "Anonymous access, or look at Kiali in a browser",
        find_token,
        ("graph", "kiali"),
        gravity=7,
        source="Kiali 1.87 and 2.26, authentication strategies",
    ),
)
