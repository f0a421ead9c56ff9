"""Prometheus, Kiali, requests that nobody sends, and traces."""

from __future__ import annotations

import json

from bot.diagnosis.mesh_state import Numbers, PageProbe
from bot.kinds import DEPLOYMENT, SERVICE, TELEMETRY
from bot.text import Text
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode
from tests.diagnosis.shapes import MESH

CASES = Cases()
TELL = """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: default}
spec: {}
"""


@CASES.names("no-traffic")
def nobody_sends(cluster: Cluster) -> None:
    """All proxies are scraped, and nothing is counted."""
    cluster.numbers = Numbers(0.0, 40.0, 6, 6)


WHOLE = PageProbe("bookinfo-gateway-istio", 200, True, Text("the page is whole"))


@CASES.names("port-forward-lost")
def gateway_replaced(cluster: Cluster) -> None:
    """Requests came, then the gateway got another pod, and none came since."""
    cluster.replace_pods("bookinfo-gateway-istio", age=120)
    cluster.numbers, cluster.page = Numbers(0.0, 40.0, 6, 6), WHOLE


@CASES.spares("port-forward-lost")
def gateway_replaced_and_used(cluster: Cluster) -> None:
    """Requests go on through the gateway's new pod."""
    cluster.replace_pods("bookinfo-gateway-istio", age=120)
    cluster.numbers, cluster.page = Numbers(2.0, 40.0, 6, 6), WHOLE


@CASES.spares("no-traffic")
def prometheus_silent(cluster: Cluster) -> None:
    """Numbers that are not known are not zero."""
    cluster.numbers = Numbers()


@CASES.spares("no-traffic", instead="prometheus-not-ready")
@CASES.names("prometheus-not-ready")
def prometheus_scaled_to_zero(cluster: Cluster) -> None:
    """Without Prometheus nobody knows of requests."""
    cluster.scale_to_zero("prometheus")
    cluster.numbers = Numbers(0.0)


@CASES.names("prometheus-not-ready")
def prometheus_not_installed(cluster: Cluster) -> None:
    """Kiali is there, and has nothing to ask."""
    cluster.remove(DEPLOYMENT, "prometheus")
    cluster.remove(SERVICE, "prometheus")


@CASES.names("prometheus-not-ready")
def prometheus_service_gone(cluster: Cluster) -> None:
    """It runs, and nobody can ask it."""
    cluster.remove(SERVICE, "prometheus")


@CASES.names("prometheus-not-ready")
def prometheus_service_selects_nobody(cluster: Cluster) -> None:
    """The Service is there, and leads nowhere."""
    cluster.get_spec(SERVICE, "prometheus")["selector"] = {"app": "prom"}


@CASES.spares("prometheus-not-ready")
@CASES.spares("kiali-not-ready")
def addons_not_yet_begun(cluster: Cluster) -> None:
    """Neither addons nor Kiali have been asked for."""
    cluster.remove(DEPLOYMENT, "prometheus", "kiali", "jaeger")
    cluster.remove(SERVICE, "prometheus", "kiali", "zipkin", "tracing")


@CASES.names("prometheus-not-scraping")
@CASES.spares("no-traffic", instead="prometheus-not-scraping")
def targets_down(cluster: Cluster) -> None:
    """It reaches none of the proxies; that nothing is counted is a consequence."""
    cluster.numbers = Numbers(0.0, 0.0, 6, 0, "connection refused")


@CASES.spares("prometheus-not-scraping")
def targets_unknown(cluster: Cluster) -> None:
    """Where it was not asked, nothing is claimed."""
    cluster.numbers = Numbers(1.0)


@CASES.spares("prometheus-not-scraping", Mode.AMBIENT)
def no_proxies_to_scrape(cluster: Cluster) -> None:
    """In ambient no pod of the application is a target."""
    cluster.numbers = Numbers(1.0, 1.0, 0, 0)


@CASES.names("kiali-not-ready")
def kiali_scaled_to_zero(cluster: Cluster) -> None:
    """Somebody wants no Kiali."""
    cluster.scale_to_zero("kiali")


@CASES.names("kiali-not-ready")
def kiali_service_gone(cluster: Cluster) -> None:
    """It runs, and nobody can ask it."""
    cluster.remove(SERVICE, "kiali")


@CASES.names("kiali-not-ready")
def kiali_deployment_deleted(cluster: Cluster) -> None:
    """The Service and the configuration are still there."""
    cluster.remove(DEPLOYMENT, "kiali")


@CASES.names("kiali-other-prometheus")
@CASES.spares("no-traffic", instead="kiali-other-prometheus")
def asks_the_monitoring(cluster: Cluster) -> None:
    """Kiali asks the Prometheus of somebody else."""
    cluster.set_kiali("external_services: {prometheus: {url: 'http://prometheus.monitoring:9090'}}")


@CASES.spares("kiali-other-prometheus")
def asks_the_usual_by_full_name(cluster: Cluster) -> None:
    """The mesh's Prometheus by its long name."""
    url = "http://prometheus.istio-system.svc.cluster.local:9090/"
    cluster.set_kiali(f"external_services: {{prometheus: {{url: '{url}'}}}}")


@CASES.spares("kiali-other-prometheus")
def configuration_that_cannot_be_read(cluster: Cluster) -> None:
    """What is no YAML names no other Prometheus."""
    cluster.set_kiali("external_services: [")


@CASES.names("kiali-version-mismatch")
@CASES.spares("kiali-not-ready", instead="kiali-version-mismatch")
def kiali_too_old(cluster: Cluster) -> None:
    """A Kiali 1 that does not know this Istio, and does not come up."""
    image = "quay.io/kiali/kiali:v1.50"
    cluster.get_template("kiali")["spec"]["containers"][0]["image"] = image
    cluster.lose_pods("kiali")


@CASES.spares("kiali-version-mismatch")
def kiali_of_a_mirror(cluster: Cluster) -> None:
    """A tag that tells no version tells no mismatch."""
    image = "mirror.example.com/kiali:stable"
    cluster.get_template("kiali")["spec"]["containers"][0]["image"] = image


@CASES.names("kiali-asks-for-login")
def token_wanted(cluster: Cluster) -> None:
    """Kiali's API answers 401 to the bot."""
    cluster.set_kiali("auth: {strategy: token}")


@CASES.spares("kiali-asks-for-login")
def strategy_left_out(cluster: Cluster) -> None:
    """The sample lets everybody in."""
    cluster.set_kiali("server: {port: 20001}")


def set_tracing(cluster: Cluster, **tracing: object) -> None:
    """Gives the mesh other settings of tracing."""
    cluster.mesh_config["defaultConfig"]["tracing"] = tracing


@CASES.names("tracing-settings-lost")
@CASES.spares("tracing-sampling-low", instead="tracing-settings-lost")
def installed_without_settings(cluster: Cluster) -> None:
    """The install did not repeat them; that proxies still have them does no good."""
    cluster.mesh_config = {"defaultConfig": {}}


@CASES.names("tracing-settings-lost", Mode.WAYPOINT)
def tracing_disabled(cluster: Cluster) -> None:
    """An address is there, and tracing is switched off."""
    cluster.mesh_config["enableTracing"] = False


@CASES.spares("tracing-settings-lost")
@CASES.spares("proxy-older-than-settings")
def set_by_a_provider(cluster: Cluster) -> None:
    """The newer way: a provider, and a Telemetry that names it."""
    zipkin = {"service": "zipkin.istio-system.svc.cluster.local", "port": 9411}
    provider = {"name": "jaeger", "zipkin": zipkin}
    cluster.mesh_config = {"enableTracing": True, "extensionProviders": [provider]}
    cluster.apply(TELL, namespace=MESH)
    tracing = {"providers": [{"name": "jaeger"}], "randomSamplingPercentage": 100}
    cluster.get_spec(TELEMETRY, "default")["tracing"] = [tracing]


@CASES.spares("tracing-settings-lost")
def tracing_not_yet_begun(cluster: Cluster) -> None:
    """Nobody has installed Jaeger."""
    cluster.remove(DEPLOYMENT, "jaeger")
    cluster.remove(SERVICE, "zipkin", "tracing")
    installed_without_settings(cluster)


@CASES.names("tracing-sampling-low")
def one_percent(cluster: Cluster) -> None:
    """Istio's own default."""
    set_tracing(cluster, zipkin={"address": "zipkin.istio-system:9411"})


@CASES.names("tracing-sampling-low")
def one_percent_by_telemetry(cluster: Cluster) -> None:
    """A Telemetry of the namespace goes before the mesh's settings."""
    cluster.apply(TELL)
    cluster.get_spec(TELEMETRY, "default")["tracing"] = [{"randomSamplingPercentage": 0.5}]


@CASES.spares("tracing-sampling-low")
def half_of_them(cluster: Cluster) -> None:
    """Every second request is enough to see one."""
    set_tracing(cluster, sampling=50, zipkin={"address": "zipkin.istio-system:9411"})


@CASES.names("tracing-backend-missing")
@CASES.spares("tracing-settings-lost", instead="tracing-backend-missing")
def collector_service_gone(cluster: Cluster) -> None:
    """Proxies send their spans to a Service that is not there."""
    cluster.remove(SERVICE, "zipkin")


@CASES.names("tracing-backend-missing")
def collector_without_pods(cluster: Cluster) -> None:
    """Jaeger is scaled to 0."""
    cluster.scale_to_zero("jaeger")


@CASES.names("tracing-backend-missing", Mode.AMBIENT)
def collector_elsewhere_is_gone(cluster: Cluster) -> None:
    """It was looked up in its namespace, and is not there."""
    set_tracing(cluster, sampling=100, zipkin={"address": "collector.monitoring:9411"})
    cluster.missing_services.add(("monitoring", "collector"))


@CASES.spares("tracing-backend-missing")
def collector_elsewhere(cluster: Cluster) -> None:
    """A collector in a namespace that was not read."""
    elsewhere = "collector.monitoring:9411"
    set_tracing(cluster, sampling=100, zipkin={"address": elsewhere})
    for pod in cluster.list_app_pods():
        told = {"tracing": {"zipkin": {"address": elsewhere}}}
        pod["spec"]["initContainers"][0]["env"][0]["value"] = json.dumps(told)


@CASES.names("proxy-older-than-settings")
@CASES.spares("tracing-settings-lost", instead="proxy-older-than-settings")
def started_before_tracing(cluster: Cluster) -> None:
    """Proxies read these settings only when they start."""
    for pod in cluster.list_pods("reviews-v1"):
        pod["spec"]["initContainers"][0]["env"][0]["value"] = "{}\n"


@CASES.spares("proxy-older-than-settings", Mode.AMBIENT)
def no_proxies_of_its_own(cluster: Cluster) -> None:
    """In ambient no pod has such a proxy."""
    assert not any("initContainers" in pod["spec"] for pod in cluster.list_app_pods())


@CASES.names("telemetry-switched-off")
@CASES.spares("tracing-settings-lost", instead="telemetry-switched-off")
def spans_off(cluster: Cluster) -> None:
    """A Telemetry that keeps spans back."""
    cluster.apply(TELL, namespace=MESH)
    cluster.get_spec(TELEMETRY, "default")["tracing"] = [{"disableSpanReporting": True}]


@CASES.names("telemetry-switched-off")
@CASES.spares("no-traffic", instead="telemetry-switched-off")
def metrics_off(cluster: Cluster) -> None:
    """The requests that nobody counts are a consequence."""
    cluster.apply(TELL)
    overrides = [{"match": {"metric": "ALL_METRICS"}, "disabled": True}]
    cluster.get_spec(TELEMETRY, "default")["metrics"] = [{"overrides": overrides}]
    cluster.numbers = Numbers(0.0, 0.0, 6, 6)


@CASES.spares("telemetry-switched-off")
def one_metric_less(cluster: Cluster) -> None:
    """A metric that no graph is drawn from."""
    cluster.apply(TELL)
    overrides = [{"match": {"metric": "REQUEST_SIZE"}, "disabled": True}]
    cluster.get_spec(TELEMETRY, "default")["metrics"] = [{"overrides": overrides}]


@CASES.spares("telemetry-switched-off")
def spans_off_for_the_neighbour(cluster: Cluster) -> None:
    """Another namespace's Telemetry."""
    cluster.apply(TELL, namespace="shop")
    cluster.get_spec(TELEMETRY, "default")["tracing"] = [{"disableSpanReporting": True}]


@CASES.names("tracing-backend-missing")
def collector_at_another_port(cluster: Cluster) -> None:
    """The Service has no such port."""
    cluster.get_spec(SERVICE, "zipkin")["ports"][0]["port"] = 9412


@CASES.names("tracing-backend-missing")
def collector_listens_elsewhere(cluster: Cluster) -> None:
    """Jaeger takes spans at 9411."""
    cluster.get_spec(SERVICE, "zipkin")["ports"][0]["targetPort"] = 9999


@CASES.names("prometheus-not-ready")
def prometheus_at_another_port(cluster: Cluster) -> None:
    """Kiali asks at 9090."""
    cluster.get_spec(SERVICE, "prometheus")["ports"][0]["port"] = 9091


@CASES.names("tracing-backend-missing")
def collector_by_its_name_alone(cluster: Cluster) -> None:
    """It is looked up in the proxy's namespace."""
    set_tracing(cluster, sampling=100, zipkin={"address": "zipkin:9411"})
    for pod in cluster.list_app_pods():
        told = {"tracing": {"zipkin": {"address": "zipkin:9411"}}}
        pod["spec"]["initContainers"][0]["env"][0]["value"] = json.dumps(told)
