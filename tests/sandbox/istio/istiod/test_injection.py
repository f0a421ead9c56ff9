"""Injection: the pod that istiod's webhook makes of the one that was asked for."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sandbox.cluster.contract import Object
from sandbox.istio.istiod import injection
from sandbox.istio.istiod.mesh_configuration import IstiodIdentity, MeshConfiguration

NEW, OLD = "1.30.3", "1.23.2"
VOLUMES = (
    "workload-socket credential-socket workload-certs istio-envoy istio-data istio-podinfo "
    "istio-token istiod-ca-cert"
)


def mesh(
    version: str, config: Object | None = None, values: Object | None = None, **env: str
) -> MeshConfiguration:
    """A mesh of one release."""
    me = IstiodIdentity("istiod-1", "istio-system", f"docker.io/istio/pilot:{version}", env=env)
    return MeshConfiguration(me, config or {}, values or {})


def pod(annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None) -> Object:
    """A pod of a Deployment `details-v1`, before it has a name."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "details-v1-abc",
        "controller": True,
    }
    meta: Object = {
        "generateName": "details-v1-abc-",
        "ownerReferences": [owner],
        "annotations": annotations or {},
    }
    meta["labels"] = {
        "app": "details",
        "version": "v1",
        "pod-template-hash": "abc",
        **(labels or {}),
    }
    container = {"name": "details", "image": "details", "ports": [{"containerPort": 9080}]}
    return {"metadata": meta, "spec": {"containers": [container]}}


def injected(
    version: str, given: Object | None = None, kubelet: str = "v1.36.3", **settings: str
) -> Object:
    """The pod after injection, by way of the webhook's JSON patch."""
    review = {"request": {"uid": "u", "namespace": "bookinfo", "object": given or pod()}}
    answer = injection.answer_injection_review(
        json.dumps(review).encode(), mesh(version, None, None, **settings), [kubelet, "v1.36.3"]
    )["response"]
    assert answer["allowed"]
    return patched(given or pod(), answer)


def patched(given: Object, answer: Object) -> Object:
    """Applies a patch of whole fields, as the webhook writes them."""
    result: Object = json.loads(json.dumps(given))
    for step in json.loads(base64.b64decode(answer.get("patch", "W10="))):
        _, part, key = step["path"].split("/", 2)
        result[part][key] = step["value"]
    return result


def status(given: Object) -> Any:
    """The annotation that says what was injected."""
    return json.loads(given["metadata"]["annotations"]["sidecar.istio.io/status"])


def names(containers: list[Object]) -> list[str]:
    """The containers' names."""
    return [c["name"] for c in containers]


def test_istio_1_30_injects_a_native_sidecar() -> None:
    """Where every kubelet is 1.33 or newer, the proxy is an init container that keeps running."""
    result = injected(NEW)
    assert names(result["spec"]["containers"]) == ["details"]
    assert names(result["spec"]["initContainers"]) == ["istio-init", "istio-proxy"]
    assert result["spec"]["initContainers"][1]["restartPolicy"] == "Always"
    said = status(result)
    assert said["initContainers"] == ["istio-init", "istio-proxy"]
    assert said["containers"] is None
    assert said["volumes"] == [*VOLUMES.split(), "istio-ca-crl"]


@pytest.mark.parametrize(("version", "kubelet"), [(OLD, "v1.36.3"), (NEW, "v1.32.1")])
def test_a_container_where_native_sidecars_are_not_used(version: str, kubelet: str) -> None:
    """Istio 1.23, and 1.30 beside an older kubelet, append a container."""
    result = injected(version, kubelet=kubelet)
    assert names(result["spec"]["containers"]) == ["details", "istio-proxy"]
    assert names(result["spec"]["initContainers"]) == ["istio-init"]
    assert status(result)["containers"] == ["istio-proxy"]


def test_istio_1_23_mounts_no_revocation_list() -> None:
    """The volumes are those recorded of each release."""
    assert status(injected(OLD))["volumes"] == VOLUMES.split()


def test_native_sidecars_can_be_asked_for() -> None:
    """ENABLE_NATIVE_SIDECARS on istiod decides where it is set."""
    result = injected(OLD, ENABLE_NATIVE_SIDECARS="true")
    assert names(result["spec"]["initContainers"]) == ["istio-init", "istio-proxy"]


@pytest.mark.parametrize("version", [NEW, OLD])
def test_labels_and_annotations_are_those_recorded(version: str) -> None:
    """A person and the bot tell an injected pod by these."""
    meta = injected(version)["metadata"]
    added = {k: v for k, v in meta["labels"].items() if k not in pod()["metadata"]["labels"]}
    assert added == {
        "security.istio.io/tlsMode": "istio",
        "service.istio.io/canonical-name": "details",
        "service.istio.io/canonical-revision": "v1",
    }
    assert {k: v for k, v in meta["annotations"].items() if k != "sidecar.istio.io/status"} == {
        "istio.io/rev": "default",
        "kubectl.kubernetes.io/default-container": "details",
        "kubectl.kubernetes.io/default-logs-container": "details",
        "prometheus.io/path": "/stats/prometheus",
        "prometheus.io/port": "15020",
        "prometheus.io/scrape": "true",
    }


def test_metrics_are_merged() -> None:
    """The proxy is scraped instead of the application, and told where the application's metrics
    are."""
    own = {
        "prometheus.io/scrape": "true",
        "prometheus.io/path": "/metrics",
        "prometheus.io/port": "9080",
    }
    result = injected(NEW, pod(own))
    assert result["metadata"]["annotations"]["prometheus.io/port"] == "15020"
    assert (
        env(result, "ISTIO_PROMETHEUS_ANNOTATIONS")
        == '{"scrape":"true","path":"/metrics","port":"9080"}'
    )


def env(given: Object, name: str) -> str:
    """A variable of the native sidecar."""
    proxy = next(c for c in given["spec"]["initContainers"] if c["name"] == "istio-proxy")
    return str(next(e["value"] for e in proxy["env"] if e["name"] == name))


def test_the_proxy_knows_its_workload() -> None:
    """The Deployment's name is the ReplicaSet's without its hash."""
    result = injected(NEW)
    assert env(result, "ISTIO_META_WORKLOAD_NAME") == "details-v1"
    owner = "kubernetes://apis/apps/v1/namespaces/bookinfo/deployments/details-v1"
    assert env(result, "ISTIO_META_OWNER") == owner


def test_http_probes_go_through_the_agent() -> None:
    """An application's HTTP probe would be refused by mutual TLS, so it is rewritten."""
    given = pod()
    given["spec"]["containers"][0]["readinessProbe"] = {
        "httpGet": {"path": "/health", "port": 9080}
    }
    result = injected(NEW, given)
    probe = result["spec"]["containers"][0]["readinessProbe"]["httpGet"]
    assert (probe["path"], probe["port"]) == ("/app-health/details/readyz", 15020)
    assert "/health" in env(result, "ISTIO_KUBE_APP_PROBERS")


@pytest.mark.parametrize(
    ("given", "namespace"),
    [
        (pod(labels={"sidecar.istio.io/inject": "false"}), "bookinfo"),
        (pod({"sidecar.istio.io/inject": "false"}), "bookinfo"),
        ({"metadata": {}, "spec": {"hostNetwork": True, "containers": []}}, "bookinfo"),
        (pod(), "kube-system"),
        (pod({"sidecar.istio.io/status": "{}"}), "bookinfo"),
    ],
)
def test_pods_that_are_left_alone(given: Object, namespace: str) -> None:
    """istiod's own rules hold on top of the webhook's selectors."""
    assert not injection.needs_injection(given, namespace)


@pytest.mark.parametrize(("word", "old", "new"), [("no", False, True), ("On", True, True)])
def test_words_beside_true_and_false(word: str, old: bool, new: bool) -> None:
    """Before 1.27 every word but a few for yes refused a sidecar."""
    given = pod({"sidecar.istio.io/inject": word})
    assert injection.needs_injection(given, "bookinfo", any_word=True) is old
    assert injection.needs_injection(given, "bookinfo") is new


def test_label_counts_before_annotation() -> None:
    """Whatever the older annotation says."""
    given = pod({"sidecar.istio.io/inject": "false"}, labels={"sidecar.istio.io/inject": "true"})
    assert injection.needs_injection(given, "bookinfo")


def test_resources_can_be_overridden() -> None:
    """One override replaces all of the proxy's resources, as istiod has it."""
    result = injected(NEW, pod({"sidecar.istio.io/proxyCPU": "10m"}))
    assert result["spec"]["initContainers"][1]["resources"] == {"requests": {"cpu": "10m"}}


def test_istio_cni_needs_no_privileged_init_container() -> None:
    """Under the ambient profile `istio-validation` stands where `istio-init` was."""
    config = {"defaultConfig": {"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}}}
    ambient = mesh(NEW, config, {"pilot": {"cni": {"enabled": True}}})
    result = injection.inject_sidecar(pod(), "bookinfo", ambient, native=True)
    assert names(result["spec"]["initContainers"]) == ["istio-validation", "istio-proxy"]
    assert result["metadata"]["labels"]["networking.istio.io/tunnel"] == "http"
    assert result["metadata"]["annotations"]["sidecar.istio.io/interceptionMode"] == "REDIRECT"


def test_a_pod_can_hold_its_application_back() -> None:
    """With holdApplicationUntilProxyStarts the proxy is the first container."""
    given = pod({"proxy.istio.io/config": '{ "holdApplicationUntilProxyStarts": true }'})
    assert names(injected(OLD, given)["spec"]["containers"]) == ["istio-proxy", "details"]


@pytest.mark.parametrize(
    ("config", "image"),
    [
        ({}, "docker.io/istio/proxyv2:1.30.3"),
        ({"image": {"imageType": "distroless"}}, "docker.io/istio/proxyv2:1.30.3-distroless"),
    ],
)
def test_the_image_follows_the_mesh_configuration(config: Object, image: str) -> None:
    """The variant is a suffix of the tag."""
    assert mesh(NEW, {"defaultConfig": config}).build_proxy_image() == image


def test_proxy_config_reads_as_istiod_writes_it() -> None:
    """One line of JSON, tracing first, without what is usual anyway."""
    tracing = {"sampling": 100, "zipkin": {"address": "zipkin.istio-system:9411"}}
    metadata = {"ISTIO_META_ENABLE_HBONE": "true"}
    config = {
        "discoveryAddress": "istiod:15012",
        "image": {"imageType": "distroless"},
        "proxyMetadata": metadata,
    }
    assert mesh(NEW, {"defaultConfig": config | {"tracing": tracing}}).proxy_config_json == (
        '{"tracing":{"zipkin":{"address":"zipkin.istio-system:9411"},"sampling":100},'
        '"proxyMetadata":{"ISTIO_META_ENABLE_HBONE":"true"},"image":{"imageType":"distroless"}}\n'
    )
